"""Compares the values of two JSON documents, except those that are each resource's own: names of its parts, GUIDs, times."""

import re
from typing import Any

# Below these, the keys are chosen by the caller; their values are compared as a whole.
OPEN = frozenset({"tags", "settings", "userAssignedIdentities", "parameters", "metadata"})
# Drawn, counted or chosen by Azure: no two resources have the same.
OWN = frozenset(
    {
        *(
            "vmId",
            "resourceGuid",
            "uniqueId",
            "principalId",
            "tenantId",
            "clientId",
            "etag",
            "kid",
            "recoveryId",
            "nextLink",
        ),
        *("createdBy", "updatedBy", "lastModifiedBy", "createdByType", "lastModifiedByType", "macAddress", "ipAddress"),
        *("privateIPAddress", "internalDomainNameSuffix", "value", "exactVersion", "vmAgentVersion", "diskSizeBytes"),
        *("created", "updated", "deletedDate", "scheduledPurgeDate", "time", "currentValue", "limit", "$skipToken"),
        *("average", "total", "minimum", "maximum"),
        *("azurePortalFQDN", "resourceUID"),
    }
)
HOST = "properties.fqdn"  # of a cluster: a part of it is drawn
Body = dict[str, Any]
SECONDS_A_DAY, TWO = 86400, 2
PAIRED_BY = ("name", "lun", "code", "id")
INDIVIDUAL = re.compile(
    r"(?P<guid>[0-9a-f]{8}-[0-9a-f]{4}-)|(?P<time>\d{4}-\d\d-\d\d[T ])|(?P<url>\w+://)|(?P<etag>W?/?\")"
    r"|(?P<version>\d+\.\d+\.\d+\.\d+)",
    re.IGNORECASE,
)
# The IDs of what was asked for are the same; others may be of resources that the preparation has named.
NAMED = frozenset({"id", "value[].id", "properties.roleDefinitionId", "value[].properties.roleDefinitionId"})
DRAWN = re.compile(r"[0-9a-f]{32}|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)


def value_differences(real: Any, ours: Any, *, cut: bool = False, at: str = "") -> list[str]:
    """Every place that both have and where the values differ, and every list of another length."""
    key = at.rpartition(".")[2].rstrip("[]")
    if key in OPEN and not at.endswith("[]"):
        return _open_differences(key, real, ours, at)
    if isinstance(real, dict) and isinstance(ours, dict):
        return _retention(real, ours, at) + [
            line
            for name in real
            if name in ours
            for line in value_differences(real[name], ours[name], cut=cut, at=f"{at}.{name}".lstrip("."))
        ]
    if isinstance(real, list) and isinstance(ours, list):
        pairs, lacking = _paired(real, ours, at, cut=cut)
        lines = _counts(real, ours, at, cut=cut) + lacking
        for one, other in pairs:
            lines += value_differences(one, other, cut=cut, at=f"{at}[]")
        return list(dict.fromkeys(lines))
    if real is None or ours is None or "redacted" in str(real).lower():
        return []
    same = _form(real) == _form(ours) if key in OWN or at == HOST else _plain(at, real) == _plain(at, ours)
    return [] if same else [f"value of {at}: {real!r}, ours {ours!r}"]


def _retention(real: Body, ours: Body, at: str) -> list[str]:
    """For how many days what is deleted is kept, where both say it."""
    days = [
        round((one["scheduledPurgeDate"] - one["deletedDate"]) / SECONDS_A_DAY)
        for one in (real, ours)
        if isinstance(one.get("scheduledPurgeDate"), int) and isinstance(one.get("deletedDate"), int)
    ]
    return [f"days until {at}.scheduledPurgeDate: {days[0]}, ours {days[1]}"] if len(set(days)) == TWO else []


def _open_differences(key: str, real: Any, ours: Any, at: str) -> list[str]:
    if key == "userAssignedIdentities" and isinstance(real, dict) and isinstance(ours, dict):
        real, ours = {name.lower() for name in real}, {name.lower() for name in ours}
    return [] if (real or None) == (ours or None) else [f"value of {at}: {real}, ours {ours}"]


def _counts(real: Any, ours: Any, at: str, *, cut: bool) -> list[str]:
    alike = cut or not isinstance(real, list) or not isinstance(ours, list) or len(real) == len(ours)
    return [] if alike else [f"count of {at}: {len(real)}, ours {len(ours)}"]


def _paired(real: list[Any], ours: list[Any], at: str, *, cut: bool) -> tuple[list[tuple[Any, Any]], list[str]]:
    """The elements that mean the same, of one name, number or code, or else of one place; and those that ours lacks."""
    for key in PAIRED_BY:
        named = {_key(item, key): item for item in ours}
        if None not in named and len(named) == len(ours) and any(_key(item, key) in named for item in real):
            lacking = sorted(str(_key(item, key)) for item in real if _key(item, key) not in named)
            lines = [] if cut or not lacking else [f"lacks in {at}: {', '.join(lacking)}"]
            return [(item, named[_key(item, key)]) for item in real if _key(item, key) in named], lines
    return list(zip(real, ours, strict=False)), []


def _key(item: Any, key: str) -> Any:
    found = item.get(key) if isinstance(item, dict) else None
    return str(found.get("value") if isinstance(found, dict) else found).lower() if found is not None else None


def _form(value: Any) -> Any:
    """What is alike in two values of which each resource has its own: both are GUIDs, times, addresses, numbers …"""
    form = INDIVIDUAL.match(value) if isinstance(value, str) else None
    return form.lastgroup if form else "" if isinstance(value, str) else type(value) in (int, float)


def _plain(at: str, value: Any) -> Any:
    """What has to be the same of a value: regions and types in one spelling, and of a drawn or dated value its form."""
    if not isinstance(value, str):
        return value
    if value.lower().startswith("/subscriptions/"):
        return DRAWN.sub("*", value.lower()) if at in NAMED else _kinds_in(value.lower())
    if (form := INDIVIDUAL.match(value)) is not None:
        return form.lastgroup
    spelt_freely = at.lower().endswith(("location", "type"))
    return value.replace(" ", "").lower() if spelt_freely else DRAWN.sub("*", value)


def _kinds_in(identifier: str) -> list[str]:
    """The words in an ID that are no names: what it is the ID of."""
    words = identifier.strip("/").split("/")
    return [word for place, word in enumerate(words) if place % 2 == 0 or words[place - 1] == "providers"]
