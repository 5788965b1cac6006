"""Intervals: in how many seconds a machine's agent is to report again. The control plane decides, and agents follow.

While nothing is to be said, agents report shortly before each sweep, spread over some seconds; otherwise once a minute.
"""

import math
from zlib import crc32

from dormouse.clock import MINUTE
from dormouse.idle.heartbeats.agent_record import AgentRecord
from dormouse.idle.tracking import TrackedMachine
from dormouse.idle.warning import WARNING_EXPIRY

SWEEP_SECONDS = 300  # between two sweeps of the timer, which begin at whole multiples of it
QUICK_SECONDS = 60
# From so many seconds before a sweep on, for so long: a lost heartbeat is repeated before the sweep, and the short spread
# lets an instance rest between sweeps, because Azure bills the time in which an instance executes anything.
SLOTS_BEGIN, SLOTS_LAST = 75, 45
LEAST_PAUSE = 30.0
# After a boot and after a change of a hold, people look whether it has arrived.
YOUNG, HOLD_IS_NEW = 10 * MINUTE, 5 * MINUTE


def next_heartbeat(key: str, record: AgentRecord, tracked: TrackedMachine | None, now: float, usual: int) -> int:
    """The seconds until the next heartbeat of the machine with this key; `usual` while nothing is to be said."""
    if needs_speed(record, tracked, now):
        return QUICK_SECONDS
    spread = crc32(key.encode()) % (SLOTS_LAST * 1000) / 1000
    slot = SWEEP_SECONDS - SLOTS_BEGIN + spread
    earliest = now + LEAST_PAUSE
    return math.ceil(earliest + (slot - earliest) % usual - now)


def needs_speed(record: AgentRecord, tracked: TrackedMachine | None, now: float) -> bool:
    """Whether a minute counts: a stop or its warning is near, or a boot or a hold is new."""
    if now - record.booted_at < YOUNG or any(now - hold.since < HOLD_IS_NEW for hold in record.holds):
        return True
    if tracked is None:
        return False
    held, warned = tracked.hold, tracked.warning
    if tracked.due_soon or (held is not None and now - held.since < HOLD_IS_NEW):
        return True
    # A warning without a stop (action=notify) stays on record for as long as the machine is idle.
    return warned is not None and now <= max(warned.stop_at, warned.given_at) + WARNING_EXPIRY
