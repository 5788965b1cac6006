"""The task hub over a year: the same work after each of twelve leaps of a month, and what is left in the hub."""

from rich.console import Console
from rich.table import Table

from benchmarks.figures import Figure, Room, at_most
from dormouse.clock import DAY
from local.leaps import HubSize, leap
from local.sandbox import temporary_ground
from tests.integration.hub.load import SETTINGS, Load

MONTHS, MONTH = 12, 31 * DAY
MACHINES, SWEEPS = 1_100, 4  # two pages
SPEED = 120.0
GROWTH = 1.1


def measure() -> Room:
    """The sizes after each month; a year later the hub must be as large as after the first month."""
    sizes: list[HubSize] = []
    with temporary_ground(speed=SPEED, timers=False, agents=False, settings=SETTINGS) as ground:
        load = Load(ground, machines=MACHINES)
        load.begin()
        for month in range(MONTHS + 1):
            if month:
                leap(ground, MONTH)
                load.retain()
            load.live(sweeps=SWEEPS)
            sizes.append(HubSize.of(ground))
    _print(sizes)
    settled = sizes[1:]
    half = len(settled) // 2
    numbers, figures = {}, []
    for name, values in (
        ("instances", [size.count for size in settled]),
        ("events", [size.events for size in settled]),
        ("bytes", [size.bytes for size in settled]),
    ):
        numbers[f"{name}_growth"] = growth = round(max(values[half:]) / max(values[:half]), 3)
        figures.append(at_most(f"{name}, second half of the year to the first", growth, GROWTH))
        figures.append(Figure(f"{name}, after each month", f"{min(values):,} to {max(values):,}"))
    waiting = max(size.waiting + size.stray + size.entities for size in sizes)
    figures.append(at_most("what waits, is stray, or an entity", waiting, 0))
    return Room("year", numbers, tuple(figures))


def _print(sizes: list[HubSize]) -> None:
    table = Table("month", "instances", "events", "KiB", "waiting")
    for month, size in enumerate(sizes):
        kib = f"{size.bytes / 1024:,.0f}"
        table.add_row(str(month), str(size.count), f"{size.events:,}", kib, str(size.waiting))
    Console().print(table)
