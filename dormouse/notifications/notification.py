"""Notices: what people are told without having asked."""

from dataclasses import dataclass

from dormouse.environments.results import Outcome, OutcomeStatus
from dormouse.lifecycle import Verb
from dormouse.text.limits import LONGEST_NOTICE, clipped


@dataclass(frozen=True, slots=True)
class Notification:
    """Something that people are told: what about, about which machine, in which words."""

    event: str
    machine: str
    name: str
    text: str
    at: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", clipped(self.text, LONGEST_NOTICE))


@dataclass(frozen=True, slots=True)
class Delivery:
    """Where a notice arrived, and why it did not elsewhere; `again` are the kinds of places that it did not reach."""

    delivered: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    again: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NotificationRequest:
    """Input of the activity that tells people: what, and in which kinds of places only, if not in all."""

    notification: Notification
    channels: tuple[str, ...] = ()


FAILED = {
    Verb.PROVISION: "provision failed",
    Verb.START: "start failed",
    Verb.RESTART: "restart failed",
    Verb.STOP: "stop not confirmed",
    Verb.DELETE: "delete failed",
}


def end_of_operation(verb: Verb, environment: str, outcome: Outcome, at: float) -> Notification | None:
    """What people are told of how an operation has ended, or None: what went as somebody asked is news only if it took long.

    What somebody has cancelled they know.
    """
    if outcome.status is OutcomeStatus.SUCCEEDED:
        event = "provision done" if verb is Verb.PROVISION else ""
    elif outcome.status is OutcomeStatus.CANCELLED and not outcome.leftovers:
        event = ""
    else:
        event = "leftovers" if outcome.leftovers else FAILED.get(verb, "")
    left = f" Left: {', '.join(outcome.leftovers)}." if outcome.leftovers else ""
    return Notification(event, "", environment, f"{outcome.reason}{left}", at) if event else None
