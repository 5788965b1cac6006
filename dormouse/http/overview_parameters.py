"""Query parameters of the overview and of the evidence."""

from dormouse.http.parameters import Parameter
from dormouse.idle.heartbeats.agent_record import KEPT_MINUTES
from dormouse.idle.targets import target_key
from dormouse.idle.verdict import VerdictKind
from dormouse.services.overview.rows import NOT_JUDGED, Order

LONGEST_SEARCH, LONGEST_ID, USUAL_MINUTES = 100, 512, 120


def _search(text: str) -> str:
    if len(text) > LONGEST_SEARCH:
        raise ValueError(f"at most {LONGEST_SEARCH} characters")
    return text


def _one_of(known: tuple[str, ...], text: str) -> str:
    if text not in known:
        raise ValueError(f"one of {', '.join(known)}")
    return text


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


VERDICTS = (*VerdictKind, NOT_JUDGED)
SEARCH = Parameter(
    "search",
    "Return only rows that contain every word: in ID, name, owner, blueprint, region, size, state or verdict.",
    {"type": "string", "maxLength": LONGEST_SEARCH},
    _search,
    "",
)
ROW_VERDICT = Parameter(
    "verdict",
    "Return only rows with this verdict.",
    {"type": "string", "enum": list(VERDICTS)},
    lambda text: _one_of(VERDICTS, text),
    "",
)
SORT = Parameter(
    "sort",
    "The order: by name; what needs attention first; what happens next; the longest unchanged first; by owner.",
    {"type": "string", "enum": list(Order), "default": Order.NAME.value},
    lambda text: _one_of(tuple(Order), text),
    Order.NAME.value,
)
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
