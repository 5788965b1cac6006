"""Whether an object is valid: by the schema of the cluster's version, which `kubernetes-validate` brings, and beyond it.

What follows from no schema: https://kubernetes.io/docs/concepts/workloads/ (selectors, restart policies, fixed fields).
"""

import re
import warnings
from typing import Any

from local.azure.core.responses import not_simulated
from local.azure.kubernetes.api.discovery import group_of
from local.azure.kubernetes.api.statuses import StatusRefused, invalid
from local.azure.kubernetes.objects import OF_KINDS, Object

NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")
SELECTED = ("deployments", "daemonsets")
TEMPLATED = (*SELECTED, "jobs")
Causes = list[tuple[str, str, str]]
FIXED = {
    "deployments": (("selector",),),
    "daemonsets": (("selector",),),
    "jobs": (("template",), ("selector",), ("completions",)),
}


def check_schema(plural: str, found: Object, version: str) -> None:
    """Raise the 400 for a field that the schema does not declare, or the 422 for one that it misses or has another type for."""
    import kubernetes_validate

    whole = {name: value for name, value in found.items() if name != "status" and not name.startswith("_")}
    try:
        with warnings.catch_warnings(action="ignore"):
            kubernetes_validate.validate(whole, ".".join(version.split(".")[:2]), strict=True)
    except kubernetes_validate.ValidationError as error:
        field, said = _path(error.path), str(error.message)
        name = str((found.get("metadata") or {}).get("name", ""))
        if "were unexpected" in said or "was unexpected" in said:
            unknown = re.findall(r"'([^']+)'", said)[0]
            text = f'strict decoding error: unknown field "{f"{field}.{unknown}".lstrip(".")}"'
            raise StatusRefused(400, f"{OF_KINDS[plural][1]} in version is not valid: {text}") from None
        needed = re.match(r"'([^']+)' is a required property", said)
        cause = ("FieldValueRequired", "Required value", f"{field}.{needed[1]}".lstrip(".")) if needed else None
        raise invalid(
            OF_KINDS[plural][1], group_of(plural), name, [cause or ("FieldValueInvalid", f"Invalid value: {said}", field)]
        ) from None


def check(plural: str, found: Object, before: Object | None) -> None:
    """Raise the 422 for what no schema says about an object, or what a change of an existing one may not touch."""
    meta, causes = found.get("metadata") or {}, Causes()
    if not NAME.fullmatch(str(meta.get("name", ""))):
        causes.append(
            ("FieldValueInvalid", f'Invalid value: "{meta.get("name")}": a lowercase RFC 1123 subdomain', "metadata.name")
        )
    spec = found.get("spec") or {}
    if plural in SELECTED:
        labels = ((spec.get("template") or {}).get("metadata") or {}).get("labels") or {}
        wanted = (spec.get("selector") or {}).get("matchLabels") or {}
        if not wanted:
            causes.append(("FieldValueRequired", "Required value", "spec.selector"))
        elif not wanted.items() <= labels.items():
            text = "Invalid value: `selector` does not match template `labels`"
            causes.append(("FieldValueInvalid", text, "spec.template.metadata.labels"))
    if plural in TEMPLATED:
        _check_pod((spec.get("template") or {}).get("spec") or {}, "spec.template.spec", plural, causes)
    if plural == "pods":
        _check_pod(spec, "spec", plural, causes)
    if before is not None:
        causes += _fixed(plural, spec, before.get("spec") or {})
    if causes:
        raise invalid(OF_KINDS[plural][1], group_of(plural), str(meta.get("name", "")), causes)


def _check_pod(spec: dict[str, Any], at: str, plural: str, causes: Causes) -> None:
    containers = spec.get("containers") or []
    if not containers:
        causes.append(("FieldValueRequired", "Required value", f"{at}.containers"))
    allowed = {"jobs": ("OnFailure", "Never"), "pods": ("Always", "OnFailure", "Never")}.get(plural, ("Always",))
    policy = spec.get("restartPolicy", "Always")
    if policy not in allowed:
        listed = ", ".join(f'"{one}"' for one in allowed)
        text = f'Unsupported value: "{policy}": supported values: {listed}'
        causes.append(("FieldValueNotSupported", text, f"{at}.restartPolicy"))
    for part, listed_there in (("initContainers", spec.get("initContainers") or []), ("containers", containers)):
        for place, container in enumerate(listed_there):
            if not container.get("image"):
                causes.append(("FieldValueRequired", "Required value", f"{at}.{part}[{place}].image"))
            causes += _check_amounts(container.get("resources") or {}, f"{at}.{part}[{place}].resources")
    affinity = spec.get("affinity") or {}
    if affinity.get("podAffinity") or affinity.get("podAntiAffinity") or spec.get("topologySpreadConstraints"):
        raise not_simulated("pods that are placed by where other pods are")
    if len(containers) > 1:
        raise not_simulated("pods with more than one container that stays")


def _check_amounts(given: dict[str, Any], at: str) -> Causes:
    """Devices such as GPUs cannot be overcommitted: what is requested is the limit.

    https://kubernetes.io/docs/tasks/manage-gpus/scheduling-gpus
    """
    limits, requests, found = given.get("limits") or {}, given.get("requests") or {}, Causes()
    for name in sorted(set(limits) | set(requests)):
        if "/" not in name:
            continue
        if name not in limits:
            found.append(("FieldValueRequired", "Limit must be set for non overcommitable resources", f"{at}.limits"))
        elif name in requests and str(requests[name]) != str(limits[name]):
            text = f'Invalid value: "{requests[name]}": must be equal to {name} limit of {limits[name]}'
            found.append(("FieldValueInvalid", text, f"{at}.requests"))
    return found


def _fixed(plural: str, spec: dict[str, Any], before: dict[str, Any]) -> Causes:
    found = Causes()
    for (name,) in FIXED.get(plural, ()):
        if spec.get(name) != before.get(name):
            found.append(("FieldValueInvalid", "Invalid value: field is immutable", f"spec.{name}"))
    return found


def _path(parts: Any) -> str:
    text = ""
    for part in parts:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.lstrip(".")
