"""Stored specs: read as far as today's rules allow, so that an environment of any release can be shown and changed."""

import json
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from dormouse.blueprints.specs import CHANGEABLE, SPECS, WorkstationSpec, change_faults
from dormouse.errors import Fault


@dataclass(frozen=True, slots=True)
class Before:
    """What was asked before, as far as it can be read: the spec (None: nothing of it), and what keeps a new one from it.

    `exact` says that the spec is just as it was stored.
    """

    spec: WorkstationSpec | None
    faults: tuple[Fault, ...] = ()
    exact: bool = True


def before_change(blueprint: str, stored: str, new: WorkstationSpec) -> Before:
    """What was asked before, held against the spec that is asked for now; never raises for what is stored.

    A field that today's rules refuse may be changed if such fields can change in place at all.
    """
    kind = SPECS.get(blueprint, type(new))
    try:
        old = kind.model_validate_json(stored)
    except ValidationError as error:
        return _patched(kind, stored, new, {str(item["loc"][0]) for item in error.errors() if item["loc"]})
    return Before(old, tuple(change_faults(old, new)))


def _patched(kind: type[WorkstationSpec], stored: str, new: WorkstationSpec, refused: set[str]) -> Before:
    """The stored spec with new values for those that are refused or missing, and without what this release does not know."""
    asked, known = new.model_dump(mode="json"), _object(stored)
    fixed = [name for name in sorted(refused & known.keys() & asked.keys()) if name not in CHANGEABLE]
    faults = [
        Fault(
            f"/{name}",
            f"cannot change in place, and its stored value {known[name]!r} is refused today; delete and build again.",
        )
        for name in fixed
    ]
    readable = {name: value for name, value in known.items() if name in asked and name not in refused}
    try:
        old = kind.model_validate({**asked, **readable})
    except ValidationError:  # what is stored cannot even be read field by field
        return Before(None, tuple(faults), exact=False)
    return Before(old, (*faults, *change_faults(old, new)), exact=False)


def _object(text: str) -> dict[str, Any]:
    try:
        content = json.loads(text)
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}
