"""Stored specs of any release, read as far as today's validation allows, so that their environments can be updated."""

import json
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from dormouse.blueprints.catalog import BLUEPRINTS
from dormouse.blueprints.spec import EnvironmentSpec
from dormouse.blueprints.specs import change_faults, rebuild_advice
from dormouse.errors import Fault


@dataclass(frozen=True, slots=True)
class StoredSpec:
    """The stored spec (None if unreadable) and the errors of the requested change.

    `exact` is False if the stored spec had to be repaired to be readable.
    """

    spec: EnvironmentSpec | None
    faults: tuple[Fault, ...] = ()
    exact: bool = True


def asked_region(stored: str) -> str:
    """The region that a stored spec asks for first, or "" if it cannot be read."""
    return str(_object(stored).get("region", ""))


def before_change(blueprint: str, stored: str, new: EnvironmentSpec) -> StoredSpec:
    """Compare the stored spec with a new one; never raises for stored data.

    A stored value that today's validation rejects may be changed if its field can be updated in place.
    """
    kind = BLUEPRINTS[blueprint].spec if blueprint in BLUEPRINTS else type(new)
    try:
        old = kind.model_validate_json(stored)
    except ValidationError as error:
        return _patched(kind, stored, new, {str(item["loc"][0]) for item in error.errors() if item["loc"]})
    return StoredSpec(old, tuple(change_faults(old, new)))


def _patched(kind: type[EnvironmentSpec], stored: str, new: EnvironmentSpec, refused: set[str]) -> StoredSpec:
    """The stored spec, with the new values for rejected or missing fields, and without unknown fields."""
    asked, known = new.model_dump(mode="json"), _object(stored)
    fixed = [name for name in sorted(refused & known.keys() & asked.keys()) if name not in new.changeable]
    faults = [
        Fault(
            f"/{name}",
            f"cannot be updated in place, and its stored value {known[name]!r} is no longer valid; {rebuild_advice(new)}",
        )
        for name in fixed
    ]
    readable = {name: value for name, value in known.items() if name in asked and name not in refused}
    try:
        old = kind.model_validate({**asked, **readable})
    except ValidationError:  # not even readable field by field
        return StoredSpec(None, tuple(faults), exact=False)
    return StoredSpec(old, (*faults, *change_faults(old, new)), exact=False)


def _object(text: str) -> dict[str, Any]:
    try:
        content = json.loads(text)
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}
