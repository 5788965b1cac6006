"""The minutes behind a verdict: what the agent of one machine has reported."""

from dormouse.clock import MINUTE, rfc3339
from dormouse.idle.targets import target_key
from dormouse.services.context import Context
from dormouse.services.views.overview import EvidenceView
from dormouse.services.views.schema import moment


async def show_evidence(machine: str, minutes: int, context: Context) -> EvidenceView:
    """The last minutes of every signal that the agent has reported; a machine without an agent has none."""
    dependencies = context.dependencies
    end = int(dependencies.now() // MINUTE)
    first = end - minutes
    record = await dependencies.machines.heard(target_key(machine))
    if record is None:
        return EvidenceView(machine, rfc3339(first * MINUTE), {}, None, None, {})
    series = record.series(first, end)
    known = {name: values for name, values in series.items() if any(value is not None for value in values)}
    heard_at, gpu = moment(record.heard_at), record.gpu or None
    return EvidenceView(machine, rfc3339(first * MINUTE), known, heard_at, gpu, record.problems)
