"""The timers of the control plane."""

import asyncio
import logging
from dataclasses import replace
from typing import Any

import pytest

from dormouse.clock import DAY
from dormouse.records.deduplication import KINDS, MOST_AT_ONCE, RECEIPTS, Receipts
from dormouse.timers import TIMERS, receipts_timer
from local import sandbox
from tests.unit.twins import SETTINGS, MemoryTables, reads_of

NOW = 1_000_000.0


def fire(tables: MemoryTables, days: int = 1) -> None:
    nothing: Any = None
    settings = replace(SETTINGS, receipts_kept_days=days)
    asyncio.run(receipts_timer(nothing, nothing, reads_of(tables, now=NOW, settings=settings)))


@pytest.mark.parametrize("days", [1, 3])
def test_receipts_are_deleted_when_they_are_older_than_the_setting_says(days: int) -> None:
    tables = MemoryTables()
    border = NOW - days * DAY

    async def receive() -> None:
        receipts = Receipts(tables)
        for kind in KINDS:
            for number in range(2 * MOST_AT_ONCE + 3):
                await receipts.take(kind, f"{kind}-{number}", "", border - 1)
            await receipts.take(kind, f"young {kind}", "", border)

    asyncio.run(receive())
    fire(tables, days)
    assert tables.keys(RECEIPTS) == {f"young {kind}" for kind in KINDS}


def test_unreachable_records_are_retried_in_an_hour(caplog: pytest.LogCaptureFixture) -> None:
    tables = MemoryTables()
    tables.away = True
    with caplog.at_level(logging.WARNING):
        fire(tables)
    assert "kept for another hour" in caplog.text


def test_every_timer_can_be_disabled_in_the_sandbox() -> None:
    assert {timer.handler.__name__ for timer in TIMERS} == set(sandbox.TIMERS)
