"""Documentation of fields, as JSON Schema and the OpenAPI document show it."""

from typing import Any

from pydantic import Field


def doc(description: str, *examples: Any) -> Any:
    """The description of a field, and what its values look like."""
    return Field(description=description, examples=list(examples))
