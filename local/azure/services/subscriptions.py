"""What Azure Resource Manager answers itself about subscriptions: tenants, regions, providers, tags, lists of resources."""

import re
from collections import Counter
from typing import Any

from local.azure.core import regions, versions
from local.azure.core.requests import Request
from local.azure.core.resource_ids import parse
from local.azure.core.responses import Answer, Refused, not_simulated
from local.azure.core.store import Document
from local.azure.core.world import SUBSCRIPTION, SUBSCRIPTIONS, TENANT, World
from local.azure.providers.common import GATEWAY
from local.azure.providers.contents import listed
from local.azure.providers.kinds import GROUP, MACHINE, ROLE_DEFINITION
from local.azure.services.registration import state_of

NAME = "Dormouse (simulated)"
ROOT = f"/subscriptions/{SUBSCRIPTION}"
PROVIDER = re.compile(rf"{ROOT}/providers/(?P<namespace>[^/]+)", re.IGNORECASE)
IN_OTHERS = tuple(f"{kind}/".lower() for kind in (MACHINE, ROLE_DEFINITION))
EXTENDED_SINCE = "2020-01-01"  # of the list of regions


def answer(world: World, request: Request, path: str) -> Answer | None:
    """The answer to a request about the subscription itself, or None if it is about something else."""
    if request.method != "GET":
        return None
    plain = {
        "/subscriptions": lambda: _page([_subscription()]),
        "/tenants": lambda: Answer(200, {"value": [_tenant()]}),
        ROOT: lambda: Answer(200, _subscription()),
        f"{ROOT}/locations": lambda: Answer(200, {"value": [_region(name, request) for name in regions.names()]}),
        f"{ROOT}/providers": lambda: Answer(200, {"value": [_provider(world, name, request) for name in _namespaces()]}),
        f"{ROOT}/tagnames": lambda: Answer(200, {"value": _tags(world)}),
        f"{ROOT}/resources": lambda: listed(world, ROOT, request),
    }
    handle = plain.get(path.lower())
    if handle is not None:
        return handle()
    one = PROVIDER.fullmatch(path)
    return Answer(200, _provider(world, one["namespace"], request)) if one else None


def _page(items: list[Document]) -> Answer:
    return Answer(200, {"value": items, "count": {"type": "Total", "value": len(items)}})


def _subscription() -> Document:
    return {
        "id": ROOT,
        "authorizationSource": "RoleBased",
        "managedByTenants": [],
        "subscriptionId": SUBSCRIPTION,
        "tenantId": TENANT,
        "displayName": NAME,
        "state": "Enabled",
        "subscriptionPolicies": {
            "locationPlacementId": "Public_2014-09-01",
            "quotaId": "PayAsYouGo_2014-09-01",
            "spendingLimit": "Off",
        },
    }


def _tenant() -> Document:
    """https://learn.microsoft.com/rest/api/resources/tenants/list; no response is recorded, so only the certain fields."""
    return {"id": f"/tenants/{TENANT}", "tenantId": TENANT, "displayName": NAME, "tenantCategory": "Home"}


def _region(name: str, request: Request) -> Document:
    known = regions.REGIONS[name]
    seen: Document = {"id": f"{ROOT}/locations/{name}", "name": name}
    place: Document = {axis: known[axis] for axis in ("longitude", "latitude") if axis in known}
    if request.version < EXTENDED_SINCE:
        return {**seen, "displayName": known["display"], **place}
    paired = [{"name": other, "id": f"{ROOT}/locations/{other}"} for other in [known.get("paired")] if other]
    metadata: dict[str, Any] = {"regionType": "Physical", "regionCategory": "Other", "geography": known["geography"]}
    metadata |= {"geographyGroup": known["group"], **place, "pairedRegion": paired}
    names = {"displayName": known["display"], "regionalDisplayName": f"({known['group']}) {known['display']}"}
    return {**seen, "type": "Region", **names, "metadata": metadata}


def _namespaces() -> list[str]:
    return sorted({kind.partition("/")[0] for kind in versions.TYPES})


def _provider(world: World, namespace: str, request: Request) -> Document:
    """A provider with the types whose API versions are known; raises the refusal for a provider that is not simulated."""
    if "$expand" in request.query:
        raise not_simulated("$expand of providers")
    spelt = next((known for known in _namespaces() if known.lower() == namespace.lower()), None)
    if spelt is None:
        raise not_simulated(f"the provider {namespace}")
    kinds = [kind for kind in versions.TYPES if kind.startswith(f"{spelt}/")]
    return {
        "id": f"{ROOT}/providers/{spelt}",
        "namespace": spelt,
        "resourceTypes": [_kind(kind) for kind in kinds],
        "registrationState": state_of(world, spelt),
        "registrationPolicy": "RegistrationRequired",
    }


def _kind(kind: str) -> Document:
    places = [] if kind.startswith("Microsoft.Authorization") else [known["display"] for known in regions.REGIONS.values()]
    newest_first = sorted(versions.KNOWN[kind.lower()], reverse=True)
    return {"resourceType": kind.partition("/")[2], "locations": places, "apiVersions": newest_first, "capabilities": "None"}


def _tags(world: World) -> list[Document]:
    """Every tag of resources and groups, with its values and how often each is used; the case of names does not matter."""
    used: dict[str, Counter[str]] = {}
    spelt: dict[str, str] = {}
    for document in world.resources():
        if document.get("location") or document["type"] == GROUP:
            for name, value in (document.get("tags") or {}).items():
                used.setdefault(spelt.setdefault(name.lower(), name), Counter())[str(value)] += 1
    return [_tag(name, values) for name, values in sorted(used.items())]


def _tag(name: str, values: Counter[str]) -> Document:
    identifier = f"{ROOT}/tagNames/{name}"
    found = [
        {"id": f"{identifier}/tagValues/{value}", "tagValue": value, "count": {"type": "Total", "value": count}}
        for value, count in sorted(values.items())
    ]
    return {"id": identifier, "tagName": name, "count": {"type": "Total", "value": values.total()}, "values": found}


def check(path: str) -> None:
    """Raise the refusals for a path that names no subscription, or one that does not exist."""
    parts = path.split("/")
    if len(parts) < 3 or parts[1].lower() != "subscriptions":
        raise not_simulated(f"the path {path}")
    if not re.fullmatch(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", parts[2]):
        text = f"The provided subscription identifier '{parts[2]}' is malformed or invalid."
        raise Refused(400, "InvalidSubscriptionId", text, headers=GATEWAY)
    if parts[2].lower() not in SUBSCRIPTIONS:
        text = f"The subscription '{parts[2]}' could not be found."
        raise Refused(404, "SubscriptionNotFound", text, headers=GATEWAY)


def check_simulated(path: str, *, polled: bool) -> None:
    """Raise the refusal to answer for what other subscriptions have besides machines, custom roles and operations."""
    rid = parse(path)
    kind = f"{rid.type}/".lower() if rid else ""
    if path.split("/")[2].lower() != SUBSCRIPTION and not polled and not kind.startswith(IN_OTHERS):
        raise not_simulated(f"{path} in another subscription than {SUBSCRIPTION}")
