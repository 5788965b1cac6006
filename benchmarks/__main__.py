"""`python -m benchmarks [NAME …]`: measure, print a table, and write the figures to benchmarks/latest.json."""

import json
import os
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks import chat, host, overview, own_cost, peers, provision, start, stops, sweep, year
from local.hostnames import resolve_localhost_names

LATEST = Path(__file__).parent / "latest.json"

BUSY = 0.5
WIDE = 140

# A file is as wide as it must be, a terminal is as wide as it is.
console = Console(width=None if sys.stdout.isatty() else WIDE)


def main() -> None:
    """Run every benchmark, or those that are named."""
    begun = time.monotonic()
    resolve_localhost_names()
    rooms, load = [], os.getloadavg()[0]
    if load > BUSY:
        console.print(f"[yellow]This computer is busy (load {load:.1f}): measured times are longer than usual.[/]")
    every = (start, host, provision, sweep, stops, overview, chat, own_cost, *((peers,) if os.environ.get("PEERS") else ()))
    asked = [room for room in {*every, peers, year} if room.__name__.rpartition(".")[2] in sys.argv[1:]]
    for room in asked or every:
        console.print(f"Measuring: {room.__name__.rpartition('.')[2]} …")
        rooms.append(room.measure())
    LATEST.write_text(json.dumps({room.name: room.numbers for room in rooms}, indent=2) + "\n")
    table = Table("room", "figure", "measured", "promised", "kept")
    for room in rooms:
        for figure in room.figures:
            kept = "" if not figure.promise else "[green]yes[/]" if figure.kept else "[red bold]NO[/]"
            table.add_row(room.name, figure.name, figure.measured, figure.promise, kept)
    console.print(table)
    console.print(f"Total time: {time.monotonic() - begun:.0f} s.")


if __name__ == "__main__":
    main()
