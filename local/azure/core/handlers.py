"""The handlers of the simulation: one table for each verb. `COVERAGE.md` is generated from them."""

from collections.abc import Callable

from local.azure.core.requests import Request
from local.azure.core.resource_ids import ResourceId
from local.azure.core.responses import Answer, not_simulated
from local.azure.core.world import World, visible
from local.azure.providers import (
    blob_containers,
    custom_roles,
    identities,
    monitoring,
    network,
    network_use,
    registries,
    roles,
    storage,
    vaults,
)
from local.azure.providers.common import Put, delete_later, found, shown
from local.azure.providers.compute import disks, extensions, machines, power, resizing, snapshots
from local.azure.providers.containers import clusters, commands, pools
from local.azure.providers.kinds import (
    ACCOUNT,
    ACTION_GROUP,
    ADDRESS,
    BLOB_SERVICE,
    BUDGET,
    CLUSTER,
    COMMAND_RESULT,
    COMPONENT,
    CONTAINER,
    DATASTORE,
    DIAGNOSTIC_SETTING,
    DISK,
    EXTENSION,
    FIREWALL,
    IDENTITY,
    KEY_VAULT,
    LOG_WORKSPACE,
    MACHINE,
    ML_COMPUTE,
    ML_JOB,
    ML_WORKSPACE,
    NIC,
    POOL,
    REGISTRY,
    ROLE,
    ROLE_DEFINITION,
    SMART_DETECTOR,
    SNAPSHOT,
    SUBNET,
    VNET,
)
from local.azure.providers.ml import computes, datastores, runs, workspaces
from local.azure.providers.platform import alerts, budgets, diagnostics

Handler = Callable[[World, ResourceId, Request], Answer]


def _shown(world: World, rid: ResourceId, request: Request) -> Answer:
    if "$expand" in request.query:
        raise not_simulated(f"$expand of {rid.type}")
    seen = shown(world, found(world, rid), request)
    return Answer(200, seen, {"ETag": seen["etag"]} if "etag" in seen else {})


def _plain(world: World, rid: ResourceId, request: Request) -> Answer:
    """A resource whose ETag is in the body only."""
    return Answer(200, _shown(world, rid, request).body)


def _machine(world: World, rid: ResourceId, request: Request) -> Answer:
    document = found(world, rid)
    seen = shown(world, document, request)
    if request.query.get("$expand", "").lower() == "instanceview":
        seen = {**seen, "properties": {**seen["properties"], "instanceView": power.instance_view(world, document)}}
        return Answer(200, seen)  # with the view, no recorded response has the header
    return Answer(200, seen, {"ETag": seen["etag"]} if "etag" in seen else {})


def _extension(world: World, rid: ResourceId, request: Request) -> Answer:
    if request.query.get("$expand", "").lower() != "instanceview":
        return _shown(world, rid, request)
    document = found(world, rid)
    view = power.extension_view(document)
    return Answer(200, visible({**document, "properties": {**document["properties"], "instanceView": view}}))


def _delete(world: World, rid: ResourceId, request: Request) -> Answer:
    in_use = network_use.in_use if rid.provider == "Microsoft.Network" else disks.IN_USE.get(rid.type)
    return delete_later(world, found(world, rid), request, network.DELETE_PAUSES.get(rid.type), in_use)


