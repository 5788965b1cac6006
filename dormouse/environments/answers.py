"""The three answers of Azure to a request: done, pending, refused.

An error that a retry may resolve is raised instead. `answer` tells the three apart in durable history.
"""

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from dormouse.environments.results import HealthCheckResult, Refusal


@dataclass(frozen=True, slots=True)
class Done:
    """The request is complete: the outputs of the resource, and whether the request has created it."""

    outputs: dict[str, str] = field(default_factory=dict)
    created: bool = False
    answer: Literal["done"] = "done"


@dataclass(frozen=True, slots=True)
class Pending:
    """The request needs more time: poll `url` after `retry_after` seconds, or, without a URL, repeat the request.

    `held_up` means that Azure throttled the request or failed, so that `retry_after` must be honoured in full; `detail` says
    why it waits. `repeats` means that Azure accepted the request, and that it failed for a reason for which it is worth one
    more try.
    """

    retry_after: float
    url: str = ""
    held_up: bool = False
    detail: str = ""
    answer: Literal["pending"] = "pending"
    repeats: bool = False


@dataclass(frozen=True, slots=True)
class Refused:
    """Azure rejected the request for good."""

    refusal: Refusal
    answer: Literal["refused"] = "refused"


@dataclass(frozen=True, slots=True)
class Checked:
    """The health checks of a resource have run: their results."""

    health_checks: tuple[HealthCheckResult, ...] = ()
    answer: Literal["checked"] = "checked"


Answer: TypeAlias = Done | Pending | Refused
HealthAnswer: TypeAlias = Checked | Pending | Refused
