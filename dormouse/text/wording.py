"""Messages for pydantic validation errors."""

from collections.abc import Iterable, Mapping
from typing import Any

from dormouse.text.spelling import nearest

OWN = "Value error, "
LONGEST_SHOWN = 60  # characters
NUMBER, TRUTH, TEXT = "must be a number", "must be true or false", "must be a string"
PLAIN = {
    "missing": "is missing",
    "finite_number": "must be a finite number",
    **dict.fromkeys(("float_parsing", "float_type"), NUMBER),
    **dict.fromkeys(("int_parsing", "int_type", "int_from_float", "int_parsing_size"), "must be a whole number"),
    **dict.fromkeys(("bool_parsing", "bool_type"), TRUTH),
    "string_type": TEXT,
    "string_unicode": "has a key or value that is not valid Unicode (a lone surrogate)",
    **dict.fromkeys(("model_type", "model_attributes_type", "dict_type"), "must be a JSON object"),
    **dict.fromkeys(("list_type", "tuple_type"), "must be a list"),
}
LIMITS = {
    "greater_than": ("must be more than {:g}", "gt"),
    "greater_than_equal": ("must be at least {:g}", "ge"),
    "less_than": ("must be less than {:g}", "lt"),
    "less_than_equal": ("must be at most {:g}", "le"),
}


def words_of(error: Mapping[str, Any], known: Iterable[str] = ()) -> str:
    """What is wrong with a value, to follow its name; `known` are the valid names to suggest."""
    kind, context = str(error["type"]), error.get("ctx", {})
    if kind in PLAIN:
        return PLAIN[kind]
    if kind in LIMITS:
        words, limit = LIMITS[kind]
        return words.format(context[limit])
    if kind in ("literal_error", "enum"):
        return _choice(error["input"], str(context["expected"]))
    if kind == "extra_forbidden":
        return f"is an unknown field{did_you_mean(str(error['loc'][-1]), known)}"
    return str(error["msg"]).removeprefix(OWN)


def did_you_mean(written: str, known: Iterable[str]) -> str:
    """A "did you mean" question with the known word that is nearest, or ""."""
    near = nearest(written.lower(), known)
    return f"; did you mean {near!r}?" if near else ""


def _choice(written: object, expected: str) -> str:
    """The message for a value that is not one of the choices, which pydantic lists as `'a', 'b' or 'c'`."""
    near = did_you_mean(written, expected.split("'")[1::2]) if isinstance(written, str) else ""
    return f"{str(written)[:LONGEST_SHOWN]!r} is not one of {expected.replace(' or ', ', ')}{near}"
