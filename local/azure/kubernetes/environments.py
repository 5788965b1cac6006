"""The environment of a container: its own values, and those of the config maps and secrets that it refers to."""

import base64
from typing import Any

from local.azure.kubernetes.objects import Object, Server

PLACES = {"configMapRef": "configmaps", "secretRef": "secrets"}
KEYED = {"configMapKeyRef": "configmaps", "secretKeyRef": "secrets"}


def of_container(server: Server, pod: Object, container: Object) -> tuple[dict[str, str], str]:
    """The environment, and why the container cannot be created, or ""."""
    found: dict[str, str] = {}
    namespace = pod["metadata"]["namespace"]
    for source in container.get("envFrom") or []:
        for kind, plural in PLACES.items():
            reference = source.get(kind)
            if reference is None:
                continue
            values = _values(server, plural, namespace, reference["name"])
            if values is None and not reference.get("optional"):
                return {}, _missing(plural, reference["name"])
            found |= {source.get("prefix", "") + name: value for name, value in (values or {}).items()}
    for variable in container.get("env") or []:
        value, fault = _value(server, namespace, variable)
        if fault:
            return {}, fault
        found[variable["name"]] = value
    return found, ""


def _value(server: Server, namespace: str, variable: dict[str, Any]) -> tuple[str, str]:
    source = variable.get("valueFrom") or {}
    for kind, plural in KEYED.items():
        reference = source.get(kind)
        if reference is None:
            continue
        values = _values(server, plural, namespace, reference["name"])
        if values is None and not reference.get("optional"):
            return "", _missing(plural, reference["name"])
        if reference["key"] not in (values or {}) and not reference.get("optional"):
            where = f"{'Secret' if plural == 'secrets' else 'ConfigMap'} {namespace}/{reference['name']}"
            return "", f"couldn't find key {reference['key']} in {where}"
        return (values or {}).get(reference["key"], ""), ""
    return str(variable.get("value", "")), ""


def _missing(plural: str, name: str) -> str:
    return f'{plural.removesuffix("s")} "{name}" not found'


def _values(server: Server, plural: str, namespace: str, name: str) -> dict[str, str] | None:
    found = server.get(plural, namespace, name)
    if found is None:
        return None
    data = found.get("data") or {}
    if plural == "configmaps":
        return dict(data)
    return {key: base64.b64decode(value).decode(errors="replace") for key, value in data.items()}
