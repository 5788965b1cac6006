"""Figures: what was measured, in numbers for programs and in words for people, with the promise beside it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table; without a promise nobody has said how much it should be."""

    name: str
    measured: str
    promise: str = ""
    kept: bool = True


@dataclass(frozen=True, slots=True)
class Room:
    """Everything that was measured in one room: `numbers` goes into the file, `figures` into the table."""

    name: str
    numbers: Mapping[str, Any]
    figures: tuple[Figure, ...]


def at_most(name: str, value: float, limit: float, unit: str = "") -> Figure:
    """A figure that is promised not to exceed a limit."""
    return Figure(name, f"{value:.4g}{unit}", f"≤ {limit:g}{unit}", kept=value <= limit)
