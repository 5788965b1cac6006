"""The interface of a source of evidence."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dormouse.idle.evidence import Evaluation


@dataclass(frozen=True, slots=True)
class Words:
    """How a kind of sleep target is spoken of.

    `asleep` says what is still billed while it sleeps, `put_to_sleep` what a stop for idleness is called, `stopped` what any
    other stop is called, and `confirmed` what confirms one. `absent` says that it does not exist.
    """

    asleep: str
    put_to_sleep: str
    stopped: str
    confirmed: str
    absent: str
    failed: str


@dataclass(frozen=True, slots=True)
class EvidenceSource:
    """What verdicts and decisions ask about one kind of sleep target.

    `uses` are the signals at their limits, the most convincing first, each in a phrase; `missing` is the data that a verdict
    of `idle` requires and that is missing; `unknown_holds` says why a hold may exist that is not known; `numbers` are the
    measurements; `blocked` says why work that waits cannot begin ("": none does); `idle` is the sentence about idleness.
    `asleep` says what is still billed where `words.asleep` does not fit ("": it does).
    """

    words: Words
    uses: Callable[[Evaluation], Sequence[str]]
    missing: Callable[[Evaluation], list[str]]
    unknown_holds: Callable[[Evaluation], list[str]]
    numbers: Callable[[Evaluation], dict[str, float]]
    idle: Callable[[Evaluation], str]
    blocked: Callable[[Evaluation], str] = lambda case: ""
    asleep: Callable[[Evaluation], str] = lambda case: ""
