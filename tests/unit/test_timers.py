"""The timers of the control plane."""

import asyncio
import logging
from typing import Any

import pytest

from dormouse.records.deduplication import KINDS, MOST_AT_ONCE, RECEIPTS, Receipts
from dormouse.timers import KEPT, TIMERS, receipts_timer
from local import sandbox
from tests.unit.twins import MemoryTables, reads_of

NOW = 1_000_000.0


def fire(tables: MemoryTables) -> None:
    nothing: Any = None
    asyncio.run(receipts_timer(nothing, nothing, reads_of(tables, now=NOW)))


def test_receipts_older_than_a_day_are_deleted() -> None:
    tables = MemoryTables()

    async def receive() -> None:
        receipts = Receipts(tables)
        for kind in KINDS:
            for number in range(2 * MOST_AT_ONCE + 3):
                await receipts.take(kind, f"{kind}-{number}", "", NOW - KEPT - 1)
            await receipts.take(kind, f"young {kind}", "", NOW - KEPT)

    asyncio.run(receive())
    fire(tables)
    assert tables.keys(RECEIPTS) == {f"young {kind}" for kind in KINDS}


def test_unreachable_records_are_retried_in_an_hour(caplog: pytest.LogCaptureFixture) -> None:
    tables = MemoryTables()
    tables.away = True
    with caplog.at_level(logging.WARNING):
        fire(tables)
    assert "kept for another hour" in caplog.text


def test_every_timer_can_be_disabled_in_the_sandbox() -> None:
    assert {timer.handler.__name__ for timer in TIMERS} == set(sandbox.TIMERS)
