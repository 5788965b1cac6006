"""Parsing of the JSON documents in rows; an unreadable row is reported and left unchanged."""

import logging
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from pydantic import ValidationError

from dormouse import serialization
from dormouse.errors import UnreadableRecord
from dormouse.records.table import Row

log = logging.getLogger(__name__)

T = TypeVar("T")
LONGEST_REASON = 200
# Exceptions for invalid JSON, base64, compression and numbers.
BROKEN = (ValueError, KeyError, TypeError, ArithmeticError, AttributeError, zlib.error)


@dataclass(frozen=True, slots=True)
class Documents(Generic[T]):
    """The rows of a query by key: the parsed ones, and the errors of the others."""

    readable: dict[str, T]
    unreadable: dict[str, UnreadableRecord] = field(default_factory=dict)


def read(table: str, row: Row, reading: Callable[[Row], T]) -> T:
    """The parsed content of a row; raises UnreadableRecord with the row and the reason."""
    try:
        return reading(row)
    except BROKEN as error:
        raise UnreadableRecord(table, row.key, _reason(error)) from error


def read_document(table: str, kind: type[T], row: Row) -> T:
    """The JSON document of a row as a value of a type; raises UnreadableRecord."""
    return read(table, row, lambda known: serialization.read_text(kind, known.document))


def read_each(table: str, rows: Iterable[Row], reading: Callable[[Row], T]) -> Documents[T]:
    """The parsed content of many rows; an unreadable row is logged and does not affect the others."""
    found: Documents[T] = Documents({})
    for row in rows:
        try:
            found.readable[row.key] = read(table, row, reading)
        except UnreadableRecord as error:
            log.warning("%s", error)
            found.unreadable[row.key] = error
    return found


def _reason(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return f"{type(error).__name__}: {error}"[:LONGEST_REASON]
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    return f"{f'{where}: ' if where else ''}{first['msg']}"[:LONGEST_REASON]
