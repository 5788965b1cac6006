"""Query parameters that narrow and sort lists; each filter takes one value or several, separated by commas."""

import re
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

import azure.functions as func

from dormouse.blueprints.catalog import BLUEPRINTS
from dormouse.environments.results import OutcomeStatus
from dormouse.http.parameters import Parameter
from dormouse.idle.verdict import VerdictKind
from dormouse.lifecycle import State, Verb
from dormouse.services.lists.environments import SORTS as ENVIRONMENT_COLUMNS
from dormouse.services.lists.machines import SORTS as MACHINE_COLUMNS
from dormouse.services.lists.operations import RUNNING
from dormouse.services.lists.operations import SORTS as OPERATION_COLUMNS
from dormouse.services.lists.selection import Selection
from dormouse.services.overview.rows import NOT_JUDGED, Order

Filter: TypeAlias = Parameter[tuple[str, ...]]

MOST_VALUES, LONGEST_TEXT = 20, 100
FREE = re.compile(rf"[^,]{{1,{LONGEST_TEXT}}}")
ANY_OF = "several, separated by commas, mean any of them"


def _several(read: Callable[[str], str], meaning: str) -> Callable[[str], tuple[str, ...]]:
    def parse(text: str) -> tuple[str, ...]:
        values = text.split(",")
        if len(values) > MOST_VALUES:
            raise ValueError(f"at most {MOST_VALUES} values")
        try:
            return tuple(dict.fromkeys(read(value) for value in values))
        except ValueError:
            raise ValueError(meaning) from None

    return parse


def _words(name: str, meaning: str, words: Iterable[str]) -> Filter:
    """A filter whose values are known."""
    known = tuple(words)

    def read(text: str) -> str:
        if text not in known:
            raise ValueError
        return text

    items = {"type": "string", "enum": list(known)}
    return Parameter(name, f"{meaning}; {ANY_OF}.", _array(items), _several(read, f"of {', '.join(known)}"), ())


def _texts(name: str, meaning: str) -> Filter:
    """A filter whose values are free; case does not matter."""

    def read(text: str) -> str:
        if not FREE.fullmatch(text):
            raise ValueError
        return text.lower()

    items = {"type": "string", "minLength": 1, "maxLength": LONGEST_TEXT, "pattern": "^[^,]+$"}
    expected = f"texts of 1 to {LONGEST_TEXT} characters, separated by commas"
    return Parameter(name, f"{meaning}; {ANY_OF}.", _array(items), _several(read, expected), ())


def _array(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items, "minItems": 1, "maxItems": MOST_VALUES}


def _sort(columns: Iterable[str], usual: str) -> Parameter[str]:
    names = [sign + column for column in columns for sign in ("", "-")]

    def read(text: str) -> str:
        if text not in names:
            raise ValueError(f"one of {', '.join(names)}")
        return text

    meaning = f"The order of the whole list: a column, or `-` and a column for the opposite order; by default {usual}."
    return Parameter("sort", meaning, {"type": "string", "enum": names}, read, "")


def _search_text(text: str) -> str:
    if not text.strip() or len(text) > LONGEST_TEXT:
        raise ValueError(f"a text of 1 to {LONGEST_TEXT} characters")
    return text.strip()


def _search(where: str) -> Parameter[str]:
    schema = {"type": "string", "minLength": 1, "maxLength": LONGEST_TEXT}
    meaning = f"Return only items that contain each of these words in {where}; case does not matter."
    return Parameter("search", meaning, schema, _search_text, "")


OWNER = _texts("owner", "Return only what belongs to this owner")
BLUEPRINT = _words("blueprint", "Return only what was built from this blueprint", sorted(BLUEPRINTS))
REGION_FILTER = _texts("region", "Return only what is in this Azure region")
STATE = _words("state", "Return only what is in this state", State)
VERDICT = _words("verdict", "Return only what has this verdict", VerdictKind)
MACHINE_ENVIRONMENT = _texts("environment", "Return only machines of this environment")
ROW_VERDICT = _words(VERDICT.name, "Return only what has this verdict", (*VerdictKind, NOT_JUDGED))
VERB = _words("verb", "Return only operations that do this", Verb)
OUTCOME = _words(
    "outcome", f"Return only operations that ended like this; `{RUNNING}` for those under way", (RUNNING, *OutcomeStatus)
)
REQUESTED_BY = _texts("requested_by", "Return only operations that this user, key or timer requested")

ENVIRONMENT_LIST: tuple[Parameter[Any], ...] = (
    OWNER,
    BLUEPRINT,
    REGION_FILTER,
    STATE,
    VERDICT,
    _search("name, owner, blueprint or region"),
    _sort(ENVIRONMENT_COLUMNS, "by name"),
)
MACHINE_LIST: tuple[Parameter[Any], ...] = (
    VERDICT,
    STATE,
    OWNER,
    BLUEPRINT,
    MACHINE_ENVIRONMENT,
    REGION_FILTER,
    _search("name, resource ID, environment, owner or size"),
    _sort(MACHINE_COLUMNS, "by resource ID"),
)
OVERVIEW_LIST: tuple[Parameter[Any], ...] = (
    ROW_VERDICT,
    _search("name, resource ID, owner, blueprint, region, size, state or verdict"),
    _sort(
        Order, "by name; `attention`, `next` and `since` begin with what needs it, happens soonest or is longest unchanged"
    ),
)
OPERATION_LIST: tuple[Parameter[Any], ...] = (
    VERB,
    OUTCOME,
    REQUESTED_BY,
    _search("ID, environment, verb or who requested it"),
    _sort(OPERATION_COLUMNS, "the newest first"),
)


def selection_of(req: func.HttpRequest, parameters: Iterable[Parameter[Any]]) -> Selection:
    """What a request asks of a list; raises InvalidRequest."""
    asked = {each.name: each.of(req) for each in parameters}
    search, sort = asked.pop("search", ""), asked.pop("sort", "")
    return Selection({name: values for name, values in asked.items() if values}, search, sort)


def as_query(req: func.HttpRequest, parameters: Iterable[Parameter[Any]]) -> dict[str, str]:
    """The parameters of a request as they were sent, for the address of the next page."""
    return {each.name: req.params[each.name] for each in parameters if each.name in req.params}
