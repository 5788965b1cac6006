"""Sets of fields, as the API shows them (FieldsV1): `f:name` for a field, `k:{...}` for an item of a keyed list.

Other lists are one value. https://kubernetes.io/docs/reference/using-api/server-side-apply#type-fieldsv1
"""

import json
from collections.abc import Iterator
from typing import Any

Fields = dict[str, Any]
# Lists whose items have keys, by the name of the field.
KEYS: dict[str, tuple[str, ...]] = {
    "containers": ("name",),
    "initContainers": ("name",),
    "volumes": ("name",),
    "env": ("name",),
    "ports": ("containerPort", "protocol"),
    "volumeMounts": ("mountPath",),
    "ownerReferences": ("uid",),
    "imagePullSecrets": ("name",),
    "conditions": ("type",),
}
USUAL_KEYS = {"protocol": "TCP"}
UNMANAGED = ("apiVersion", "kind", "status")
UNMANAGED_META = (
    "name",
    "namespace",
    "uid",
    "resourceVersion",
    "creationTimestamp",
    "generation",
    "managedFields",
    "deletionTimestamp",
)


def fields_of(value: Any, name: str = "") -> Fields:
    """The fields that an object names, below its top."""
    found: Fields = {}
    if isinstance(value, dict):
        for key, item in value.items():
            if (not name and key in UNMANAGED) or (name == "metadata" and key in UNMANAGED_META) or key.startswith("_"):
                continue
            inside = fields_of(item, key)
            if inside or name or key != "metadata":
                found[f"f:{key}"] = inside
    elif isinstance(value, list) and name in KEYS:
        for item in value:
            found[key_of(item, name)] = {".": {}, **fields_of(item, f"item of {name}")}
    return found


def merged(live: Any, wanted: Any, name: str = "") -> Any:
    """A value with what is wanted of it: objects field by field, keyed lists item by item, the rest as a whole."""
    if isinstance(live, dict) and isinstance(wanted, dict):
        found = dict(live)
        for key, item in wanted.items():
            found[key] = merged(live.get(key), item, key)
        return found
    if isinstance(live, list) and isinstance(wanted, list) and name in KEYS:
        known = {key_of(item, name): item for item in live}
        asked = {key_of(item, name): item for item in wanted}
        kept = [merged(item, asked[key]) if key in asked else item for key, item in known.items()]
        return kept + [item for key, item in asked.items() if key not in known]
    return wanted


def key_of(item: Any, name: str) -> str:
    """The key of an item of a keyed list, as in a set of fields."""
    keys = {key: item.get(key, USUAL_KEYS.get(key)) for key in KEYS[name]}
    return "k:" + json.dumps(keys, separators=(",", ":"))


def leaves(fields: Fields, at: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The paths of the fields below which there is nothing."""
    for key, below in fields.items():
        if key == ".":
            continue
        inside = {name: item for name, item in below.items() if name != "."}
        if inside:
            yield from leaves(below, (*at, key))
        else:
            yield (*at, key)


def value_at(found: Any, path: tuple[str, ...]) -> Any:
    """The value of an object at a path."""
    for step in path:
        if step.startswith("f:"):
            found = found.get(step[2:]) if isinstance(found, dict) else None
        else:
            wanted = json.loads(step[2:])
            items = found if isinstance(found, list) else []
            same = (one for one in items if all(one.get(k, USUAL_KEYS.get(k)) == v for k, v in wanted.items()))
            found = next(same, None)
    return found


def minus(fields: Fields, other: Fields) -> Fields:
    """A set of fields without those of another one."""
    found: Fields = {}
    for key, below in fields.items():
        if key not in other:
            found[key] = below
        elif below and (left := minus(below, other[key])):
            found[key] = left
    return found


def minus_paths(fields: Fields, paths: list[tuple[str, ...]]) -> Fields:
    """A set of fields without some paths."""
    for path in paths:
        tree: Fields = {}
        for step in reversed(path):
            tree = {step: tree}
        fields = minus(fields, tree)
    return fields


def union(one: Fields, other: Fields) -> Fields:
    """The fields of two sets."""
    return {key: union(one.get(key, {}), other.get(key, {})) for key in {**one, **other}}


def without(found: Any, dropped: Fields) -> Any:
    """A value without the fields of a set; of an item of a keyed list all of it, if nothing else of it is managed."""
    for path in sorted(leaves(dropped), key=len, reverse=True):
        found = _removed(found, path)
    for key, below in dropped.items():
        if key.startswith("k:") and "." in below:
            found = _removed(found, (key,))
    return found


def _removed(found: Any, path: tuple[str, ...]) -> Any:
    step, rest = path[0], path[1:]
    if step.startswith("f:") and isinstance(found, dict) and step[2:] in found:
        name = step[2:]
        left = {key: item for key, item in found.items() if key != name}
        return {**left, name: inner} if rest and (inner := _removed(found[name], rest)) not in ({}, [], None) else left
    if step.startswith("k:") and isinstance(found, list):
        wanted, items = json.loads(step[2:]), []
        for one in found:
            if not all(one.get(key, USUAL_KEYS.get(key)) == value for key, value in wanted.items()):
                items.append(one)
            elif rest and len(left := _removed(one, rest)) > len(wanted):
                items.append(left)
        return items
    return found


def changed_fields(live: Any, found: Any, name: str = "") -> Fields:
    """The fields that an object has and that another one lacks, or has with another value."""
    before, after = fields_of(live, name), fields_of(found, name)
    kept: Fields = {}
    for path in leaves(after):
        if path not in set(leaves(before)) or value_at(live, path) != value_at(found, path):
            tree: Fields = {}
            for step in reversed(path):
                tree = {step: tree}
            kept = union(kept, tree)
    return kept
