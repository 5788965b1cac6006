"""Query parameters of the evidence."""

from dormouse.http.parameters import Parameter
from dormouse.idle.heartbeats.agent_record import KEPT_MINUTES
from dormouse.idle.targets import target_key

LONGEST_ID, USUAL_MINUTES = 512, 120


def _machine(text: str) -> str:
    try:
        target_key(text)
    except ValueError:
        raise ValueError("the Azure resource ID of a machine, or of a cluster of an environment") from None
    return text


def _minutes(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10) or not 1 <= int(text) <= KEPT_MINUTES:
        raise ValueError(f"a number from 1 to {KEPT_MINUTES}")
    return int(text)


MACHINE_ID = Parameter(
    "machine", "The Azure resource ID.", {"type": "string", "maxLength": LONGEST_ID}, _machine, "", required=True
)
MINUTES = Parameter(
    "minutes",
    "The number of minutes, up to the present.",
    {"type": "integer", "minimum": 1, "maximum": KEPT_MINUTES, "default": USUAL_MINUTES},
    _minutes,
    USUAL_MINUTES,
)
