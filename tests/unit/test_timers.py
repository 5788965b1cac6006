"""What the control plane does by itself."""

import asyncio
import logging
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from dormouse.errors import CloudUnavailable
from dormouse.records.deduplication import KINDS, MOST_AT_ONCE
from dormouse.timers import KEPT, receipts_timer


@dataclass
class Receipts:
    """Old receipts of each kind, counted."""

    old: dict[str, int]
    asked: list[tuple[str, float]] = field(default_factory=list)

    async def forget_older(self, kind: str, moment: float) -> int:
        self.asked.append((kind, moment))
        forgotten = min(self.old[kind], MOST_AT_ONCE)
        self.old[kind] -= forgotten
        return forgotten


def fire(receipts: Any) -> None:
    dependencies: Any = SimpleNamespace(receipts=receipts, now=lambda: 1_000_000.0)
    nothing: Any = None
    asyncio.run(receipts_timer(nothing, nothing, dependencies))


def test_every_receipt_that_is_older_than_a_day_is_forgotten() -> None:
    receipts = Receipts({kind: 2 * MOST_AT_ONCE + number for number, kind in enumerate(KINDS)})
    fire(receipts)
    assert set(receipts.old.values()) == {0}
    assert {moment for _, moment in receipts.asked} == {1_000_000.0 - KEPT}


def test_records_that_cannot_be_reached_are_asked_again_in_an_hour(caplog: pytest.LogCaptureFixture) -> None:
    class Away:
        async def forget_older(self, kind: str, moment: float) -> int:
            raise CloudUnavailable("The records cannot be reached right now.")

    with caplog.at_level(logging.WARNING):
        fire(Away())
    assert "kept for another hour" in caplog.text
