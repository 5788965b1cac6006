"""Server-side apply: who manages which field, conflicts between managers, and what a manager no longer names.

https://kubernetes.io/docs/reference/using-api/server-side-apply. Sets of fields are in `fields.py`.
"""

import json
from typing import Any

from local.azure.kubernetes.api.fields import (
    KEYS,
    Fields,
    changed_fields,
    fields_of,
    key_of,
    leaves,
    merged,
    minus,
    minus_paths,
    union,
    value_at,
    without,
)
from local.azure.kubernetes.api.statuses import StatusRefused
from local.azure.kubernetes.objects import Object

APPLY, UPDATE = "Apply", "Update"


def applied(live: Object | None, wanted: Object, manager: str, now: str, *, force: bool) -> Object:
    """The object after a manager has applied what it wants; raises the 409 for fields that others manage, unless forced."""
    entries = list((live or {}).get("metadata", {}).get("managedFields") or [])
    mine = fields_of(wanted)
    if live is None:
        return _with_managers(wanted, [_entry(wanted, manager, APPLY, mine, now)])
    before = next((one for one in entries if one["manager"] == manager and one["operation"] == APPLY), None)
    others = [one for one in entries if one is not before]
    conflicts = [(one, path) for one in others for path in _conflicts(one["fieldsV1"], mine, live, wanted)]
    if conflicts and not force:
        raise _conflict(conflicts)
    found = merged(live, wanted)
    dropped = minus(before["fieldsV1"], mine) if before else {}
    for other in others:
        dropped = minus(dropped, other["fieldsV1"])
    found = without(found, dropped)
    if force:
        taken = [{**one, "fieldsV1": minus_paths(one["fieldsV1"], [p for o, p in conflicts if o is one])} for one in others]
        others = [one for one in taken if one["fieldsV1"]]
    if before and _same(found, live) and before["fieldsV1"] == mine:
        return live
    return _with_managers(found, [*others, _entry(wanted, manager, APPLY, mine, now)])


def updated(live: Object | None, found: Object, manager: str, now: str) -> Object:
    """The object after a manager has written it as a whole: it manages what it has changed."""
    entries = list((live or {}).get("metadata", {}).get("managedFields") or [])
    changed = changed_fields(live or {}, found)
    if not changed:
        return found
    others = []
    for entry in entries:
        mine = entry["manager"] == manager and entry["operation"] == UPDATE
        left = union(entry["fieldsV1"], changed) if mine else minus(entry["fieldsV1"], changed)
        changed = {} if mine else changed
        others += [{**entry, "fieldsV1": left}] if left else []
    entry = [_entry(found, manager, UPDATE, changed, now)] if changed else []
    return _with_managers(found, [*others, *entry])


def patched(live: Any, patch: Any, name: str = "", *, strategic: bool) -> Any:
    """A value after a merge patch (null removes), or a strategic one, which merges keyed lists."""
    if isinstance(patch, dict):
        found = dict(live) if isinstance(live, dict) else {}
        for key, item in patch.items():
            if key.startswith("$"):
                continue
            if item is None:
                found.pop(key, None)
            else:
                found[key] = patched(found.get(key), item, key, strategic=strategic)
        return found
    if strategic and isinstance(live, list) and isinstance(patch, list) and name in KEYS:
        gone = {key_of(item, name) for item in patch if item.get("$patch") == "delete"}
        kept = [item for item in live if key_of(item, name) not in gone]
        return merged(kept, [item for item in patch if "$patch" not in item], name)
    return patch


def _conflicts(theirs: Fields, mine: Fields, live: Object, wanted: Object) -> list[tuple[str, ...]]:
    """The fields that both manage and that would get another value."""
    known = set(leaves(theirs))
    return [path for path in leaves(mine) if path in known and value_at(live, path) != value_at(wanted, path)]


def _conflict(conflicts: list[tuple[dict[str, Any], tuple[str, ...]]]) -> StatusRefused:
    causes = [
        {
            "reason": "FieldManagerConflict",
            "message": f'conflict with "{one["manager"]}" using {one["apiVersion"]}',
            "field": _shown(path),
        }
        for one, path in conflicts
    ]
    many = "conflict" if len(causes) == 1 else "conflicts"
    text = f"Apply failed with {len(causes)} {many}: " + "; ".join(f"{one['message']}: {one['field']}" for one in causes)
    return StatusRefused(409, text, details={"causes": causes})


def _shown(path: tuple[str, ...]) -> str:
    text = ""
    for step in path:
        if step.startswith("f:"):
            text += f".{step[2:]}"
        else:
            text += "[" + ",".join(f"{key}={json.dumps(value)}" for key, value in json.loads(step[2:]).items()) + "]"
    return text


def _entry(found: Object, manager: str, operation: str, fields: Fields, now: str) -> dict[str, Any]:
    common = {"manager": manager, "operation": operation, "apiVersion": found.get("apiVersion", "v1"), "time": now}
    return {**common, "fieldsType": "FieldsV1", "fieldsV1": fields}


def _with_managers(found: Object, entries: list[dict[str, Any]]) -> Object:
    return {**found, "metadata": {**found["metadata"], "managedFields": entries}}


def _same(one: Object, other: Object) -> bool:
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
