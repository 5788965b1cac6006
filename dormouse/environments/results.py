"""Results of Azure requests and of operations: progress, refusals, health checks, outcomes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from dormouse.environments.attempts import Attempt, attempts_in_words
from dormouse.environments.permissions import permissions_named_in
from dormouse.environments.quota import QuotaShortage
from dormouse.lifecycle import State
from dormouse.resources.kinds import Difference
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
    INCOMPATIBLE = "incompatible"
    TOO_EXPENSIVE = "too_expensive"
    NAME_TAKEN = "name_taken"
    SOFT_DELETED = "soft_deleted"
    FORBIDDEN = "forbidden"
    BAD_REQUEST = "bad_request"
    NOT_FOUND = "not_found"
    NOT_REGISTERED = "not_registered"
    CONFLICT = "conflict"
    FAILED_LATE = "failed_late"
    GAVE_UP = "gave_up"
    CANCELLED = "cancelled"


ADVICE = {
    RefusalReason.NO_CAPACITY: "Azure has no capacity for this VM size now; retry later, or choose another size or region.",
    RefusalReason.QUOTA_EXCEEDED: "The subscription's quota does not suffice.",
    RefusalReason.NOT_OFFERED: "This subscription cannot use this VM size in this region; choose another size or region.",
    RefusalReason.INCOMPATIBLE: "Parts of the spec do not fit together in Azure; change the spec.",
    RefusalReason.TOO_EXPENSIVE: "It would cost more than `max_hourly_cost` allows; choose a cheaper size or raise it.",
    RefusalReason.NAME_TAKEN: "A resource with this name exists and was not created by Dormouse; choose another name.",
    RefusalReason.SOFT_DELETED: "A deleted resource of this name can still be recovered; recover or purge it.",
    RefusalReason.FORBIDDEN: "The control plane's identity lacks the permission for this request.",
    RefusalReason.NOT_FOUND: "The resource does not exist.",
    RefusalReason.NOT_REGISTERED: "The subscription is not registered for this resource provider; register it.",
    RefusalReason.BAD_REQUEST: "Azure rejected the request as invalid.",
    RefusalReason.CONFLICT: "The current state of the resource does not allow this change.",
    RefusalReason.FAILED_LATE: "Azure accepted the request, but it failed later.",
    RefusalReason.GAVE_UP: "The request did not succeed within the time limit and number of retries.",
    RefusalReason.CANCELLED: "The operation was cancelled before this step started.",
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """A final rejection: retrying the same request cannot succeed.

    `azure` is whether `detail` is Azure's own message, `advice` what to do if that is more specific than the reason, and
    `quota` the numbers of a quota that does not suffice.
    """

    reason: RefusalReason
    detail: str
    code: str = ""
    step: str = ""
    azure: bool = False
    advice: str = ""
    quota: QuotaShortage | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "detail", clipped(self.detail, LONGEST_DETAIL))
        object.__setattr__(self, "code", clipped(self.code, LONGEST_NAME))

    def explained(self) -> str:
        """The sentence that says what was rejected, why, and what to do."""
        subject = f"{self.step}: " if self.step else ""
        code = f" ({self.code})" if self.code else ""
        said = "Azure's message: " if self.azure else ""
        return f"{subject}{self.remedy} {said}{self.detail}{code}"

    @property
    def remedy(self) -> str:
        """The sentences that say what it means and what to do."""
        missing = permissions_named_in(self.detail) if self.reason is RefusalReason.FORBIDDEN else ""
        if missing and not self.advice:
            return f"The control plane's identity needs a role with {missing}."
        numbers = f" {self.quota.in_words()}" if self.quota else ""
        return f"{self.advice or ADVICE[self.reason]}{numbers}"


@dataclass(frozen=True, slots=True)
class RefusedRead:
    """What an activity returns instead of its result if Azure rejected a read, so that it is not retried."""

    refused_by_azure: Refusal


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


@dataclass(frozen=True, slots=True)
class ResourceStatus:
    """What Azure shows of one resource: whether it exists, whether it drifted from the plan, and its failure, if any.

    `state` is its power state (None: it has no power, or does not exist), `hibernated` whether its memory is kept,
    `differences` what differs from the plan, as far as its kind compares properties, and `suspended` whether it sleeps while
    what it needs is running.
    """

    name: str
    exists: bool
    drifted: bool = False
    state: State | None = None
    problem: str = ""
    differences: tuple[Difference, ...] = ()
    hibernated: bool = False
    suspended: bool = False


@dataclass(frozen=True, slots=True)
class GroupView:
    """A resource group: its ID ("" if it does not exist), and the environment of this deployment in its tags, or ""."""

    id: str = ""
    owner: str = ""
    deleting: bool = False

    def is_of(self, environment: str) -> bool:
        """Whether the group exists and its tags name this environment."""
        return bool(self.id) and self.owner == environment


@dataclass(frozen=True, slots=True)
class PreflightResult:
    """A plan compared with what exists: existing resources, those that drifted, the states of those with power, refusals.

    `differing` are the resources whose properties differ from the plan, `suspended` those that sleep on their own
    and are not changed, and `warnings` say what could not be checked.
    """

    existing: tuple[str, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    drifted: tuple[str, ...] = ()
    statuses: tuple[ResourceStatus, ...] = ()
    differing: tuple[ResourceStatus, ...] = ()
    warnings: tuple[str, ...] = ()
    suspended: tuple[str, ...] = ()


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
    """How an operation ended, with details that are limited to the size of a table row.

    `attempts` are the placements for which Azure had no capacity before it ended like this, and `unverified` says why it is
    not known whether something is left ("": it is known).
    """

    status: OutcomeStatus
    reason: str
    refusals: tuple[Refusal, ...] = ()
    health_checks: tuple[HealthCheckResult, ...] = ()
    leftovers: tuple[str, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    unverified: str = ""

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

    def after(self, attempts: Sequence[Attempt], success: str = "") -> "Outcome":
        """The outcome after attempts elsewhere; `success` says what was done in the end."""
        if not attempts:
            return self
        reason = f"{self.reason} {attempts_in_words(attempts, success)}"
        return replace(self, reason=reason, attempts=tuple(attempts))

    def with_warnings(self, warnings: Iterable[str]) -> "Outcome":
        """The outcome with warnings at the end of its reason."""
        return replace(self, reason=" ".join([self.reason, *(f"Warning: {warning}" for warning in warnings)]))

    @classmethod
    def cancelled(cls, by: str, leftovers: Iterable[str] = (), *, undone: str = "") -> "Outcome":
        """The operation was cancelled; `undone` describes the rollback."""
        left = tuple(leftovers)
        return cls(OutcomeStatus.CANCELLED, _sentences([f"Cancelled by {by}."], left, undone), leftovers=left)


def _sentences(words: list[str], left: tuple[str, ...], undone: str) -> str:
    costs = [f"These resources were not deleted and may cost money: {', '.join(left)}."] if left else []
    return " ".join([*words, *([undone] if undone else []), *costs])
