"""What comes back from Azure and from operations: progress, refusals, findings, outcomes."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from dormouse.lifecycle import State
from dormouse.text.limits import (
    LONGEST_DETAIL,
    LONGEST_EXPLANATION,
    LONGEST_NAME,
    MOST_FINDINGS,
    MOST_LEFTOVERS,
    MOST_REFUSALS,
    clipped,
    first_of,
)


class RefusalReason(StrEnum):
    """Why Azure, or we, said no."""

    NO_CAPACITY = "no_capacity"
    QUOTA_EXCEEDED = "quota_exceeded"
    NOT_OFFERED = "not_offered"
    NAME_TAKEN = "name_taken"
    FORBIDDEN = "forbidden"
    BAD_REQUEST = "bad_request"
    NOT_FOUND = "not_found"
    CONFLICT = "conflict"
    FAILED_LATE = "failed_late"
    GAVE_UP = "gave_up"
    CANCELLED = "cancelled"


ADVICE = {
    RefusalReason.NO_CAPACITY: "Azure has no room for this size here now; try another size, zone or region, or later.",
    RefusalReason.QUOTA_EXCEEDED: "The subscription's quota is used up; ask for more quota or free some.",
    RefusalReason.NOT_OFFERED: "This size is not offered to this subscription in this region.",
    RefusalReason.NAME_TAKEN: "Something with this name exists and is not ours; choose another name.",
    RefusalReason.FORBIDDEN: "The control plane's identity may not do this.",
    RefusalReason.NOT_FOUND: "It does not exist, or not any more.",
    RefusalReason.BAD_REQUEST: "Azure does not accept the request as it stands.",
    RefusalReason.CONFLICT: "The resource is in a state that does not take this change.",
    RefusalReason.FAILED_LATE: "Azure accepted the request and reported later that it failed.",
    RefusalReason.GAVE_UP: "Azure did not answer usefully in the time and number of tries we give it.",
    RefusalReason.CANCELLED: "The operation was cancelled before this was begun.",
}
# Where the code says more than the reason.
ADVICE_BY_CODE = {
    "ScopeLocked": "A lock on the resource, its group or its subscription forbids this; whoever set the lock can remove it.",
    "RequestDisallowedByPolicy": "An Azure policy forbids this.",
    "DenyAssignmentAuthorizationFailed": "A deny assignment forbids this: a service of Azure manages the resource.",
    "DisallowedOperation": "The service that manages the resource forbids this.",
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """A considered "no": asking for the same again changes nothing. `azure` says whether `detail` are Azure's own words."""

    reason: RefusalReason
    detail: str
    code: str = ""
    step: str = ""
    azure: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "detail", clipped(self.detail, LONGEST_DETAIL))
        object.__setattr__(self, "code", clipped(self.code, LONGEST_NAME))

    def explained(self) -> str:
        """Say in words what was refused, why, and what to do about it."""
        subject = f"{self.step}: " if self.step else ""
        code = f" ({self.code})" if self.code else ""
        said = "Azure said: " if self.azure else ""
        return f"{subject}{ADVICE_BY_CODE.get(self.code) or ADVICE[self.reason]} {said}{self.detail}{code}"


class Check(StrEnum):
    """How one check inside a machine came out."""

    PASSED = "passed"
    WAITING = "waiting"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class HealthCheckResult:
    """What one check inside a machine found."""

    name: str
    result: Check
    detail: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "detail", clipped(self.detail, LONGEST_DETAIL))


@dataclass(frozen=True, slots=True)
class MachineView:
    """How a machine stands: its state, Azure's words if something is wrong with it, and its tags (names in lower case).

    `vm_id` is Azure's own id of this very machine, `provisioning` how the last change of it ended.
    """

    state: State
    problem: str = ""
    tags: dict[str, str] = field(default_factory=dict)
    vm_id: str = ""
    provisioning: str = ""


class ObservedState(StrEnum):
    """How the resource of a step was found."""

    ABSENT = "absent"
    AS_PUT = "as_put"
    DRIFTED = "drifted"


@dataclass(frozen=True, slots=True)
class PreflightResult:
    """What was found before building: the steps that exist, those of them that are not as they were put, and refusals."""

    existing: tuple[str, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    drifted: tuple[str, ...] = ()


class Stage(StrEnum):
    """Where a request to Azure stands."""

    DONE = "done"
    WAITING = "waiting"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a request to Azure stands: done, to be asked again in some seconds, or refused.

    While it waits, `url` is where to ask; without one the request itself has to be made again. `held_up` says that Azure was
    asked too much, or is in trouble: then it is not asked any sooner than it wants to be. `detail` says why it
    waits.
    """

    stage: Stage
    url: str = ""
    retry_after: float = 0.0
    created: bool = False
    outputs: dict[str, str] = field(default_factory=dict)
    refusal: Refusal | None = None
    health_checks: tuple[HealthCheckResult, ...] = ()
    held_up: bool = False
    detail: str = ""

    @classmethod
    def done(cls, *, created: bool = False, **facts: str) -> "Progress":
        """Nothing is left to wait for; `facts` are what later steps need to know."""
        return cls(Stage.DONE, created=created, outputs=facts)

    @classmethod
    def waiting(cls, seconds: float, *, url: str = "", held_up: bool = False, detail: str = "") -> "Progress":
        """Ask again in so many seconds."""
        return cls(Stage.WAITING, url=url, retry_after=seconds, held_up=held_up, detail=detail)

    @classmethod
    def refused(cls, refusal: Refusal) -> "Progress":
        """Azure said no."""
        return cls(Stage.REFUSED, refusal=refusal)


class OutcomeStatus(StrEnum):
    """How an operation ended."""

    SUCCEEDED = "succeeded"
    REFUSED = "refused"
    FAILED = "failed"
    UNHEALTHY = "unhealthy"
    CANCELLED = "cancelled"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an operation ended and everything worth knowing about it: as much of it as a row holds."""

    status: OutcomeStatus
    reason: str
    refusals: tuple[Refusal, ...] = ()
    health_checks: tuple[HealthCheckResult, ...] = ()
    leftovers: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "reason", clipped(self.reason, LONGEST_EXPLANATION))
        object.__setattr__(self, "refusals", self.refusals[:MOST_REFUSALS])
        object.__setattr__(self, "health_checks", self.health_checks[:MOST_FINDINGS])
        object.__setattr__(self, "leftovers", first_of(self.leftovers, MOST_LEFTOVERS, LONGEST_NAME))

    @classmethod
    def failed(cls, refusals: Iterable[Refusal], leftovers: Iterable[str] = (), *, undone: str = "") -> "Outcome":
        """Something was refused after work had begun; `undone` says what became of that work."""
        said, left = tuple(refusals), tuple(leftovers)
        words = [refusal.explained() for refusal in said]
        return cls(OutcomeStatus.FAILED, _sentences(words, left, undone), refusals=said, leftovers=left)

    @classmethod
    def cancelled(cls, by: str, leftovers: Iterable[str] = (), *, undone: str = "") -> "Outcome":
        """Somebody wanted it no more; `undone` says what became of the work until then."""
        left = tuple(leftovers)
        return cls(OutcomeStatus.CANCELLED, _sentences([f"Cancelled by {by}."], left, undone), leftovers=left)


def _sentences(words: list[str], left: tuple[str, ...], undone: str) -> str:
    costs = [f"These are left and may cost money: {', '.join(left)}."] if left else []
    return " ".join([*words, *([undone] if undone else []), *costs])
