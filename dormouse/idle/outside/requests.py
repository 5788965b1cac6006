"""Requests that report activity: what is said of which machines or environments, signed or by a caller with a role."""

from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from dormouse.clock import parse_moment
from dormouse.idle.holds import CommandBody
from dormouse.idle.outside.reports import LONGEST_REASON
from dormouse.idle.targets import target_key
from dormouse.resources.compute.machines import machine_id
from dormouse.text.doc import doc
from dormouse.text.plain_text import PlainText
from dormouse.text.validators import Matching

MOST_REPORTS = 300  # with resource IDs, they fit into the largest body
MACHINE = machine_id("00000000-0000-0000-0000-000000000000", "research", "gpu1")
ONE, NOON = "2026-05-01T13:00:00Z", "2026-05-01T12:00:00Z"


def _target(value: str) -> str:
    target_key(value)
    return value.strip()


def _moment(value: str) -> str:
    try:
        moment = datetime.fromisoformat(value)
        moment.timestamp()
    except (ValueError, OverflowError):
        moment = None
    if moment is None or moment.tzinfo is None:
        raise ValueError(f"must be an RFC 3339 moment with a time zone, such as {ONE}")
    return value


def _not_empty(value: tuple["ActivityItem", ...]) -> tuple["ActivityItem", ...]:
    if not value:  # pydantic's own check would also complain about a list in which every entry is invalid
        raise ValueError("must have at least one entry")
    return value


MomentText = Annotated[str, Field(max_length=40, json_schema_extra={"format": "date-time"}), AfterValidator(_moment)]


class ActivityItem(CommandBody):
    """One machine, or all machines of one environment, and until when it is busy."""

    machine: Annotated[
        Annotated[str, Field(max_length=512), AfterValidator(_target)] | None,
        doc("The Azure resource ID of a machine, or of a cluster of an environment; null for an environment.", MACHINE),
    ] = None
    environment: Annotated[
        Annotated[str, Matching(r"[a-z][a-z0-9-]{0,22}[a-z0-9]", "the name of an environment, such as ml1")] | None,
        doc("The name of an environment; null for a machine.", "ml1"),
    ] = None
    busy_until: Annotated[
        MomentText | None,
        doc("Until when it is busy, at most `LONGEST_ACTIVITY` from now; null, or a moment in the past: no longer.", ONE),
    ]
    reason: Annotated[
        PlainText, Field(max_length=LONGEST_REASON), doc("Why, for other people to read.", "nightly training")
    ] = ""

    @model_validator(mode="after")
    def _names_one(self) -> "ActivityItem":
        if (self.machine is None) == (self.environment is None):
            raise ValueError("must have either machine or environment")
        return self

    def until(self, now: float) -> float:
        """Until when it is busy, in seconds since 1970; 0.0: no longer."""
        moment = parse_moment(self.busy_until) if self.busy_until else 0.0
        return moment if moment > now else 0.0


class ActivityRequest(CommandBody):
    """What is known of the activity of some machines."""

    reports: Annotated[
        tuple[ActivityItem, ...],
        Field(max_length=MOST_REPORTS, json_schema_extra={"minItems": 1}),
        AfterValidator(_not_empty),
        doc("The machines and environments.", [{"machine": MACHINE, "busy_until": ONE, "reason": "nightly training"}]),
    ]


class SignedActivityRequest(ActivityRequest):
    """What a reporter with the secret knows of the activity of some machines; `at` is now."""

    model_config = ConfigDict(title="SignedActivityRequest")

    reporter: Annotated[
        str,
        Matching(r"[a-z0-9][a-z0-9.-]{0,62}", "up to 63 lower-case letters, digits, dots and hyphens, such as slurm"),
        doc("Who reports; only the same reporter can withdraw or change what it has reported.", "slurm"),
    ]
    at: Annotated[MomentText, doc("When this was sent, best with fractions of a second.", "2026-05-01T12:00:00.250Z")]