PUT: dict[str, Put] = {
    VNET: network.put_network,
    FIREWALL: network.put_firewall,
    ADDRESS: network.put_address,
    NIC: network.put_interface,
    ACCOUNT: storage.put_account,
    CONTAINER: blob_containers.put_container,
    MACHINE: machines.put_machine,
    DISK: disks.put_disk,
    SNAPSHOT: snapshots.put_snapshot,
    EXTENSION: extensions.put_extension,
    ROLE: lambda world, rid, request: roles.put(world, rid, request.json()),
    ROLE_DEFINITION: lambda world, rid, request: custom_roles.put(world, rid, request.json()),
    KEY_VAULT: vaults.put_vault,
    IDENTITY: identities.put_identity,
    LOG_WORKSPACE: monitoring.put_workspace,
    COMPONENT: monitoring.put_component,
    REGISTRY: registries.put_registry,
    ML_WORKSPACE: workspaces.put_workspace,
    ML_COMPUTE: computes.put_compute,
    DATASTORE: datastores.put_datastore,
    CLUSTER: clusters.put_cluster,
    POOL: pools.put_pool,
    ACTION_GROUP: alerts.put_action_group,
    SMART_DETECTOR: alerts.put_rule,
    DIAGNOSTIC_SETTING: diagnostics.put,
    BUDGET: budgets.put,
}
PATCH: dict[str, Handler] = {
    VNET: network.patch_tags,
    FIREWALL: network.patch_tags,
    ADDRESS: network.patch_tags,
    NIC: network.patch_tags,
    ACCOUNT: storage.patch_tags,
    MACHINE: machines.patch_machine,
    DISK: resizing.patch_disk,
    ML_WORKSPACE: workspaces.patch_workspace,
    ML_COMPUTE: computes.patch_compute,
    CLUSTER: clusters.patch_cluster,
}
GET: dict[str, Handler] = {
    CONTAINER: lambda world, rid, _: blob_containers.get_container(world, rid),
    ROLE: lambda world, rid, _: roles.get(world, rid),
    ROLE_DEFINITION: lambda world, rid, _: custom_roles.get(world, rid),
    DATASTORE: lambda world, rid, _: datastores.get_datastore(world, rid),
    ML_JOB: runs.get_job,
    SUBNET: network.get_subnet,
    DIAGNOSTIC_SETTING: lambda world, rid, _: diagnostics.get(world, rid),
    BUDGET: lambda world, rid, _: budgets.get(world, rid),
    MACHINE: _machine,
    EXTENSION: _extension,
    CLUSTER: clusters.get_cluster,
    POOL: pools.get_pool,
    COMMAND_RESULT: commands.result,
    **dict.fromkeys((VNET, FIREWALL, ADDRESS, NIC, ACCOUNT, DISK, SNAPSHOT, KEY_VAULT), _shown),
    **dict.fromkeys((IDENTITY, LOG_WORKSPACE, COMPONENT, REGISTRY, ML_WORKSPACE, ML_COMPUTE), _plain),
    **dict.fromkeys((ACTION_GROUP, SMART_DETECTOR), _plain),
}
DELETE: dict[str, Handler] = {
    CONTAINER: lambda world, rid, _: blob_containers.delete_container(world, rid),
    ACCOUNT: lambda world, rid, _: storage.delete_account(world, rid),
    KEY_VAULT: lambda world, rid, _: vaults.delete_vault(world, rid),
    IDENTITY: lambda world, rid, _: identities.delete_identity(world, rid),
    LOG_WORKSPACE: monitoring.delete_workspace,
    REGISTRY: registries.delete_registry,
    ML_WORKSPACE: workspaces.delete_workspace,
    ML_COMPUTE: computes.delete_compute,
    DATASTORE: lambda world, rid, _: datastores.delete_datastore(world, rid),
    COMPONENT: lambda world, rid, _: monitoring.delete_component(world, rid),
    MACHINE: machines.delete_machine,
    CLUSTER: clusters.delete_cluster,
    POOL: pools.delete_pool,
    BUDGET: budgets.delete,
    DIAGNOSTIC_SETTING: lambda world, rid, _: diagnostics.delete(world, rid),
    **dict.fromkeys((ACTION_GROUP, SMART_DETECTOR), alerts.delete),
    **dict.fromkeys((VNET, FIREWALL, ADDRESS, NIC, EXTENSION, DISK), _delete),
}
LIST = frozenset(
    {VNET, FIREWALL, ADDRESS, NIC, ACCOUNT, MACHINE, EXTENSION, DISK, CONTAINER, ROLE, KEY_VAULT}
    | {IDENTITY, LOG_WORKSPACE, COMPONENT, REGISTRY, ML_WORKSPACE, ML_COMPUTE, DATASTORE, CLUSTER, POOL}
    | {IDENTITY, LOG_WORKSPACE, COMPONENT, REGISTRY, ML_WORKSPACE, ML_COMPUTE, DATASTORE}
    | {ACTION_GROUP, SMART_DETECTOR}
)
SERVED = {kind.lower(): kind for kind in (*PUT, *GET, BLOB_SERVICE)}
# For these, deleting a missing resource is not an error.
FORGETTABLE = frozenset(
    {MACHINE, ACCOUNT, NIC, VNET, FIREWALL, ADDRESS, DISK, EXTENSION, KEY_VAULT}
    | {IDENTITY, LOG_WORKSPACE, COMPONENT, REGISTRY, CLUSTER}
    | {IDENTITY, LOG_WORKSPACE, COMPONENT, REGISTRY, ACTION_GROUP, SMART_DETECTOR}
)
