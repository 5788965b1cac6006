"""The registry of requests, by the name of the kind of resource; `dormouse.resources.registry` has the same names."""

from activities.resources.api import Check, ResourceApi
from activities.resources.arm import (
    arm,
    delete_by_id,
    delete_group,
    get_by_id,
    get_group,
    patch_by_id,
    put_by_id,
    put_group,
    snapshot_by_id,
)
from activities.resources.compute import MACHINE_EXTENSION, VIRTUAL_MACHINE
from activities.resources.costs import cost_is_allowed
from activities.resources.hub_users import HUB_USERS
from activities.resources.identity import ROLE_ASSIGNMENT
from activities.resources.keyvault import GENERATED_SECRET, PASSWORD
from activities.resources.kubernetes.clusters import MANAGED_CLUSTER
from activities.resources.kubernetes.images import IMPORTED_IMAGE
from activities.resources.kubernetes.node_pools import NODE_POOL
from activities.resources.kubernetes.objects import KUBERNETES_OBJECT, KUBERNETES_SECRET
from activities.resources.ml.clusters import CLUSTER
from activities.resources.ml.datastores import DATASTORE
from activities.resources.ml.workspaces import IMAGE_BUILD, WORKSPACE
from activities.resources.permissions import rights_suffice
from activities.resources.pipelines import ACCESS, AGENT, POOL_ACCESS
from activities.resources.platform.budgets import BUDGET
from activities.resources.platform.custom_roles import CUSTOM_ROLE
from activities.resources.platform.existing_accounts import EXISTING_ACCOUNT
from activities.resources.platform.monitoring import ADDED_BY_AZURE, LOG_WORKSPACE
from activities.resources.platform.registries import registry_names_are_free
from activities.resources.platform.vaults import KEY_VAULT
from activities.resources.providers import providers_are_registered
from activities.resources.storage import names_are_free
from dormouse.resources.plan import Resource

API: dict[str, ResourceApi] = {
    "resource_group": ResourceApi(put_group, get_group, delete_group, preflight=(providers_are_registered, rights_suffice)),
    "virtual_network": arm(),
    "security_group": arm(),
    "public_address": arm(),
    "network_interface": arm(),
    "storage_account": arm(names_are_free),
    "blob_container": arm(),
    "password": PASSWORD,
    "virtual_machine": VIRTUAL_MACHINE,
    "machine_extension": MACHINE_EXTENSION,
    "disk": ResourceApi(put_by_id, get_by_id, delete_by_id, update=patch_by_id, snapshot=snapshot_by_id),
    "hub_users": HUB_USERS,
    "role_assignment": ROLE_ASSIGNMENT,
    "token_access": ACCESS,
    "pipelines_agent": AGENT,
    "pool_access": POOL_ACCESS,
    "private_dns_zone": arm(cost_is_allowed),
    "dns_zone_link": arm(),
    "private_endpoint": arm(cost_is_allowed),
    "dns_zone_group": arm(),
    "nat_gateway": arm(cost_is_allowed),
    "user_assigned_identity": arm(),
    "container_registry": arm(registry_names_are_free, cost_is_allowed),
    "key_vault": KEY_VAULT,
    "log_workspace": LOG_WORKSPACE,
    "application_insights": arm(),
    "smart_detector_rule": ADDED_BY_AZURE,
    "action_group": ADDED_BY_AZURE,
    "generated_secret": GENERATED_SECRET,
    "imported_image": IMPORTED_IMAGE,
    "managed_cluster": MANAGED_CLUSTER,
    "node_pool": NODE_POOL,
    "kubernetes_object": KUBERNETES_OBJECT,
    "kubernetes_secret": KUBERNETES_SECRET,
    "custom_role": CUSTOM_ROLE,
    "diagnostic_setting": arm(),
    "budget": BUDGET,
    "existing_account": EXISTING_ACCOUNT,
    "ml_workspace": WORKSPACE,
    "ml_datastore": DATASTORE,
    "ml_cluster": CLUSTER,
    "ml_image_build": IMAGE_BUILD,
}


def api_of(resource: Resource) -> ResourceApi:
    """The requests for a resource; raises KeyError for a kind that this release does not know."""
    return API[resource.kind]


def check_called(name: str) -> Check:
    """The preflight check with this name; raises KeyError for one that this release does not know."""
    return {check.__name__: check for api in API.values() for check in api.preflight}[name]
