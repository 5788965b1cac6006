"""Attempts to build or start an environment for which Azure had no capacity."""

from collections.abc import Sequence
from dataclasses import dataclass

from dormouse.resources.placement import Placement
from dormouse.text.limits import LONGEST_PROBLEM, clipped


@dataclass(frozen=True, slots=True)
class Attempt:
    """A placement for which Azure had no capacity: its code and its message.

    If it was not `tried`, the preflight ruled it out.
    """

    placement: Placement
    code: str = ""
    detail: str = ""
    tried: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "detail", clipped(self.detail, LONGEST_PROBLEM))


def attempts_in_words(attempts: Sequence[Attempt], success: str) -> str:
    """What was tried and what was not, in sentences; `success` says what was done in the end, or ""."""
    tried = ", ".join(f"{one.placement.in_words()} ({one.code})" for one in attempts if one.tried)
    skipped = [f"Not tried: {one.placement.in_words()}, because: {one.detail}" for one in attempts if not one.tried]
    lacking = [f"Azure had no capacity for {tried}."] if tried else []
    return " ".join([*lacking, *skipped, *([success] if success else [])])
