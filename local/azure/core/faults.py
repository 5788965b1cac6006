"""Faults, on demand or at random: refusals, throttling, lost answers, slowness, failures that come late, and timeouts that lie."""

import random
from dataclasses import asdict, dataclass, field
from http import HTTPStatus
from typing import Any

from local.azure.core.responses import Refused

EFFECTS = ("refuse", "drop", "lose", "slow", "fail", "late", "hide")


@dataclass(slots=True)
class Fault:
    """What to spoil, and how.

    `method`, `path` and `body` (a part of each, any case) and `kind` (a resource type) choose requests; "" matches all. Of those,
    `every` spoils every n-th only, or `chance` (0 to 1, drawn from `seed`) so many at random; `times` ends it after so many (0: never).

    `effect` is "refuse" (answer with the error at once), "drop" (close the connection and do nothing), "lose" (do it, and close
    the connection without an answer), "slow" (answer after so many simulated `seconds`), "fail" (accept, and fail the long
    operation at its end), "late" (as "fail", but so many `seconds` later it has succeeded all the same), or "hide" (Resource
    Graph leaves out all rows and answers 200, as it does for what its caller has no right to read:
    https://learn.microsoft.com/azure/governance/resource-graph/overview#permissions-in-azure-resource-graph).
    """

    effect: str = "refuse"
    method: str = ""
    path: str = ""
    body: str = ""
    kind: str = ""
    status: int = HTTPStatus.CONFLICT
    code: str = "SkuNotAvailable"
    message: str = "The simulated Azure was told to refuse this."
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
        """Whether this request is to be spoilt; counts it if it is one of those that were chosen."""
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
        """The error as Azure words it."""
        headers = {"Retry-After": str(self.retry_after)} if self.retry_after else {}
        return Refused(self.status, self.code, self.message, headers=headers)

    def _drawn(self) -> bool:
        # The n-th request is spoilt or not, in every run alike.
        return self.chance >= 1.0 or random.Random(f"{self.seed}|{self.seen}").random() < self.chance  # noqa: S311


class Faults:
    """Every fault that the simulated Azure was told of."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []

    def add(self, description: dict[str, Any]) -> Fault:
        """Take a fault; raises TypeError for a field or an effect that is none."""
        fault = Fault(**description)
        self._faults.append(fault)
        return fault

    def clear(self) -> None:
        """Forget all faults."""
        self._faults.clear()

    def striking(self, effect: str, method: str, path: str, kind: str = "", body: bytes = b"") -> Fault | None:
        """The first fault of this effect that strikes a request."""
        for fault in self._faults:
            if fault.effect == effect and fault.strikes(method, path, kind, body):
                return fault
        return None

    def listed(self) -> list[dict[str, Any]]:
        """Every fault, with how often it struck."""
        return [asdict(fault) for fault in self._faults]
