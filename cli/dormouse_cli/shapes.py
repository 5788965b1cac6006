"""The shapes of the control plane's responses: what the texts for people rely on.

A shape is `str`, `bool`, `float` (any finite number), `[shape]` for a list, `{"name": shape}` for an object with these
members, or `{...: shape}` for an object with any members. A member may be absent or null unless it is `Needed`; an item
of a list may not be null. Other members are ignored.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

Shape = Any


@dataclass(frozen=True, slots=True)
class Needed:
    """The shape of a member without which a response says nothing."""

    shape: Shape


ANYTHING = object
NAMES = {str: "string", bool: "boolean", float: "usable number"}
LARGEST = 1e15  # beyond it, numbers are neither seconds nor prices
PRICE = {"amount": float, "currency": str}
FEES = {"price_asleep_per_hour": PRICE, "unpriced": [str], "billed_by_use": [str]}
PLACEMENT = {"region": str, "size": str, "zone": str}
HOLD = {"by": str, "reason": str, "until": str}
LEASE = {"then": str, "until": str}
ACCEPTED = {"operation": str, "sweep": str}
SECRET = {"secret_uri": str}
PROMOTED_IMAGE = {"name": str, "image": str, "digest": str, "source": str, "target": str}
PAGE_LINKS = {"next": str, "problems": [str], "value": [{}]}
BLUEPRINT = {
    "name": Needed(str),
    "summary": str,
    "sizes": [str],
    "region": str,
    "price_per_hour": PRICE,
    **FEES,
    "price_covers": str,
    "parameters": {"required": [str], "properties": {...: {}}},
    "defaults": {},
}
SIZE = {
    "name": Needed(str),
    "gpu": str,
    "gpus": float,
    "vcpus": float,
    "memory_gib": float,
    "price_per_hour": PRICE,
    "spot_price_per_hour": PRICE,
    "quota_left_vcpus": float,
    "zones": [str],
    "problem": str,
}
ENVIRONMENT = {
    "name": Needed(str),
    "state": str,
    "hibernated": bool,
    "problem": str,
    "ready": bool,
    "billed": bool,
    "operation": str,
    "blueprint": str,
    "owner": str,
    "region": str,
    "depends_on": [str],
    "spec": {"stack": str},
    "drift": [str],
    "resources": [{"name": str, "kind": str, "id": str, "state": str, "size": str}],
    "price_per_hour": PRICE,
    **FEES,
    "costs": {
        "per_month": PRICE,
        "this_month": PRICE,
        "hours_this_month": float,
        "saved": PRICE,
        "hours_asleep": float,
        "at_least": bool,
    },
    "endpoints": [{"kind": str, "host": str, "port": float, "command": str, "username": str, "note": str}],
    "secrets": [{}],
    "verdict": str,
    "schedule": str,
    "hold": HOLD,
    "lease": LEASE,
    "planned": {"then": str, "at": str, "text": str},
    "placement": PLACEMENT,
    "observed_at": str,
    "open_url": str,
}
PLAN = {
    "environment": str,
    "blueprint": str,
    "region": str,
    "would": Needed(str),
    "resources": [{"name": str, "kind": str, "needs": [str], "action": str}],
    "price_per_hour": PRICE,
    **FEES,
    "price_covers": str,
    "price_per_month": PRICE,
    "refusals": [{"reason": str, "detail": str, "advice": str}],
    "warnings": [str],
    "drift": [str],
    "alternatives": [{**PLACEMENT, "price_per_hour": PRICE}],
    "depends_on": [str],
    "spec_changes": [str],
}
COMMAND_PREVIEW = {
    "environment": str,
    "machine": str,
    "would": str,
    "state": str,
    "size": str,
    "image": str,
    "digest": str,
    "replaces": str,
    "resources": [str],
    "tags": {...: str},
    "refusals": [{"reason": str, "detail": str, "advice": str}],
    "warnings": [str],
}
MACHINE = {
    "id": str,
    "name": str,
    "environment": str,
    "state": str,
    "verdict": str,
    "reason": str,
    "next_action_text": str,
    "hours_asleep": float,
    "saved_amount": float,
    "currency": str,
}
SUMMARY = {
    "machines": float,
    "verdicts": {...: float},
    "actions": {...: float},
    "hours_asleep": float,
    "saved_amount": float,
    "problems": [str],
}
REPORT = {"sweep": str, "dry_run": bool, "as_of": str, "summary": SUMMARY, "value": [MACHINE], "problems": [str]}
FINDING = {
    "kind": str,
    "id": Needed(str),
    "environment": str,
    "state": str,
    "why": str,
    "since": str,
    "next_action": str,
    "per_month": PRICE,
}
FINDINGS = {"as_of": str, "policy": str, "value": [FINDING], "problems": [str]}
HELD = {"hold": HOLD, "kept": str}
LEASED = {"lease": LEASE}
# An operation or a sweep: both are watched in the same way.
OPERATION = {
    "id": str,
    "verb": str,
    "environment": str,
    "outcome": str,
    "state": str,
    "reason": str,
    "accepted_at": str,
    "requested_by": str,
    "makespan_seconds": float,
    "steps": [
        {"name": str, "state": str, "began_seconds": float, "ended_seconds": float, "duration_seconds": float},
    ],
    "health_checks": [{"name": str, "result": str, "detail": str}],
    "leftovers": [str],
    "unverified": str,
    "dry_run": bool,
    "summary": SUMMARY,
}

OPENING = {
    "name": Needed(str),
    "phase": Needed(str),
    "text": str,
    "may_start": bool,
    "obstacle": {"code": str, "detail": str},
    "operation": OPERATION,
    "ways_in": [{"title": str, "ready": bool, "command": str, "url": str, "username": str, "note": str}],
    "price_per_hour": PRICE,
    "spent_today": PRICE,
}


def page_of(shape: Shape) -> Shape:
    """The shape of a page of such rows."""
    return {**PAGE_LINKS, "value": [shape]}


def misfit(value: Any, shape: Shape, path: str = "") -> str:
    """The path of the first part of a value that does not have its shape, as "/value/0/name: not a string", or ""."""
    if value is None:
        return ""
    if isinstance(shape, type):
        return "" if _is(value, shape) else f"{path or '/'}: not a {NAMES[shape]}"
    if isinstance(shape, list):
        if not isinstance(value, list):
            return f"{path or '/'}: not a list"
        return _first(_item_misfit(item, shape[0], f"{path}/{place}") for place, item in enumerate(value))
    if not isinstance(value, dict):
        return f"{path or '/'}: not an object"
    missing = (f"{path}/{name}: missing" for name, member in shape.items() if _is_missing(member, value.get(name)))
    return _first(missing) or _first(
        misfit(member, _member(shape, name), f"{path}/{name}") for name, member in value.items()
    )


def _item_misfit(item: Any, shape: Shape, path: str) -> str:
    return f"{path}: null" if item is None else misfit(item, shape, path)


def _is(value: Any, kind: type) -> bool:
    if kind is not float:
        return isinstance(value, kind)
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < LARGEST and math.isfinite(value)


def _is_missing(shape: Shape, value: Any) -> bool:
    return isinstance(shape, Needed) and value is None


def _member(shape: Mapping[Any, Shape], name: str) -> Shape:
    found = shape.get(name, shape.get(..., ANYTHING))
    return found.shape if isinstance(found, Needed) else found


def _first(faults: Iterable[str]) -> str:
    return next(filter(None, faults), "")
