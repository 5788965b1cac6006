"""What a pass reads: a page of Resource Graph for every thousand resources, and one list for each other kind.

https://learn.microsoft.com/azure/governance/resource-graph/reference/supported-tables-resources
"""

from collections.abc import Awaitable, Mapping
from typing import Any, TypeVar

from activities.resources.permissions import check_sight
from dormouse.clock import parse_moment, rfc3339
from dormouse.cloud.clients import Cloud
from dormouse.cloud.inventory import Inventory
from dormouse.cloud.kubernetes.access import own_principal
from dormouse.cloud.plain_requests import list_at
from dormouse.cloud.sdk_errors import ReadRefused, list_all
from dormouse.errors import CloudUnavailable
from dormouse.reconcile.azure_view import AzureView, Recorded, SeenAssignment, SeenResource, SeenRole
from dormouse.reconcile.findings import FindingKind
from dormouse.records.environments import Records
from dormouse.records.reconcile import ReconcileRecords
from dormouse.resources.compute.machines import ENVIRONMENT_TAG
from dormouse.resources.naming import name_of
from dormouse.resources.registry import KINDS

T = TypeVar("T")
# What another resource with the same ID would have otherwise: VMs, disks, network resources, storage accounts.
# https://learn.microsoft.com/rest/api/compute/disks/get (uniqueId), https://learn.microsoft.com/rest/api/virtualnetwork
UNIQUE = ("vmId", "uniqueId", "resourceGuid", "creationTime", "principalId")
COLUMNS = "id, tags, region = location, " + ", ".join(f"{one} = tostring(properties.{one})" for one in UNIQUE)
TAGGED = f"resources | where isnotempty(tostring(tags['{ENVIRONMENT_TAG}'])) | project {COLUMNS} | order by id asc"
GROUPS = (
    "resourcecontainers | where type =~ 'microsoft.resources/subscriptions/resourcegroups'"
    " | project id, tags, region = location | order by id asc"
)
IDENTITIES = (
    "resources | where isnotempty(tostring(identity.principalId)) or isnotempty(tostring(properties.principalId))"
    " | project id, of = tostring(identity.principalId), own = tostring(properties.principalId) | order by id asc"
)
AUTHORIZATION = "/subscriptions/{subscription}/providers/Microsoft.Authorization"
VAULTS = "/subscriptions/{subscription}/providers/Microsoft.KeyVault/deletedVaults"
AUTHORIZATION_VERSION = "2022-04-01"
NOT_READ = "{what} could not be read, and findings about them are as they were: {why}"
HIDDEN = "Azure may hide something, so that nothing is claimed to be gone: {why}"
# Of which kinds a pass does not find everything without a part of the view.
KINDS_OF = {
    "resources": {FindingKind.RESOURCE},
    "groups": {FindingKind.MISSING_ENVIRONMENT, FindingKind.RESOURCE},
    "secrets": {FindingKind.SECRET},
    "assignments": {FindingKind.ROLE_ASSIGNMENT},
    "identities": {FindingKind.ROLE_ASSIGNMENT},
    "roles": {FindingKind.CUSTOM_ROLE},
    "deleted_vaults": {FindingKind.SOFT_DELETED},
}
# Resource Graph leaves out what the identity may not read.
HIDEABLE = {FindingKind.MISSING_ENVIRONMENT, FindingKind.RESOURCE, FindingKind.ROLE_ASSIGNMENT}
WORDS = {
    "resources": "Resources",
    "groups": "Resource groups",
    "secrets": "Secrets",
    "assignments": "Role assignments",
    "identities": "Identities",
    "roles": "Custom roles",
    "deleted_vaults": "Deleted key vaults",
}


async def read_azure(cloud: Cloud) -> tuple[AzureView, tuple[str, ...], frozenset[FindingKind]]:
    """What Azure shows, what could not be read in words, and the kinds of findings that this concerns."""
    parts: dict[str, Any] = {}
    problems: list[str] = []
    unseen: set[FindingKind] = set()
    readers = {
        "resources": _resources(cloud),
        "groups": _groups(cloud),
        "secrets": _secrets(cloud),
        "assignments": _assignments(cloud),
        "identities": read_identities(cloud),
        "roles": _roles(cloud),
        "deleted_vaults": _deleted_vaults(cloud),
    }
    for name, reading in readers.items():
        found, why = await _settled(reading)
        if why:
            problems.append(NOT_READ.format(what=WORDS[name], why=why))
            unseen |= KINDS_OF[name]
        else:
            parts[name] = found
    groups = parts.pop("groups", None)
    if groups is not None and "resources" in parts:
        parts["resources"] = [*parts["resources"], *groups]
    ids = None if groups is None else frozenset(one.id.lower() for one in groups)
    hidden, why = await _settled(hidden_things(cloud))
    own, unknown = await _settled(own_principal(cloud))
    hidden = hidden or why
    problems += [HIDDEN.format(why=hidden)] if hidden else []
    problems += [NOT_READ.format(what="The identity of the control plane", why=unknown)] if unknown else []
    # What cannot be claimed now stays as an earlier pass has found it.
    unseen |= HIDEABLE if hidden else set()
    unseen |= {FindingKind.ROLE_ASSIGNMENT, FindingKind.CUSTOM_ROLE} if unknown else set()
    settings = cloud.settings
    view = AzureView(
        settings.deployment_id,
        settings.azure_subscription_id,
        groups=ids,
        own_principal=own or "",
        hidden=hidden or "",
        **parts,
    )
    return view, tuple(problems), frozenset(unseen)


