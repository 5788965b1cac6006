"""Figures: measurements as numbers for programs and as text for readers, each with its promise."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table; the promise can be empty."""

    name: str
    measured: str
    promise: str = ""
    kept: bool = True


@dataclass(frozen=True, slots=True)
class Room:
    """The measurements of one benchmark: `numbers` go into the file, `figures` into the table."""

    name: str
    numbers: Mapping[str, Any]
    figures: tuple[Figure, ...]


def at_most(name: str, value: float, limit: float, unit: str = "") -> Figure:
    """A figure with an upper limit."""
    return Figure(name, f"{value:.4g}{unit}", f"≤ {limit:g}{unit}", kept=value <= limit)


def at_least(name: str, value: float, limit: float, unit: str = "") -> Figure:
    """A figure with a lower limit."""
    return Figure(name, f"{value:.4g}{unit}", f"≥ {limit:g}{unit}", kept=value >= limit)
