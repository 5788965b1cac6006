"""Prices remembered: for what can be a region, up to a bound, and asked for once by many at the same time."""

import asyncio
import gc
from dataclasses import replace
from typing import Any

from azure.core.pipeline.transport import AioHttpTransport

from dormouse.cloud.clients import Cloud
from dormouse.cloud.prices import MOST_KNOWN, Prices
from tests.unit.twins import SETTINGS, Answer, stopped_clock


class PriceList(AioHttpTransport):  # type: ignore[misc] # it has no types
    """A price list that counts the questions and knows no price."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def send(self, request: Any, **limits: Any) -> Any:
        self.asked.append(request.url)
        await asyncio.sleep(0)
        return Answer(200, {})


def prices() -> tuple[Prices, PriceList]:
    listed, cloud = PriceList(), Cloud(replace(SETTINGS, retail_prices_url="https://prices.example"), stopped_clock(0.0))
    cloud.transport = listed
    return Prices(cloud), listed


def locks() -> int:
    """How many locks there are: one is there for as long as somebody waits for it."""
    gc.collect()
    return sum(isinstance(one, asyncio.Lock) for one in gc.get_objects())


def test_what_can_be_no_region_is_not_asked_for() -> None:
    known, listed = prices()

    async def ask() -> None:
        for region in ("", "x", "a b' or 1 eq 1", "../x", "r" * 40, "région", "1east"):
            assert await known.of_machine(region, "Standard_D2s_v5") is None

    asyncio.run(ask())
    assert listed.asked == []


def test_a_region_has_one_price_however_it_is_written() -> None:
    known, listed = prices()
    before = locks()

    async def ask() -> None:
        written = ("polandcentral", "Poland Central", "POLANDCENTRAL")
        await asyncio.gather(
            *(known.of_machine(region, size) for region in written for size in ("Standard_X", "standard_x"))
        )

    asyncio.run(ask())
    assert len(listed.asked) == 1
    assert locks() == before


def test_what_nobody_asks_for_again_is_forgotten_first() -> None:
    known, listed = prices()

    async def ask() -> None:
        for number in range(MOST_KNOWN + 50):
            await known.of_machine(f"region{number}", "Standard_X")
            await known.of_machine("polandcentral", "Standard_X")
        assert len(listed.asked) == MOST_KNOWN + 51, "what is asked for all the time is kept"
        await known.of_machine("region0", "Standard_X")
        assert len(listed.asked) == MOST_KNOWN + 52

    asyncio.run(ask())
