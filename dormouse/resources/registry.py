"""The registry of resource kinds, by name."""

from dataclasses import replace

from dormouse.resources.compute.virtual_machines import DISK, MACHINE_EXTENSION, VIRTUAL_MACHINE
from dormouse.resources.hub_users import HUB_USERS
from dormouse.resources.identity import ROLE_ASSIGNMENT
from dormouse.resources.keyvault import GENERATED_SECRET, PASSWORD
from dormouse.resources.kinds import ResourceKind
from dormouse.resources.kubernetes.clusters import MANAGED_CLUSTER
from dormouse.resources.kubernetes.images import IMPORTED_IMAGE
from dormouse.resources.kubernetes.node_pools import NODE_POOL
from dormouse.resources.kubernetes.objects import KUBERNETES_OBJECT, KUBERNETES_SECRET
from dormouse.resources.ml.clusters import ML_CLUSTER
from dormouse.resources.ml.datastores import ML_DATASTORE
from dormouse.resources.ml.image_builds import ML_IMAGE_BUILD
from dormouse.resources.ml.workspaces import ML_WORKSPACE
from dormouse.resources.network import NETWORK_INTERFACE, PUBLIC_ADDRESS, SECURITY_GROUP, VIRTUAL_NETWORK
from dormouse.resources.pipelines import PIPELINES_AGENT, POOL_ACCESS, TOKEN_ACCESS
from dormouse.resources.plan import Plan, Resource
from dormouse.resources.platform.budgets import BUDGET
from dormouse.resources.platform.custom_roles import CUSTOM_ROLE
from dormouse.resources.platform.diagnostics import DIAGNOSTIC_SETTING
from dormouse.resources.platform.existing_accounts import EXISTING_ACCOUNT
from dormouse.resources.platform.identities import USER_ASSIGNED_IDENTITY
from dormouse.resources.platform.monitoring import (
    ACTION_GROUP,
    APPLICATION_INSIGHTS,
    LOG_WORKSPACE,
    SMART_DETECTOR_RULE,
)
from dormouse.resources.platform.registries import CONTAINER_REGISTRY
from dormouse.resources.platform.vaults import KEY_VAULT
from dormouse.resources.private_network.dns_zones import DNS_ZONE_LINK, PRIVATE_DNS_ZONE
from dormouse.resources.private_network.endpoints import DNS_ZONE_GROUP, PRIVATE_ENDPOINT
from dormouse.resources.private_network.nat_gateways import NAT_GATEWAY
from dormouse.resources.storage import BLOB_CONTAINER, STORAGE_ACCOUNT

RESOURCE_GROUP = ResourceKind(
    "resource_group",
    "Microsoft.Resources/resourceGroups",
    "2024-03-01",
    action_type="Microsoft.Resources/subscriptions/resourceGroups",
    checks=("providers_are_registered", "rights_suffice"),
    actions=(
        "Microsoft.Resources/subscriptions/providers/read",
        "Microsoft.Resources/subscriptions/resourceGroups/resources/read",
        "Microsoft.Resources/subscriptions/operationresults/read",
    ),
)

KINDS: dict[str, ResourceKind] = {
    kind.name: kind
    for kind in (
        RESOURCE_GROUP,
        VIRTUAL_NETWORK,
        SECURITY_GROUP,
        PUBLIC_ADDRESS,
        NETWORK_INTERFACE,
        STORAGE_ACCOUNT,
        BLOB_CONTAINER,
        PASSWORD,
        VIRTUAL_MACHINE,
        MACHINE_EXTENSION,
        DISK,
        HUB_USERS,
        ROLE_ASSIGNMENT,
        TOKEN_ACCESS,
        PIPELINES_AGENT,
        POOL_ACCESS,
        PRIVATE_DNS_ZONE,
        DNS_ZONE_LINK,
        PRIVATE_ENDPOINT,
        DNS_ZONE_GROUP,
        NAT_GATEWAY,
        USER_ASSIGNED_IDENTITY,
        CONTAINER_REGISTRY,
        KEY_VAULT,
        LOG_WORKSPACE,
        APPLICATION_INSIGHTS,
        SMART_DETECTOR_RULE,
        ACTION_GROUP,
        GENERATED_SECRET,
        IMPORTED_IMAGE,
        MANAGED_CLUSTER,
        NODE_POOL,
        KUBERNETES_OBJECT,
        KUBERNETES_SECRET,
        CUSTOM_ROLE,
        DIAGNOSTIC_SETTING,
        BUDGET,
        EXISTING_ACCOUNT,
        ML_WORKSPACE,
        ML_DATASTORE,
        ML_CLUSTER,
        ML_IMAGE_BUILD,
    )
}


def kind_of(resource: Resource) -> ResourceKind:
    """The kind of a resource; raises KeyError for one that this release does not know."""
    return KINDS[resource.kind]


def is_group(resource: Resource) -> bool:
    """Whether a resource is a resource group: deleting it deletes everything in it."""
    return resource.kind == RESOURCE_GROUP.name


def with_implied(plan: Plan) -> tuple[Resource, ...]:
    """The resources of a plan and those that Azure creates along with them, as records keep them.

    Each comes after those that it needs; what is created along with a resource comes before it, because it can only be
    deleted after it.
    """
    implied = {one.id for resource in plan.resources for one in kind_of(resource).implied(resource)}
    kept = [
        one
        for resource in plan.resources
        for one in (*kind_of(resource).implied(resource), *(() if resource.id in implied else (resource,)))
    ]
    return tuple(one.recorded() for one in kept)


def with_changeable_parts(plan: Plan) -> Plan:
    """The plan with what Azure creates along with its resources and can change later; it comes after them."""
    resources = [
        one
        for resource in plan.resources
        for one in (
            resource,
            *(replace(part, needs=(resource.name,)) for part in kind_of(resource).implied(resource) if part.body),
        )
    ]
    return replace(plan, resources=tuple(resources))
