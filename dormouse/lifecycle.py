"""The states of an environment and the commands each of them takes."""

from enum import StrEnum

from dormouse.errors import CommandNotPossible


class Verb(StrEnum):
    """What an operation does to an environment."""

    PROVISION = "provision"
    START = "start"
    STOP = "stop"
    RESTART = "restart"
    DELETE = "delete"
    ADOPT = "adopt"
    RELEASE = "release"


class State(StrEnum):
    """What an environment is, as Azure shows it."""

    ABSENT = "absent"
    CREATING = "creating"
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    STOPPED = "stopped"
    STOPPED_BILLED = "stopped_billed"
    DELETING = "deleting"
    INCOMPLETE = "incomplete"
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

TAKES: dict[State, frozenset[Verb]] = {
    State.ABSENT: ALWAYS,
    State.CREATING: ALWAYS,
    State.STARTING: ALWAYS | {Verb.START, Verb.STOP, Verb.RESTART},
    State.RUNNING: ALWAYS | {Verb.START, Verb.STOP, Verb.RESTART},
    State.STOPPING: ALWAYS | {Verb.START, Verb.STOP},
    State.STOPPED: ALWAYS | {Verb.START, Verb.STOP},
    State.STOPPED_BILLED: ALWAYS | {Verb.START, Verb.STOP},
    State.DELETING: frozenset({Verb.DELETE}),
    State.INCOMPLETE: ALWAYS,
    State.UNKNOWN: ALWAYS | {Verb.START, Verb.STOP, Verb.RESTART},
}

# What Azure does to a machine's power it finishes, and what is half deleted is nothing that anybody wants back.
CANCELLABLE = frozenset({Verb.PROVISION})

SATISFIED = {Verb.START: State.RUNNING, Verb.STOP: State.STOPPED}


def state_of(power: str, provisioning: str = "") -> State:
    """The state of a machine by its power code (`PowerState/running`) and its provisioning state."""
    if provisioning.lower() == "deleting":
        return State.DELETING
    code = power.rsplit("/", 1)[-1].lower()
    if not code and provisioning.lower() == "creating":
        return State.CREATING
    return STATE_OF_POWER.get(code, State.UNKNOWN)


def require(state: State, verb: Verb) -> None:
    """Raise CommandNotPossible if an environment in this state does not take the command."""
    if verb not in TAKES[state]:
        takes = ", ".join(sorted(TAKES[state]))
        raise CommandNotPossible(f"An environment that is {state} cannot {verb}; it takes: {takes}.")


def satisfied(state: State, verb: Verb) -> bool:
    """Whether the command would change nothing."""
    return SATISFIED.get(verb) is state
