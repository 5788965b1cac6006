"""The handler of heartbeats: an agent may only report about its own machine."""

from typing import Any

import azure.functions as func

from dormouse.errors import NotAllowed
from dormouse.http.requests import body_of, model_of
from dormouse.http.responses import answer
from dormouse.idle.heartbeats.agent_record import merge_heartbeat
from dormouse.idle.heartbeats.heartbeat import Heartbeat
from dormouse.idle.heartbeats.intervals import next_heartbeat
from dormouse.idle.holds import longest_hold
from dormouse.resources.compute.machines import key_of
from dormouse.services.context import Context
from dormouse.services.views.heartbeats import HeartbeatAnswer, HeartbeatHold, WarningView

LARGEST = 256 * 1024
# The token of a machine's own (system-assigned) identity names the machine.
MACHINE_CLAIM = "xms_mirid"


async def receive_heartbeat(req: func.HttpRequest, context: Context) -> func.HttpResponse:
    """Accept a heartbeat; its token must have been issued to the machine that it reports about."""
    dependencies = context.dependencies
    settings, now = dependencies.settings, dependencies.now()
    claims = await dependencies.tokens.claims(req, settings.heartbeat_audience)
    beat = model_of(Heartbeat, body_of(req, largest=LARGEST))
    key = _own_machine(beat, claims)
    dependencies.heartbeat_rate_limit.check(key, now)
    record = await dependencies.machines.change_heard(key, lambda known: merge_heartbeat(known, beat, now), now)
    memory = await dependencies.machines.tracked(key)
    warned = memory.warning if memory else None
    name = key.rpartition(":")[2]
    hold = longest_hold(memory.hold if memory else None, record.holds, name, now, settings.longest_hold_minutes)
    warning = WarningView(warned.id, warned.text, max(warned.stop_at - now, 0.0)) if warned else None
    held = HeartbeatHold(hold.by, hold.reason, hold.until - now) if hold else None
    following = next_heartbeat(key, record, memory, now, settings.heartbeat_seconds, dependencies.slots)
    return answer(HeartbeatAnswer(following, confirmed=True, warning=warning, hold=held))


def _own_machine(beat: Heartbeat, claims: dict[str, Any]) -> str:
    """The key of the machine that a heartbeat is about; raises NotAllowed unless the token is that machine's own."""
    refused = NotAllowed("A machine may report about itself only, with the token of its own managed identity.")
    try:
        key = key_of(beat.machine)
        issued_to = key_of(str(claims.get(MACHINE_CLAIM, "")))
    except ValueError:
        raise refused from None
    if issued_to != key:
        raise refused
    return key
