"""Batches: a question about many machines that fails whole because of a few is asked again without them."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

T = TypeVar("T")

# Answers that may be about one machine of many: one was deleted, moved, is of another type, or may not be read.
DIVISIBLE = frozenset({400, 403, 404, 409, 410, 422})
# 403 without the name of a machine is about the whole subscription.
MUST_BE_NAMED = frozenset({403})
NAMED = re.compile(r"/subscriptions/[^/\s]+/resourcegroups/[^/\s]+/providers/[^/\s]+/[^/\s]+/[\w.()-]*\w", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a whole batch was not answered; where `status` is set, a part of it may be to blame, which `text` may name.

    `blamed` says that the refusal is about this very machine, and not about a batch that it was in.
    """

    words: str
    status: int = 0
    text: str = ""
    blamed: bool = False


@dataclass(frozen=True, slots=True)
class Answers(Generic[T]):
    """What was answered by id, and why nothing was answered about others."""

    told: dict[str, T] = field(default_factory=dict)
    refused: dict[str, Refused] = field(default_factory=dict)

    def plus(self, *others: "Answers[T]") -> "Answers[T]":
        """All of them together."""
        told, refused = dict(self.told), dict(self.refused)
        for other in others:
            told |= other.told
            refused |= other.refused
        return Answers(told, refused)


@dataclass(slots=True)
class Budget:
    """How many questions may be asked beyond the first one of each batch: what fails for all is not divided for ever."""

    left: int

    def take(self, count: int) -> bool:
        """Whether there are so many left; if so, they are taken."""
        if count > self.left:
            return False
        self.left -= count
        return True


async def ask_without_the_refused(
    identifiers: Sequence[str], ask: Callable[[Sequence[str]], Awaitable[dict[str, T] | Refused]], budget: Budget
) -> Answers[T]:
    """Ask about machines by id (in lower case); a machine that spoils the question is found and left out.

    What the refusal names is left out first, else the batch is halved: at most twice log2(50) more questions for each such
    machine. Refusals that are about all of them (too many requests, no access to the subscription) are not divided.
    """
    answer = await ask(identifiers)
    if not isinstance(answer, Refused):
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
    return refused.plus(*await asyncio.gather(*(ask_without_the_refused(part, ask, budget) for part in parts)))


def _named(refused: Refused, identifiers: Sequence[str]) -> list[str]:
    """The machines of the batch that a refusal names; if it names all of many, that says nothing about any one of them."""
    found = {match.lower() for match in NAMED.findall(refused.text)}
    named = [identifier for identifier in identifiers if identifier in found]
    return named if len(named) < len(identifiers) or len(identifiers) == 1 else []
