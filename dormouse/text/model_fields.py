"""Fields of nested models, found by the location of a validation error."""

from collections.abc import Mapping
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo


def names_beside(kind: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    """The names of the fields that are known where an error occurred."""
    return list(_fields(_last(kind, location[:-1])[0]))


def example_at(kind: type[BaseModel], location: tuple[int | str, ...]) -> Any:
    """A valid value for the field where an error occurred, or None if the model has no example."""
    return _last(kind, location)[1] if location else None


def _last(kind: type[BaseModel], location: tuple[int | str, ...]) -> tuple[type[BaseModel] | None, Any]:
    """The model that is expected at a location, if one is, and an example of the value there."""
    model: type[BaseModel] | None = kind
    example: Any = None
    for part in location:
        if isinstance(part, int):  # an entry of a list
            example = example[0] if isinstance(example, list) and example else None
            continue
        field = _fields(model).get(part)
        model = _model_in(field.annotation) if field else None
        example = field.examples[0] if field and field.examples else None
    return model, example


def _fields(model: type[BaseModel] | None) -> Mapping[str, FieldInfo]:
    """The fields of a model by the names that callers use."""
    return {field.alias or name: field for name, field in model.model_fields.items()} if model else {}


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The model in an annotation, which may be optional or in a list."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for found in map(_model_in, get_args(annotation)) if found), None)
