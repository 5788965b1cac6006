"""Files of Cost Management exports, which are only read: FOCUS (`FocusCost`) and Azure's own columns, as CSV.

https://learn.microsoft.com/azure/cost-management-billing/dataset-schema/cost-usage-details-focus
https://learn.microsoft.com/azure/cost-management-billing/dataset-schema/cost-usage-details-ea
"""

import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path

from dormouse_cli.errors import UsageError

# The columns of a row by what they say, in lower case: exports of different agreements write them differently.
RESOURCE = ("resourceid", "instanceid")
DAY = ("chargeperiodstart", "date", "usagedatetime")
BILLED = ("billedcost", "costinbillingcurrency", "cost", "pretaxcost")
LIST = ("listcost",)
LIST_PRICE, QUANTITY = ("paygprice",), ("quantity",)
CURRENCY = ("billingcurrency", "billingcurrencycode")
CATEGORY = ("chargecategory", "chargetype")
CORRECTION = ("chargeclass",)
TAGS = ("tags",)
NEEDED = (RESOURCE, DAY, BILLED, CURRENCY)
USAGE = ("", "usage")
OTHER_DATES = ("%m/%d/%Y", "%Y%m%d")


@dataclass(frozen=True, slots=True)
class BilledRow:
    """What Azure has billed for a resource on a day (UTC); `list_cost` is None if the export does not say."""

    resource: str
    day: date
    billed: Decimal
    list_cost: Decimal | None
    currency: str
    is_usage: bool
    is_correction: bool
    tags: Mapping[str, str]


def read_export(path: Path) -> Iterator[BilledRow]:
    """The rows of an export; raises UsageError for a file that is none, with the line."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield from _rows(csv.DictReader(file), path)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"{path} cannot be read as CSV: {error}") from None


def _rows(reader: "csv.DictReader[str]", path: Path) -> Iterator[BilledRow]:
    names = {name.lower().strip() for name in reader.fieldnames or () if name}
    missing = [columns[0] for columns in NEEDED if not names & {*columns}]
    if missing:
        raise UsageError(f"{path} is no export of costs per resource: it has no column {', '.join(missing)}.")
    for row in reader:
        fields = {name.lower().strip(): (text or "").strip() for name, text in row.items() if isinstance(name, str)}
        try:
            yield _row(fields)
        except (ValueError, InvalidOperation):
            raise UsageError(f"Line {reader.line_num} of {path} has a date or an amount that cannot be read.") from None


def _row(fields: Mapping[str, str]) -> BilledRow:
    listed, price, quantity = _text(fields, LIST), _text(fields, LIST_PRICE), _text(fields, QUANTITY)
    list_cost = _amount(listed) if listed else _amount(price) * _amount(quantity) if price and quantity else None
    return BilledRow(
        _text(fields, RESOURCE).lower(),
        _day(_text(fields, DAY)),
        _amount(_text(fields, BILLED)),
        list_cost,
        _text(fields, CURRENCY).upper(),
        _text(fields, CATEGORY).lower() in USAGE,
        _text(fields, CORRECTION).lower() == "correction",
        _tags(_text(fields, TAGS)),
    )


def _text(fields: Mapping[str, str], columns: tuple[str, ...]) -> str:
    return next((fields[name] for name in columns if fields.get(name)), "")


def _amount(text: str) -> Decimal:
    amount = Decimal(text or "0")
    if not amount.is_finite():
        raise ValueError("not an amount")
    return amount


def _day(text: str) -> date:
    try:
        return datetime.fromisoformat(text).date()
    except ValueError:
        pass
    for form in OTHER_DATES:
        try:
            return datetime.strptime(text, form).date()  # noqa: DTZ007 - a day of UTC
        except ValueError:
            continue
    raise ValueError("not a date")


def _tags(text: str) -> Mapping[str, str]:
    """The tags: a JSON object, which some exports write without its braces."""
    try:
        found = json.loads(text if text.startswith("{") else f"{{{text}}}")
    except ValueError:
        return {}
    return {str(name).lower(): str(value) for name, value in found.items()} if isinstance(found, dict) else {}
