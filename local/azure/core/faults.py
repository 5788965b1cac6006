"""Faults, on demand or at random: refusals, throttling, lost responses, slowness, late failures, and false timeouts."""

import random
from dataclasses import asdict, dataclass, field
from http import HTTPStatus
from typing import Any

from local.azure.core.responses import Refused

EFFECTS = ("refuse", "drop", "lose", "slow", "fail", "late", "hide")


@dataclass(slots=True)
class Fault:
    """Which requests to disturb, and how.

    `method`, `path` and `body` (a part of each, in any case) and `kind` (a resource type) select requests; "" matches all.
    Of those, `every` disturbs only every n-th, or `chance` (0 to 1, drawn from `seed`) a random share; after `times`
    requests the fault ends (0: never).

    `effect` is "refuse" (respond with the error at once), "drop" (close the connection and do nothing), "lose" (carry out
    the request, and close the connection without a response), "slow" (respond after `seconds` of simulated time), "fail"
    (accept, and let the long-running operation fail at its end), "late" (as "fail", but `seconds` later the operation
    succeeds after all), or "hide" (Resource Graph omits all rows and responds 200, as it does for rows that its caller may
    not read: https://learn.microsoft.com/azure/governance/resource-graph/overview#permissions-in-azure-resource-graph).
    `policy` is the assignment of a policy that the error names.
    """

    effect: str = "refuse"
    method: str = ""
    path: str = ""
    body: str = ""
    kind: str = ""
    status: int = HTTPStatus.CONFLICT
    code: str = "SkuNotAvailable"
    message: str = "The simulated Azure was configured to refuse this request."
    policy: str = ""
    retry_after: int = 0
    seconds: float = 60.0
    every: int = 1
    chance: float = 1.0
    seed: int = 1
    times: int = 0
    seen: int = field(default=0)
    spoilt: int = field(default=0)

    def __post_init__(self) -> None:
        if self.effect not in EFFECTS:
            raise TypeError(f"effect must be one of {', '.join(EFFECTS)}")

    def strikes(self, method: str, path: str, kind: str, body: bytes = b"") -> bool:
        """Whether to disturb this request; counts it if it is one of those selected."""
        chosen = (
            (not self.method or self.method == method)
            and self.path.lower() in path.lower()
            and (not self.body or self.body.lower().encode() in body.lower())
            and (not self.kind or self.kind.lower() == kind.lower())
        )
        if not chosen or (self.times and self.spoilt >= self.times):
            return False
        self.seen += 1
        if self.seen % self.every or not self._drawn():
            return False
        self.spoilt += 1
        return True

    @property
    def refusal(self) -> Refused:
        """The error in Azure's format."""
        headers = {"Retry-After": str(self.retry_after)} if self.retry_after else {}
        named = [{"type": "PolicyViolation", "info": {"policyAssignmentName": self.policy}}]
        more = {"additionalInfo": named} if self.policy else {}
        return Refused(self.status, self.code, self.message, headers=headers, **more)

    def _drawn(self) -> bool:
        # The n-th request gets the same result in every run.
        return self.chance >= 1.0 or random.Random(f"{self.seed}|{self.seen}").random() < self.chance  # noqa: S311


class Faults:
    """All faults of the simulated Azure."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []

    def add(self, description: dict[str, Any]) -> Fault:
        """Add a fault; raises TypeError for an unknown field or effect."""
        fault = Fault(**description)
        self._faults.append(fault)
        return fault

    def clear(self) -> None:
        """Remove all faults."""
        self._faults.clear()

    def striking(self, effect: str, method: str, path: str, kind: str = "", body: bytes = b"") -> Fault | None:
        """The first fault of this effect that applies to a request."""
        for fault in self._faults:
            if fault.effect == effect and fault.strikes(method, path, kind, body):
                return fault
        return None

    def listed(self) -> list[dict[str, Any]]:
        """Every fault, with how many requests it has hit."""
        return [asdict(fault) for fault in self._faults]
