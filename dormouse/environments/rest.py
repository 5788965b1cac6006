"""The rest of what was stopped: Azure asks for some time between the end of a stop and the next start. Pure."""

from collections.abc import Iterable, Sequence

from dormouse.clock import moment_text, parse_moment
from dormouse.environments.operations import OperationRecord
from dormouse.environments.results import OutcomeStatus
from dormouse.lifecycle import Verb
from dormouse.resources.plan import Resource
from dormouse.resources.registry import kind_of

# A stop that is older than so many operations is long over.
LAST_OPERATIONS = 20
SWEEP = "sweep ("
SWEEP_OF_ALL = "sweep (stop_after)"
QUEUED = "{names} was stopped a short while ago, and Azure asks for a rest: it starts at {when}."


def rest_of(resources: Iterable[Resource]) -> float:
    """The longest rest that any of these resources needs after a stop, in seconds."""
    return max((kind_of(one).rest for one in resources), default=0.0)


def earliest_start(newest_first: Sequence[object], rest: float) -> float:
    """When a rest of so many seconds after the last stop among operations is over; 0.0 if there was none.

    In seconds since 1970. What sweeps stop needs no rest, unless they stop a whole environment. A stop outside the control
    plane is on no record, and Azure does not show when it was.
    """
    for one in newest_first:
        if not isinstance(one, OperationRecord) or one.verb is not Verb.STOP or not one.ended_at:
            continue
        if one.by.startswith(SWEEP) and one.by != SWEEP_OF_ALL:
            continue
        if one.outcome and one.outcome.status is OutcomeStatus.SUCCEEDED:
            return parse_moment(one.ended_at) + rest
    return 0.0


def queued_text(resources: Iterable[Resource], earliest: float) -> str:
    """The sentence that says until when a start waits."""
    names = " and ".join(one.name for one in resources if kind_of(one).rest)
    return QUEUED.format(names=f"The {names}", when=moment_text(earliest))
