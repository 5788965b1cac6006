"""Notifications: messages that are sent without a request."""

from dataclasses import dataclass

from dormouse.environments.results import Outcome, OutcomeStatus
from dormouse.lifecycle import Verb
from dormouse.text.limits import LONGEST_NOTICE, clipped


@dataclass(frozen=True, slots=True)
class Notification:
    """A message: the event, the machine (resource ID and name), and the text.

    `environment` is the environment that people can open again, or "".
    """

    event: str
    machine: str
    name: str
    text: str
    at: float
    environment: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", clipped(self.text, LONGEST_NOTICE))


@dataclass(frozen=True, slots=True)
class Delivery:
    """The channels that accepted a notification, the errors of the others, and the names of the others (`again`)."""

    delivered: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    again: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NotificationRequest:
    """Input of the activity that sends a notification; `channels` limits it to some channels (empty: all)."""

    notification: Notification
    channels: tuple[str, ...] = ()


SUCCESS_EVENTS = {Verb.PROVISION: "provision done", Verb.ROTATE_PASSWORD: "password rotated"}
FAILURE_EVENTS = {
    Verb.PROVISION: "provision failed",
    Verb.START: "start failed",
    Verb.RESTART: "restart failed",
    Verb.STOP: "stop not confirmed",
    Verb.HIBERNATE: "hibernate failed",
    Verb.RESIZE: "resize failed",
    Verb.ROTATE_PASSWORD: "rotate-password failed",
    Verb.PROMOTE_IMAGE: "promote-image failed",
    Verb.DELETE: "delete failed",
}


def end_of_operation(verb: Verb, environment: str, outcome: Outcome, at: float) -> Notification | None:
    """The notification at the end of an operation, or None.

    Success is reported of provisioning, which takes long, of rotations, because earlier passwords no longer work, and of
    hibernations that came to another end, because work may be lost. A cancelled operation is reported if it has leftovers.
    """
    if outcome.status is OutcomeStatus.SUCCEEDED:
        event = "stopped, not hibernated" if verb is Verb.HIBERNATE and outcome.refusals else SUCCESS_EVENTS.get(verb, "")
    elif outcome.status is OutcomeStatus.CANCELLED and not outcome.leftovers:
        event = ""
    else:
        event = "leftovers" if outcome.leftovers else FAILURE_EVENTS.get(verb, "")
    left = f" Leftovers: {', '.join(outcome.leftovers)}." if outcome.leftovers else ""
    return Notification(event, "", environment, f"{outcome.reason}{left}", at) if event else None
