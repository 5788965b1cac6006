"""Intervals: in how many seconds a machine's agent is to report again. The control plane decides, and agents follow.

While nothing is to be said, agents report once before each sweep, otherwise once a minute; always in a short slot.
"""

import math

from dormouse.clock import MINUTE
from dormouse.idle.heartbeats.agent_record import AgentRecord
from dormouse.idle.heartbeats.slots import Slots, next_in_slot
from dormouse.idle.tracking import TrackedMachine
from dormouse.idle.warning import WARNING_EXPIRY

SWEEP_SECONDS = 300  # between two sweeps of the timer, which begin at whole multiples of it
QUICK_SECONDS = 60
MINUTES_BEFORE = 1  # a lost heartbeat is repeated before the sweep
LEAST_PAUSE = 30.0
# After a boot and after a change of a hold, people look whether it has arrived.
NEWS = 5 * MINUTE


def next_heartbeat(
    key: str, record: AgentRecord, tracked: TrackedMachine | None, now: float, usual: int, slots: Slots
) -> int:
    """The seconds until the next heartbeat of the machine with this key; about `usual` while nothing is to be said."""
    earliest = now + LEAST_PAUSE
    if needs_speed(record, tracked, now):
        moment = next_in_slot(key, earliest, QUICK_SECONDS, slots.quick.seconds(now, QUICK_SECONDS))
    else:
        moment = next_in_slot(key, earliest, usual, slots.calm.seconds(now, usual), MINUTES_BEFORE)
    return math.ceil(moment - now)


def needs_speed(record: AgentRecord, tracked: TrackedMachine | None, now: float) -> bool:
    """Whether a minute counts: a stop or its warning is near, or a boot or a hold is new."""
    if now - record.booted_at < NEWS or any(now - hold.since < NEWS for hold in record.holds):
        return True
    if tracked is None:
        return False
    held, warned = tracked.hold, tracked.warning
    if tracked.due_soon or (held is not None and now - held.since < NEWS):
        return True
    # A warning without a stop (action=notify) stays on record for as long as the machine is idle.
    return warned is not None and now <= max(warned.stop_at, warned.given_at) + WARNING_EXPIRY
