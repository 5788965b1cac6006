"""Messages for pydantic validation errors."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from dormouse.text.limits import LONGEST_PROBLEM, clipped
from dormouse.text.spelling import nearest

LONGEST_SHOWN = 60  # characters
NUMBER, TRUTH = "must be a number", "must be true or false"
PLAIN = {
    "missing": "is missing",
    "finite_number": "must be a finite number",
    **dict.fromkeys(("float_parsing", "float_type"), NUMBER),
    **dict.fromkeys(("int_parsing", "int_type", "int_from_float", "int_parsing_size"), "must be a whole number"),
    **dict.fromkeys(("bool_parsing", "bool_type"), TRUTH),
    "string_type": "must be a string; in JSON and YAML, put it in quotes",
    "string_unicode": "has a key or value that is not valid Unicode (a lone surrogate)",
    **dict.fromkeys(("model_type", "model_attributes_type", "dict_type"), "must be a JSON object"),
    **dict.fromkeys(("list_type", "tuple_type"), "must be a list"),
}
LIMITS = {
    "greater_than": "must be more than {gt:g}",
    "greater_than_equal": "must be at least {ge:g}",
    "less_than": "must be less than {lt:g}",
    "less_than_equal": "must be at most {le:g}",
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must have at most {max_length} characters",
    "too_short": "must have at least {min_length} entries",
    "too_long": "must have at most {max_length} entries and has {actual_length}",
}


def words_of(error: Mapping[str, Any], known: Iterable[str] = (), example: Any = None) -> str:
    """What is wrong with a value, to follow its name; `known` are the valid names to suggest, `example` is a valid value."""
    kind, context = str(error["type"]), error.get("ctx", {})
    if kind == "value_error":
        words = str(context["error"])
    elif kind in ("literal_error", "enum"):
        words = _choice(error["input"], str(context["expected"]))
    elif kind == "extra_forbidden":
        words = _unknown_field(str(error["loc"][-1]), list(known))
    else:
        words = PLAIN.get(kind) or _limit(kind, error["input"], context)
        words += "" if example is None else f", for example {json.dumps(example, ensure_ascii=False)}"
    return clipped(words, LONGEST_PROBLEM)


def did_you_mean(written: str, known: Iterable[str]) -> str:
    """A "did you mean" question with the known word that is nearest, or ""."""
    near = nearest(written.lower(), known)
    return f"; did you mean {near!r}?" if near else ""


def _limit(kind: str, value: object, context: Mapping[str, Any]) -> str:
    """The message for a value that is too small, large, short or long."""
    if context.get("min_length") == 1:
        return "must not be empty"
    lengths = f"string_{kind}" if isinstance(value, str) else kind  # pydantic itself tells texts from lists in part only
    return LIMITS.get(lengths, LIMITS.get(kind, "is not valid")).format(**context)


def _unknown_field(written: str, known: list[str]) -> str:
    near, others = did_you_mean(written, known), ", ".join(known)
    return f"is an unknown field{near or (others and f'; the fields are: {others}')}"


def _choice(written: object, expected: str) -> str:
    """The message for a value that is not one of the choices, which pydantic lists as `'a', 'b' or 'c'`."""
    near = did_you_mean(written, expected.split("'")[1::2]) if isinstance(written, str) else ""
    return f"{str(written)[:LONGEST_SHOWN]!r} is not one of {expected.replace(' or ', ', ')}{near}"
