"""Specs made from the words of a chat message."""

import re
from typing import Any, get_origin

from dormouse.blueprints.catalog import BLUEPRINTS

# A comma between entries of a list, and not between the conditions or the extras of a Python package.
BETWEEN = re.compile(r",(?![<>=!~])(?![^\[\],]*(?:,[^\[\],]*)*\])")


def spec_in(settings: dict[str, str]) -> dict[str, Any]:
    """A spec's body from words like `size=…`: dots lead inside, and what takes many takes them with commas between."""
    body: dict[str, Any] = {}
    many = {
        name for each in BLUEPRINTS.values() for name, described in each.spec.model_fields.items()
        if get_origin(described.annotation) is tuple
    }  # fmt: skip
    for key, value in settings.items():
        outer, _, inner = key.partition(".")
        if inner:
            part = body.setdefault(outer, {})
            body[outer] = {**(part if isinstance(part, dict) else {}), inner: value}
        else:
            body[key] = BETWEEN.split(value) if key in many else value
    return body
