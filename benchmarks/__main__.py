"""`python -m benchmarks`: measure, print a table, and write the figures to benchmarks/latest.json."""

import json
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks import host

LATEST = Path(__file__).parent / "latest.json"


def main() -> None:
    """Measure everything."""
    figures = {"host": {name: round(value, 3) for name, value in host.measure().items()}}
    LATEST.write_text(json.dumps(figures, indent=2) + "\n")
    table = Table("room", "figure", "measured")
    for room, measured in figures.items():
        for name, value in measured.items():
            table.add_row(room, name.replace("_", " "), f"{value:g}")
    Console().print(table)


if __name__ == "__main__":
    main()
