"""Container registries, without an administrator's password.

https://learn.microsoft.com/rest/api/containerregistry/registries
"""

from collections.abc import Iterator, Sequence

from dormouse.resources.billing.meters import Charge, registry_meter
from dormouse.resources.kinds import Change, Difference, Observed, Outputs, ResourceKind, failed_or_as_put
from dormouse.resources.naming import unique_name
from dormouse.resources.network import in_group
from dormouse.resources.plan import Resource
from dormouse.resources.target import DeploymentTarget

REGISTRIES = "Microsoft.ContainerRegistry/registries"
# AcrPull and AcrPush have no effect in the other mode.
# https://learn.microsoft.com/azure/container-registry/container-registry-rbac-abac-repository-permissions
SKU = "sku"
LEGACY = "LegacyRegistryPermissions"
# https://learn.microsoft.com/azure/role-based-access-control/built-in-roles/containers
ACR_PULL = "7f951dda-4ed3-4680-a7ca-43fe172d538d"
ACR_PUSH = "8311e382-0749-4cb8-b61a-304f252e45ec"


def container_registry(target: DeploymentTarget, name: str = "registry", sku: str = "Standard") -> Resource:
    """A registry with a globally unique name, which only roles open; `name` is that of the resource in its plan."""
    properties = {"adminUserEnabled": False, "roleAssignmentMode": LEGACY}
    called = unique_name("cr", target.environment, f"{target.root}/{name}")
    body = {"sku": {"name": sku}, "properties": properties}
    return in_group(target, name, CONTAINER_REGISTRY, called, body, settings={SKU: sku})


def registry_outputs(observed: Observed) -> Outputs:
    """The `id` of a registry, its `sku`, the `login_server` to which images are pushed, and whether that is `public`."""
    properties = observed["properties"]
    public = properties.get("publicNetworkAccess", "Enabled") == "Enabled"
    return {
        "id": str(observed["id"]),
        "sku": str((observed.get("sku") or {}).get("name", "")),
        "login_server": str(properties.get("loginServer", "")),
        "public": str(public).lower(),
    }


def _drift(resource: Resource, observed: Observed) -> Change:
    differences = Change.of(_differences(resource, observed))
    return differences if differences.differences else failed_or_as_put(resource, observed)


def _differences(resource: Resource, observed: Observed) -> Iterator[Difference]:
    """An administrator's password that someone has switched on, and another SKU; Azure changes both in place."""
    admin, sku = observed["properties"].get("adminUserEnabled", False), (observed.get("sku") or {}).get("name", "")
    if admin:
        yield Difference(f"{resource.name}.admin_user", "enabled", "disabled")
    if sku != resource.body["sku"]["name"]:
        yield Difference(f"{resource.name}.sku", str(sku), str(resource.body["sku"]["name"]))


def _charges(resource: Resource) -> Sequence[Charge]:
    sku = resource.settings.get(SKU, "")
    return [Charge.of(registry_meter(sku)) if sku else Charge(None, resource.name)]


CONTAINER_REGISTRY = ResourceKind(
    "container_registry",
    REGISTRIES,
    "2025-11-01",
    diff=_drift,
    outputs=registry_outputs,
    checks=("registry_names_are_free", "cost_is_allowed"),
    charges=_charges,
    charged="by the day as long as it exists",
    by_use="images beyond what the tier includes",
    still_billed="the registry",
    actions=(
        "Microsoft.ContainerRegistry/checkNameAvailability/read",
        "Microsoft.ContainerRegistry/registries/operationStatuses/read",
        "Microsoft.ContainerRegistry/locations/operationResults/read",
    ),
)
