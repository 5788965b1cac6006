"""What reporters of activity are answered: what is on record of them now, machine by machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from dormouse.services.views.schema import MACHINE, ONE, Moment, schema
from dormouse.text.doc import doc

Status = Literal["recorded", "withdrawn", "unchanged", "unreadable"]


@schema("ActivityReportResult")
@dataclass(frozen=True, slots=True)
class ReportResult:
    """What came of a report about one machine."""

    machine: Annotated[str, doc("The Azure resource ID of the machine.", MACHINE)]
    status: Annotated[
        Status,
        doc(
            "`unchanged`: this, or a newer report of the same reporter, was on record already; `unreadable`: this release "
            "cannot read the record of the machine, which is therefore not stopped anyway.",
            "recorded",
        ),
    ]
    busy_until: Annotated[
        Moment | None, doc("Until when the machine is busy according to this reporter; null if it is not.", ONE)
    ]
    shortened: Annotated[bool, doc("Whether the report was for longer than `LONGEST_ACTIVITY`.", False)]


@schema("ActivityResult")
@dataclass(frozen=True, slots=True)
class ActivityResult:
    """What came of reports; those about what is `unknown` were not recorded: send them again when a sweep has seen it."""

    value: Annotated[tuple[ReportResult, ...], doc("The machines that are known.", [])]
    unknown: Annotated[
        tuple[str, ...], doc("The machines that no sweep has seen yet, and environments without machines.", ["ml7"])
    ]
