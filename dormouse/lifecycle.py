"""The states of an environment and the commands each of them takes."""

from collections.abc import Sequence
from enum import StrEnum

from dormouse.errors import CommandNotPossible


class Verb(StrEnum):
    """What an operation does to an environment."""

    PROVISION = "provision"
    START = "start"
    STOP = "stop"
    RESTART = "restart"
    HIBERNATE = "hibernate"
    RESIZE = "resize"
    ROTATE_PASSWORD = "rotate-password"  # noqa: S105 - the name of a command
    PROMOTE_IMAGE = "promote-image"
    DELETE = "delete"
    ADOPT = "adopt"
    RELEASE = "release"


class State(StrEnum):
    """The state of an environment as Azure shows it.

    `ready` if nothing in it can be stopped; `partial` if what can be stopped is in different states.
    """

    ABSENT = "absent"
    CREATING = "creating"
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    STOPPED = "stopped"
    STOPPED_BILLED = "stopped_billed"
    DELETING = "deleting"
    INCOMPLETE = "incomplete"
    PARTIAL = "partial"
    READY = "ready"
    UNKNOWN = "unknown"


# PowerState/stopped is what a shutdown from inside leaves: the hardware stays allocated and is billed.
# https://learn.microsoft.com/azure/virtual-machines/states-billing
STATE_OF_POWER = {
    "creating": State.CREATING,
    "starting": State.STARTING,
    "running": State.RUNNING,
    "stopping": State.STOPPING,
    "stopped": State.STOPPED_BILLED,
    "deallocating": State.STOPPING,
    "deallocated": State.STOPPED,
}

BILLED = frozenset({State.STARTING, State.RUNNING, State.STOPPING, State.STOPPED_BILLED})

ALWAYS = frozenset({Verb.PROVISION, Verb.DELETE})

# What changes nothing but the content of registries needs an environment that is there, whatever its power.
STANDING = ALWAYS | {Verb.PROMOTE_IMAGE}

TAKES: dict[State, frozenset[Verb]] = {
    State.ABSENT: ALWAYS,
    State.CREATING: ALWAYS,
    State.STARTING: STANDING | {Verb.START, Verb.STOP, Verb.RESTART},
    State.RUNNING: STANDING | {Verb.START, Verb.STOP, Verb.RESTART, Verb.RESIZE, Verb.ROTATE_PASSWORD, Verb.HIBERNATE},
    State.STOPPING: STANDING | {Verb.START, Verb.STOP},
    State.STOPPED: STANDING | {Verb.START, Verb.STOP, Verb.RESIZE},
    State.STOPPED_BILLED: STANDING | {Verb.START, Verb.STOP, Verb.RESIZE},
    State.DELETING: frozenset({Verb.DELETE}),
    State.INCOMPLETE: STANDING,
    State.PARTIAL: STANDING | {Verb.START, Verb.STOP, Verb.RESIZE, Verb.HIBERNATE},
    State.READY: STANDING,
    State.UNKNOWN: STANDING | {Verb.START, Verb.STOP, Verb.RESTART},
}

# Power changes finish on Azure's side, and a half-deleted environment is useless: only provisioning can be cancelled.
CANCELLABLE = frozenset({Verb.PROVISION})

POWER_VERBS = frozenset({Verb.START, Verb.STOP, Verb.RESTART, Verb.RESIZE, Verb.HIBERNATE})
SATISFIED = {Verb.START: State.RUNNING, Verb.STOP: State.STOPPED}
# What has been shut down, whether or not it is still billed.
SHUT_DOWN = frozenset({State.STOPPED, State.STOPPED_BILLED})
# What computes, and what is on its way there.
AWAKE = frozenset({State.STARTING, State.RUNNING})
# The state that a power change leads to.
STATE_AFTER = {
    Verb.START: State.RUNNING,
    Verb.STOP: State.STOPPED,
    Verb.RESTART: State.RUNNING,
    Verb.HIBERNATE: State.STOPPED,
}
NO_POWER = "{subject} cannot {verb}: none of its resources can be started or stopped."


def state_of(power: str, provisioning: str = "") -> State:
    """The state of a machine by its power code (`PowerState/running`) and its provisioning state."""
    if provisioning.lower() == "deleting":
        return State.DELETING
    code = power.rsplit("/", 1)[-1].lower()
    if not code and provisioning.lower() == "creating":
        return State.CREATING
    return STATE_OF_POWER.get(code, State.UNKNOWN)


def folded(states: Sequence[State]) -> State:
    """The state of an environment by the states of its resources with power; raises ValueError if there are none.

    A missing resource makes it incomplete; resources in different states make it partial.
    """
    if not states:
        raise ValueError("an environment without power has no power state")
    found = set(states)
    if len(found) == 1:
        return states[0]
    return State.INCOMPLETE if State.ABSENT in found else State.PARTIAL


def require(state: State, verb: Verb, *, subject: str = "An environment", has_power: bool = True) -> None:
    """Raise CommandNotPossible if an environment in this state, or without power, does not take the command."""
    if verb in POWER_VERBS and not has_power:
        raise CommandNotPossible(NO_POWER.format(subject=subject, verb=verb))
    if verb not in TAKES[state]:
        takes = ", ".join(sorted(TAKES[state]))
        raise CommandNotPossible(f"An environment that is {state} cannot {verb}; it takes: {takes}.")


def satisfied(state: State, verb: Verb) -> bool:
    """Whether the command would change nothing."""
    return SATISFIED.get(verb) is state
