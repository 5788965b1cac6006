"""Use case: show what the last pass of reconciliation has found, and what it costs."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from dormouse.clock import HOUR, moment_text
from dormouse.errors import InvalidRequest
from dormouse.lifecycle import State
from dormouse.reconcile.findings import Finding, FindingKind, Sighting
from dormouse.reconcile.passes import PassHead
from dormouse.resources.billing.recorded import billed_in
from dormouse.services.context import Context
from dormouse.services.costs.pricing import price_of
from dormouse.services.dependencies import Dependencies
from dormouse.services.views.environments import EnvironmentView
from dormouse.services.views.money import Money
from dormouse.services.views.reconcile import FindingView
from dormouse.text.limits import MOST_PROBLEMS, first_of

LONGEST_NUMBER = 9
# Passes come every hour.
LATE = 3 * HOUR
NONE_YET = "No pass of reconciliation has ended yet."


@dataclass(frozen=True, slots=True)
class FindingPage:
    """Some findings, where the next ones begin ("" at the end), and what is known of the last pass."""

    views: tuple[FindingView, ...]
    after: str
    as_of: float
    problems: tuple[str, ...]


async def show_findings(limit: int, after: str, context: Context) -> FindingPage:
    """A page of findings, confirmed ones first; raises InvalidRequest, CloudUnavailable and UnreadableRecord."""
    dependencies = context.dependencies
    if after and not (after.isascii() and after.isdigit() and len(after) < LONGEST_NUMBER):
        raise InvalidRequest("The cursor does not come from this list.")
    head = await dependencies.reconciled.head() or PassHead(0.0, (NONE_YET,))
    stored = await dependencies.reconciled.findings()
    every = sorted(stored.readable.values(), key=lambda one: (not one.confirmed, one.sighting.kind, one.sighting.id.lower()))
    begin = int(after or 0)
    shown = every[begin : begin + limit]
    policy = dependencies.settings.reconcile
    views = [FindingView.of(one, policy, await _per_month(one.sighting, dependencies)) for one in shown]
    following = str(begin + limit) if len(every) > begin + limit else ""
    late = head.as_of and dependencies.now() - head.as_of > LATE
    problems = (*head.problems, *map(str, stored.unreadable.values()))
    problems += (f"The last pass looked at {moment_text(head.as_of)}; since then none has.",) if late else ()
    return FindingPage(tuple(views), following, head.as_of, first_of(problems, MOST_PROBLEMS))


async def with_missing(views: Sequence[EnvironmentView], dependencies: Dependencies) -> list[EnvironmentView]:
    """The views with what reconciliation says of environments of which Azure shows nothing: one query, or none."""
    if all(view.state is not State.ABSENT for view in views):
        return list(views)
    found = (await dependencies.reconciled.findings()).readable.values()
    texts = ((one.sighting.environment, sentence_of(one)) for one in found)
    said = {name: text for name, text in texts if text}
    return [_with_problem(view, said.get(view.name, "") if view.state is State.ABSENT else "") for view in views]


def _with_problem(view: EnvironmentView, said: str) -> EnvironmentView:
    return replace(view, problem=" ".join(filter(None, (view.problem, said)))) if said else view


def sentence_of(known: Finding) -> str:
    """What to say of an environment with this finding, or ""."""
    if not known.confirmed or known.sighting.kind is not FindingKind.MISSING_ENVIRONMENT:
        return ""
    return f"{known.sighting.why}. Seen first at {moment_text(known.first_seen)}."


async def _per_month(sighting: Sighting, dependencies: Dependencies) -> Money | None:
    """The list price of an orphan by its record, while it exists; None if it is unknown, not billed or not recorded."""
    if sighting.resource is None or not sighting.region:
        return None
    price = await price_of(sighting.region, billed_in([replace(sighting.resource, name="orphan")]), dependencies)
    return price.running.a_month if price.running and price.running.amount else None
