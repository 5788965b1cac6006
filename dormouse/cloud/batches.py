"""Batch queries about many VMs: a query that fails because of a few VMs is repeated without those."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar

from dormouse.cloud.clients import Cloud

T = TypeVar("T")

OVERLOADED = (429, 503, 529)
BROKEN = (ValueError, KeyError, TypeError, AttributeError, IndexError)

# Errors that one VM of a batch may cause: it was deleted, moved, has another type, or must not be read.
DIVISIBLE = frozenset({400, 403, 404, 409, 410, 422})
# 403 without the name of a VM concerns the whole subscription.
MUST_BE_NAMED = frozenset({403})
NAMED = re.compile(r"/subscriptions/[^/\s]+/resourcegroups/[^/\s]+/providers/[^/\s]+/[^/\s]+/[\w.()-]*\w", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class BatchItemRefused:
    """Why a batch query failed; if `status` is set, a single VM may be the cause, and `text` may name it.

    `blamed` means that this VM caused the failure, not another one in its batch.
    """

    words: str
    status: int = 0
    text: str = ""
    blamed: bool = False


@dataclass(frozen=True, slots=True)
class Answers(Generic[T]):
    """Results by resource ID, and the failures of the others."""

    told: dict[str, T] = field(default_factory=dict)
    refused: dict[str, BatchItemRefused] = field(default_factory=dict)

    def plus(self, *others: "Answers[T]") -> "Answers[T]":
        """These results combined with others."""
        told, refused = dict(self.told), dict(self.refused)
        for other in others:
            told |= other.told
            refused |= other.refused
        return Answers(told, refused)


@dataclass(slots=True)
class Budget:
    """The number of repeated queries that are still allowed, so that a failure of all VMs is not split endlessly."""

    left: int

    def take(self, count: int) -> bool:
        """Use up `count` queries if that many are left, and return whether they were."""
        if count > self.left:
            return False
        self.left -= count
        return True


async def query_without_refused(
    identifiers: Sequence[str], ask: Callable[[Sequence[str]], Awaitable[dict[str, T] | BatchItemRefused]], budget: Budget
) -> Answers[T]:
    """Query VMs by resource ID (in lower case); a VM that makes the query fail is found and left out.

    VMs that the error names are left out first; otherwise the batch is halved: at most 2 log2(50) more queries for each
    such VM. Errors that concern all VMs (throttling, no access to the subscription) are not split.
    """
    answer = await ask(identifiers)
    if not isinstance(answer, BatchItemRefused):
        return Answers(answer)
    named = _named(answer, identifiers)
    divisible = answer.status in DIVISIBLE and (bool(named) or answer.status not in MUST_BE_NAMED)
    if not divisible or len(identifiers) == 1:
        return Answers(refused=dict.fromkeys(identifiers, replace(answer, blamed=divisible)))
    rest = [identifier for identifier in identifiers if identifier not in named]
    parts = [rest] if named else [rest[: len(rest) // 2], rest[len(rest) // 2 :]]
    parts = [part for part in parts if part]
    refused: Answers[T] = Answers(refused=dict.fromkeys(named, replace(answer, blamed=True)))
    if not budget.take(len(parts)):
        return refused.plus(Answers(refused=dict.fromkeys(rest, answer)))
    return refused.plus(*await asyncio.gather(*(query_without_refused(part, ask, budget) for part in parts)))


async def ask_azure_monitor(
    cloud: Cloud, place: tuple[str, str], identifiers: Sequence[str], query: Mapping[str, str], read: Callable[[Any], T]
) -> T | BatchItemRefused:
    """One query for the metrics of several resources of a subscription and region, as `read` reads it, or why it failed.

    https://learn.microsoft.com/rest/api/monitor/metrics-batch/batch
    """
    from azure.core.exceptions import AzureError
    from azure.core.rest import HttpRequest
    from pydantic_core import from_json

    subscription, region = place
    body = {"resourceids": list(identifiers)}
    request = HttpRequest("POST", f"/subscriptions/{subscription}/metrics:getBatch", params=dict(query), json=body)
    try:
        # Streamed, because the SDK decodes every other response itself, and slower: a page of machines has 17 MB of JSON.
        response = await cloud.metrics(region).send_request(request, stream=True)
        content = await response.read()
    except (AzureError, OSError) as error:
        return BatchItemRefused(f"Azure Monitor in {region} did not answer ({type(error).__name__})")
    status = int(response.status_code)
    if status in OVERLOADED:
        return BatchItemRefused(f"Azure Monitor in {region} is overloaded (HTTP {status})")
    if status in (401, 403):
        words = f"the control plane cannot read metrics; grant it Monitoring Reader on subscription {subscription}"
        return BatchItemRefused(words, status, response.text())
    if status != 200:
        words = f"Azure Monitor in {region} rejected the query (HTTP {status})"
        return BatchItemRefused(words, status, response.text())
    try:
        return read(from_json(content))
    except BROKEN:
        return BatchItemRefused(f"Azure Monitor in {region} returned a response that cannot be parsed")


def _named(refused: BatchItemRefused, identifiers: Sequence[str]) -> list[str]:
    """The VMs of the batch that an error names; none if it names all of several."""
    found = {match.lower() for match in NAMED.findall(refused.text)}
    named = [identifier for identifier in identifiers if identifier in found]
    return named if len(named) < len(identifiers) or len(identifiers) == 1 else []
