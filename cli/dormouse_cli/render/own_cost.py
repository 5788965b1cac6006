"""The cost of the control plane itself as text and as JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from dormouse_cli.output import print_lines, print_table
from dormouse_cli.own_cost.formula import Load, Part, total
from dormouse_cli.own_cost.prices import Price

ASSUMED = "how long sweeps execute, actions of an operation, sizes of log lines, machines near a stop (docs/cost.md)"


def print_own_cost(load: Load, parts: Sequence[Part], prices: Mapping[str, Price]) -> None:
    """Print a table of the parts with the sum, and the prices that are assumed."""
    rows: list[tuple[str, str, str]] = [(part.name, f"{part.amount:,.2f}", part.quantity) for part in parts]
    print_table(("part", "USD per month", "of"), [*rows, ("total", f"{total(parts):,.2f}", _said_of(load))], prose=("of",))
    print_lines("", f"Also assumed: {ASSUMED}.", "", "Prices that are assumed (change one with --price NAME=AMOUNT):")
    print_table(
        ("name", "USD", "per"), [(name, _plain(one.amount), one.unit) for name, one in prices.items() if one.assumed]
    )


def own_cost_document(load: Load, parts: Sequence[Part], prices: Mapping[str, Price]) -> dict[str, Any]:
    """The same as a document: what was asked, the parts, the total in USD per month of 30 days, and every price."""
    return {
        "load": asdict(load),
        "parts": [asdict(part) for part in parts],
        "total": total(parts),
        "currency": "USD",
        "prices": {name: asdict(price) for name, price in prices.items()},
    }


def _said_of(load: Load) -> str:
    return f"30 days, {load.machines:,} machines, instances of {load.memory_mb} MB, backend {load.backend.value}"


def _plain(amount: float) -> str:
    """An amount without exponent: 0.000004."""
    return f"{amount:.9f}".rstrip("0").rstrip(".")
