"""Typed values of Table Storage: their JSON form, comparison and size limits.

https://learn.microsoft.com/rest/api/storageservices/understanding-the-table-service-data-model
"""

import base64
import binascii
import math
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from local.azure.core.responses import Answer, Refused

STRING, INT32, INT64, DOUBLE = "Edm.String", "Edm.Int32", "Edm.Int64", "Edm.Double"
BOOLEAN, DATETIME, GUID, BINARY = "Edm.Boolean", "Edm.DateTime", "Edm.Guid", "Edm.Binary"
NUMBERS = (INT32, INT64, DOUBLE)
ANNOTATED = (INT64, DATETIME, GUID, BINARY)
LONGEST_STRING, LARGEST_BINARY, MOST_PROPERTIES = 32 * 1024, 64 * 1024, 252
SMALLEST_INT32, LARGEST_INT32 = -(2**31), 2**31 - 1
TYPE = "@odata.type"


class TableRefused(Refused):
    """A refusal in the envelope of Table Storage."""

    @property
    def answer(self) -> Answer:
        """The refusal as a response."""
        error = {"code": self.code, "message": {"lang": "en-US", "value": self.message}}
        return Answer(self.status, {"odata.error": error}, {"x-ms-error-code": self.code, **self.headers})


@dataclass(frozen=True, slots=True)
class Value:
    """A value with its type; `json` is its JSON form."""

    kind: str
    json: Any

    @property
    def comparable(self) -> Any:
        """The value in a form that Python can compare with others of its kind; numbers compare with all numbers."""
        if self.kind == INT64:
            return int(self.json)
        if self.kind == DOUBLE:
            return float(str(self.json).replace("Infinity", "inf"))
        if self.kind == DATETIME:
            return _moment(self.json)
        if self.kind == BINARY:
            return base64.b64decode(self.json)
        return uuid.UUID(self.json) if self.kind == GUID else self.json

    @property
    def annotation(self) -> str | None:
        """The type annotation in responses with minimal metadata, where JSON alone is ambiguous."""
        special = self.kind == DOUBLE and isinstance(self.json, str)
        return self.kind if self.kind in ANNOTATED or special else None


def read(name: str, given: Any, annotation: str | None) -> Value:
    """A value from a request; raises a refusal for one that does not match its type, or is too large."""
    kind = annotation or _kind_of(given)
    try:
        value = Value(kind, _canonical(kind, given))
        value.comparable  # noqa: B018 - what cannot be compared is no value of its type
    except (ValueError, TypeError, binascii.Error):
        raise invalid(f"An error occurred while processing this request: property {name} is no {kind}.") from None
    long = kind == STRING and len(value.json.encode("utf-16-le", "surrogatepass")) // 2 > LONGEST_STRING
    large = kind == BINARY and len(base64.b64decode(value.json)) > LARGEST_BINARY
    if long or large:
        text = "The property value exceeds the maximum allowed size (64KB). If the property value is a string, it is UTF-16 encoded and the maximum number of characters should be 32K or less."
        raise TableRefused(400, "PropertyValueTooLarge", text)
    return value


def read_properties(body: Mapping[str, Any]) -> dict[str, Value]:
    """The properties in a body, without keys and system properties; null values are skipped."""
    names = [name for name in body if not name.endswith(TYPE) and not name.startswith("odata.") and name not in SYSTEM]
    if len(names) > MOST_PROPERTIES:
        raise TableRefused(400, "TooManyProperties", "The entity contains more properties than allowed.")
    return {name: read(name, body[name], body.get(name + TYPE)) for name in names if body[name] is not None}


def invalid(text: str) -> TableRefused:
    """The refusal of an invalid part of a request."""
    return TableRefused(400, "InvalidInput", text)


SYSTEM = ("PartitionKey", "RowKey", "Timestamp")


def _kind_of(given: Any) -> str:
    if isinstance(given, bool):
        return BOOLEAN
    if isinstance(given, int):
        return INT32
    if isinstance(given, float):
        return DOUBLE
    return STRING if isinstance(given, str) else ""


def _canonical(kind: str, given: Any) -> Any:
    if kind == STRING and isinstance(given, str):
        return given
    if kind == INT32 and SMALLEST_INT32 <= int(given) <= LARGEST_INT32:
        return int(given)
    if kind == INT64 and isinstance(given, str):
        return str(int(given))
    if kind == DOUBLE:
        number = float(str(given).replace("Infinity", "inf"))
        return number if math.isfinite(number) else str(given)
    if kind == BOOLEAN and str(given).lower() in ("true", "false"):
        return str(given).lower() == "true"
    if kind in (DATETIME, GUID, BINARY) and isinstance(given, str) and given:
        return given.lower() if kind == GUID else given
    raise ValueError(kind)


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
