"""Prices remembered: for what can be a region, up to a bound, and asked for once by many at the same time."""

import asyncio
from types import SimpleNamespace
from typing import Any

from dormouse.cloud.prices import MOST_KNOWN, Prices


class PriceList:
    """A price list that counts the questions."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def send(self, request: Any, **limits: int) -> Any:
        self.asked.append(request.url)
        await asyncio.sleep(0)
        return SimpleNamespace(status_code=200, json=dict)


def prices() -> tuple[Prices, PriceList]:
    listed = PriceList()
    settings = SimpleNamespace(retail_prices_url="https://prices.example")
    cloud: Any = SimpleNamespace(settings=settings, transport=listed)
    return Prices(cloud), listed


def test_what_can_be_no_region_is_not_asked_for() -> None:
    known, listed = prices()

    async def ask() -> None:
        for region in ("", "x", "a b' or 1 eq 1", "../x", "r" * 40, "région", "1east"):
            assert await known.of_machine(region, "Standard_D2s_v5") is None

    asyncio.run(ask())
    assert listed.asked == []


def test_a_region_has_one_price_however_it_is_written() -> None:
    known, listed = prices()

    async def ask() -> None:
        written = ("polandcentral", "Poland Central", "POLANDCENTRAL")
        await asyncio.gather(
            *(known.of_machine(region, size) for region in written for size in ("Standard_X", "standard_x"))
        )

    asyncio.run(ask())
    assert len(listed.asked) == 1
    assert len(known._asking) == 0


def test_what_nobody_asks_for_again_is_forgotten_first() -> None:
    known, listed = prices()

    async def ask() -> None:
        for number in range(MOST_KNOWN + 50):
            await known.of_machine(f"region{number}", "Standard_X")
            await known.of_machine("polandcentral", "Standard_X")
        assert (len(known._known), len(known._asking)) == (MOST_KNOWN, 0)
        assert len(listed.asked) == MOST_KNOWN + 51, "what is asked for all the time is kept"
        await known.of_machine("region0", "Standard_X")
        assert len(listed.asked) == MOST_KNOWN + 52

    asyncio.run(ask())