async def read_records(cloud: Cloud) -> Recorded:
    """What is on record; an environment whose record this release cannot read counts as recorded by its name.

    Raises CloudUnavailable and RefusedByAzure.
    """
    records = Records(cloud.tables)
    found = await records.all_environment_documents()
    former = await ReconcileRecords(cloud.tables).all_former()
    names = frozenset({*found.readable, *found.unreadable})
    return Recorded([*found.readable.values()], names, former, frozenset(await records.locks()))


async def hidden_things(cloud: Cloud) -> str:
    """Why Azure may hide something of what Dormouse makes, or ""; raises CloudUnavailable."""
    return await check_sight([kind.type for kind in KINDS.values() if kind.type], cloud)


async def groups_there(cloud: Cloud) -> frozenset[str]:
    """The IDs of all resource groups in lower case, as Azure Resource Manager lists them; raises as `list_all` does.

    https://learn.microsoft.com/rest/api/resources/resource-groups/list
    """
    listed: list[Any] = await list_all(cloud.resources.resource_groups.list())
    return frozenset(str(one["id"]).lower() for one in listed)


async def _settled(reading: Awaitable[T]) -> tuple[T | None, str]:
    try:
        return await reading, ""
    except (CloudUnavailable, ReadRefused) as error:
        return None, str(error)


async def _resources(cloud: Cloud) -> list[SeenResource]:
    return [seen_in(row) for row in await Inventory(cloud).query(TAGGED)]


async def _groups(cloud: Cloud) -> list[SeenResource]:
    return [seen_in(row) for row in await Inventory(cloud).query(GROUPS)]


async def _secrets(cloud: Cloud) -> dict[str, Mapping[str, str]]:
    """The tags of all secrets, by name, 25 in each request, and no values."""
    listed: list[Any] = await list_all(cloud.secrets.list_properties_of_secrets())
    return {str(one.name): dict(one.tags or {}) for one in listed}


async def read_identities(cloud: Cloud) -> frozenset[str]:
    """The object IDs of the identities of all resources; raises CloudUnavailable."""
    rows = await Inventory(cloud).query(IDENTITIES)
    return frozenset(str(row[column]) for row in rows for column in ("of", "own") if row.get(column))


async def _assignments(cloud: Cloud) -> list[SeenAssignment]:
    """https://learn.microsoft.com/rest/api/authorization/role-assignments/list-for-subscription."""
    listed = await list_at(cloud, f"{_authorization(cloud)}/roleAssignments", AUTHORIZATION_VERSION)
    return [assignment_in(one) for one in listed]


async def _roles(cloud: Cloud) -> list[SeenRole]:
    listed = await cloud.deployments.custom_roles(cloud.settings.azure_subscription_id)
    return [role_in(one) for one in listed]


async def _deleted_vaults(cloud: Cloud) -> list[Mapping[str, Any]]:
    path = VAULTS.format(subscription=cloud.settings.azure_subscription_id)
    return [one["properties"] for one in await list_at(cloud, path, KINDS["key_vault"].api_version)]


def _authorization(cloud: Cloud) -> str:
    return AUTHORIZATION.format(subscription=cloud.settings.azure_subscription_id)


def seen_in(row: Mapping[str, Any]) -> SeenResource:
    """The resource in a row of Resource Graph, or in a response of Resource Manager."""
    properties = row.get("properties") or row
    unique = next((_unique_in(str(properties[one])) for one in UNIQUE if properties.get(one)), "")
    tags = {str(name).lower(): str(value) for name, value in (row.get("tags") or {}).items()}
    return SeenResource(str(row["id"]), tags, unique, str(row.get("region") or row.get("location") or ""))


def _unique_in(text: str) -> str:
    """The same text for the same moment: Resource Graph and Resource Manager may write it with other fractions or zones."""
    try:
        return rfc3339(parse_moment(text)) if "T" in text and ":" in text else text.lower()
    except ValueError:
        return text


def role_in(body: Mapping[str, Any]) -> SeenRole:
    """The custom role in a response of Azure."""
    properties = body["properties"]
    created = str(properties.get("createdBy") or ""), str(properties.get("createdOn") or "")
    return SeenRole(str(body["id"]), str(properties["roleName"]), *created)


def assignment_in(body: Mapping[str, Any]) -> SeenAssignment:
    """The role assignment in a response of Azure."""
    properties = body["properties"]
    return SeenAssignment(
        str(body["id"]),
        str(properties["scope"]),
        name_of(str(properties["roleDefinitionId"])).lower(),
        str(properties["principalId"]),
        str(properties.get("principalType") or ""),
        str(properties.get("createdBy") or ""),
        str(properties.get("createdOn") or ""),
    )
