"""Validators for fields of models, with error messages that say what is expected."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationError
from pydantic_core import CoreSchema, InitErrorDetails, PydanticCustomError, core_schema

MOST_CHECKED = 200  # entries of a list that is refused anyway


def no_fault(entries: Sequence[Any]) -> str:
    """The default check of a list: accepts every list."""
    return ""


@dataclass(frozen=True, slots=True)
class Matching:
    """A pattern that the whole text must match; `expected` completes the error message "must be …"."""

    pattern: str
    expected: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """The validation of the text, then of its form."""
        return core_schema.no_info_after_validator_function(self._checked, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """The schema of the text, with the pattern."""
        return {**handler(schema), "pattern": f"^{self.pattern}$"}

    def _checked(self, value: str) -> str:
        if not re.fullmatch(self.pattern, value, re.ASCII):
            raise ValueError(f"must be {self.expected}")
        return value


@dataclass(frozen=True, slots=True)
class Several:
    """A list of at most `most` entries; each entry is validated even if there are too many.

    `check` gets the entries before their validation and returns an error message about the list as a whole, or "".
    """

    most: int
    check: Callable[[Sequence[Any]], str] = no_fault

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """The validation of the entries, with that of the whole list around it."""
        return core_schema.no_info_wrap_validator_function(self._checked, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """The schema of the list, with the number of entries."""
        return {**handler(schema), "maxItems": self.most}

    def _checked(self, value: Any, validate: Callable[[Any], Any]) -> Any:
        faults = list(self._faults(value)) if isinstance(value, list | tuple) else []
        try:
            found = validate(value[:MOST_CHECKED] if faults else value)
        except ValidationError as error:
            known = [_again(each["type"], each["loc"], each["input"], each.get("ctx", {})) for each in error.errors()]
            raise ValidationError.from_exception_data(error.title, [*faults, *known]) from None
        if faults:
            raise ValidationError.from_exception_data("list", faults)
        return found

    def _faults(self, entries: Sequence[Any]) -> Sequence[InitErrorDetails]:
        faults = []
        if len(entries) > self.most:
            faults.append(_again("too_long", (), entries, {"max_length": self.most, "actual_length": len(entries)}))
        words = self.check(entries)
        if words:
            faults.append(_again("value_error", (), entries, {"error": ValueError(words)}))
        return faults


def _again(kind: str, location: tuple[int | str, ...], value: Any, context: dict[str, Any]) -> InitErrorDetails:
    """A pydantic error to raise from a validator; `dormouse.text.wording` has its message."""
    return InitErrorDetails(type=PydanticCustomError(kind, "invalid", context), loc=location, input=value)
