"""Results of Azure requests and of operations: progress, refusals, health checks, outcomes."""

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
    """Why Azure or the control plane rejected a request."""

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
    RefusalReason.NO_CAPACITY: "Azure has no capacity for this VM size now; retry later, or choose another size or region.",
    RefusalReason.QUOTA_EXCEEDED: "The subscription's quota is exceeded; request more quota, or free some.",
    RefusalReason.NOT_OFFERED: "This subscription cannot use this VM size in this region; choose another size or region.",
    RefusalReason.NAME_TAKEN: "A resource with this name exists and was not created by Dormouse; choose another name.",
    RefusalReason.FORBIDDEN: "The control plane's identity lacks the permission for this request.",
    RefusalReason.NOT_FOUND: "The resource does not exist.",
    RefusalReason.BAD_REQUEST: "Azure rejected the request as invalid.",
    RefusalReason.CONFLICT: "The current state of the resource does not allow this change.",
    RefusalReason.FAILED_LATE: "Azure accepted the request, but it failed later.",
    RefusalReason.GAVE_UP: "The request did not succeed within the time limit and number of retries.",
    RefusalReason.CANCELLED: "The operation was cancelled before this step started.",
}
# For Azure error codes that are more specific than the reason.
ADVICE_BY_CODE = {
    "ScopeLocked": "An Azure lock on the resource, its group or its subscription forbids this; remove the lock and retry.",
    "RequestDisallowedByPolicy": "An Azure policy forbids this.",
    "DenyAssignmentAuthorizationFailed": "A deny assignment forbids this; another Azure service manages the resource.",
    "DisallowedOperation": "The Azure service that manages the resource forbids this.",
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """A final rejection: retrying the same request cannot succeed. `azure` is whether `detail` is Azure's own message."""

    reason: RefusalReason
    detail: str
    code: str = ""
    step: str = ""
    azure: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "detail", clipped(self.detail, LONGEST_DETAIL))
        object.__setattr__(self, "code", clipped(self.code, LONGEST_NAME))

    def explained(self) -> str:
        """The sentence that says what was rejected, why, and what to do."""
        subject = f"{self.step}: " if self.step else ""
        code = f" ({self.code})" if self.code else ""
        said = "Azure's message: " if self.azure else ""
        return f"{subject}{ADVICE_BY_CODE.get(self.code) or ADVICE[self.reason]} {said}{self.detail}{code}"


class Check(StrEnum):
    """The result of one health check inside a VM."""

    PASSED = "passed"
    WAITING = "waiting"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class HealthCheckResult:
    """The result of one health check inside a VM, with details."""

    name: str
    result: Check
    detail: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "detail", clipped(self.detail, LONGEST_DETAIL))


@dataclass(frozen=True, slots=True)
class InstanceView:
    """The state of a VM, Azure's message if its provisioning failed, and its tags (names in lower case).

    `vm_id` is Azure's unique ID of the VM, `provisioning` its provisioning state.
    """

    state: State
    problem: str = ""
    tags: dict[str, str] = field(default_factory=dict)
    vm_id: str = ""
    provisioning: str = ""


class ObservedState(StrEnum):
    """Whether a resource exists, and still matches the plan."""

    ABSENT = "absent"
    AS_PUT = "as_put"
    DRIFTED = "drifted"


@dataclass(frozen=True, slots=True)
class PreflightResult:
    """The result of preflight checks: the names of existing resources, of drifted ones, and refusals."""

    existing: tuple[str, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    drifted: tuple[str, ...] = ()


class Stage(StrEnum):
    """The stage of a request to Azure."""

    DONE = "done"
    WAITING = "waiting"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Progress:
    """The progress of a request to Azure: done, waiting for `retry_after` seconds, or refused.

    While waiting, `url` is the address to poll; if it is empty, the request itself must be repeated. `held_up` means that
    Azure throttled the request or failed, so that `retry_after` must be honoured in full. `detail` says why it waits.
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
        """The request is complete; `facts` are the outputs that other resources need."""
        return cls(Stage.DONE, created=created, outputs=facts)

    @classmethod
    def waiting(cls, seconds: float, *, url: str = "", held_up: bool = False, detail: str = "") -> "Progress":
        """Poll or repeat the request after so many seconds."""
        return cls(Stage.WAITING, url=url, retry_after=seconds, held_up=held_up, detail=detail)

    @classmethod
    def refused(cls, refusal: Refusal) -> "Progress":
        """Azure rejected the request."""
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
    """How an operation ended, with details that are limited to the size of a table row."""

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
        """The operation failed after it had changed something; `undone` describes the rollback."""
        said, left = tuple(refusals), tuple(leftovers)
        words = [refusal.explained() for refusal in said]
        return cls(OutcomeStatus.FAILED, _sentences(words, left, undone), refusals=said, leftovers=left)

    @classmethod
    def cancelled(cls, by: str, leftovers: Iterable[str] = (), *, undone: str = "") -> "Outcome":
        """The operation was cancelled; `undone` describes the rollback."""
        left = tuple(leftovers)
        return cls(OutcomeStatus.CANCELLED, _sentences([f"Cancelled by {by}."], left, undone), leftovers=left)


def _sentences(words: list[str], left: tuple[str, ...], undone: str) -> str:
    costs = [f"These resources were not deleted and may cost money: {', '.join(left)}."] if left else []
    return " ".join([*words, *([undone] if undone else []), *costs])
