"""What a pass has read, for tests of the rules: an environment that has ended, and what Azure still shows of it."""

from dataclasses import replace
from typing import Any

from dormouse.reconcile.azure_view import AzureView, Recorded, SeenAssignment, SeenResource, SeenRole
from dormouse.reconcile.passes import FormerEnvironment
from dormouse.resources.identity import assignment_id, role_assignment_at
from dormouse.resources.plan import KEPT, Resource
from dormouse.resources.platform.custom_roles import Permissions, custom_role
from tests.unit.builders import SUBSCRIPTION, ULID, environment_record, target

OWN, OTHER, GHOST = "own-principal", "other-principal", "ghost-principal"
NAME, ENDED_BY = "gone1", f"gone1-delete-{ULID}"
ROOT = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-dormouse-"
GROUP = f"{ROOT}{NAME}"
ROLE = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/{'b' * 8}-0000-4000-8000-{'0' * 12}"
ELSEWHERE = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/shared/providers/Microsoft.Storage/storageAccounts/data"
ADDRESS = f"{GROUP}/providers/Microsoft.Network/publicIPAddresses/pip-{NAME}"
DISK = f"{GROUP}/providers/Microsoft.Compute/disks/disk-{NAME}"
SECRET = f"dormouse-{NAME}-{ULID.lower()}"


def tags(name: str = NAME, deployment: str = "main") -> dict[str, str]:
    return {"dormouse": name, "dormouse-deployment": deployment}


def seen(identifier: str = ADDRESS, unique: str = "1", **given: str) -> SeenResource:
    return SeenResource(identifier, given or tags(), unique, "polandcentral")


def ended(name: str = NAME, *resources: Resource, at: float = 1.0) -> FormerEnvironment:
    """An environment that has ended: a workstation, or these resources."""
    known = resources or tuple(environment_record(name).resources)
    return FormerEnvironment(name, "polandcentral", f"{name}-delete-{ULID}", at, known)


def kept(name: str = NAME) -> FormerEnvironment:
    """An environment that has ended and whose spec has kept the disk."""
    resources = environment_record(name).resources
    return ended(name, *(replace(one, settings=KEPT) if one.kind == "disk" else one for one in resources))


def granted(scope: str = ELSEWHERE) -> Resource:
    """The assignment of a role at a scope outside the environment to its VM."""
    at = target(NAME)
    (vm,) = [one for one in environment_record(NAME).resources if one.name == "vm"]
    return role_assignment_at(at, "access", ROLE.rpartition("/")[2], of=vm, scope=scope)


def developer_role() -> Resource:
    return custom_role(target(NAME), "developer", "Dormouse developer", Permissions(("*/read",)), "Develops.")


def assignment(**fields: Any) -> SeenAssignment:
    """An assignment at the group of an environment that the control plane made, to an identity that is gone."""
    known = {"scope": f"{ROOT}alive1", "role": ROLE.rpartition("/")[2], "principal": GHOST}
    known |= {"principal_type": "ServicePrincipal", "created_by": OWN, "created_on": "2026-05-01", **fields}
    derived = assignment_id(known["scope"], known["principal"], ROLE)
    return SeenAssignment(**{"id": derived, **known})


def role(**fields: str) -> SeenRole:
    made = developer_role()
    title = str(made.body["properties"]["roleName"])
    return SeenRole(**{"id": made.id, "title": title, "created_by": OWN, "created_on": "2026-05-01", **fields})


def vault(group: str = GROUP) -> dict[str, Any]:
    identifier = f"{group}/providers/Microsoft.KeyVault/vaults/kvgone1"
    return {"vaultId": identifier, "location": "polandcentral", "deletionDate": "2026-05-01", "scheduledPurgeDate": "soon"}


def view(**parts: Any) -> AzureView:
    known: dict[str, Any] = {"resources": [], "groups": frozenset(), "secrets": {}, "assignments": [], "roles": []}
    known |= {"identities": frozenset({OWN, OTHER}), "deleted_vaults": [], "own_principal": OWN}
    return AzureView("main", SUBSCRIPTION, **{**known, **parts})


def recorded(*names: str, **parts: Any) -> Recorded:
    """Environments on record with these names, which can be read."""
    environments = [environment_record(name) for name in names]
    return Recorded(**{"environments": environments, "names": frozenset(names), **parts})
