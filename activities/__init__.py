"""Activities: each makes one Azure call and is safe to run twice. This module lists them."""

from collections.abc import Awaitable, Callable
from typing import Any

from activities import (
    chat,
    health,
    inventory,
    machines,
    notifications,
    operations,
    preflight,
    records,
)
from activities.idle import complete, evaluate, execute
from activities.resources import compute, identity, keyvault, network, removal, storage
from dormouse.cloud.clients import Cloud
from dormouse.environments.operations import BuildRequest
from dormouse.environments.results import Progress
from dormouse.resources.plan import ResourceKind

Activity = Callable[[Any, Cloud], Awaitable[Any]]
Put = Callable[[BuildRequest, Cloud], Awaitable[Progress]]

PUT: dict[ResourceKind, Put] = {
    ResourceKind.RESOURCE_GROUP: storage.put_resource_group,
    ResourceKind.VIRTUAL_NETWORK: network.put_virtual_network,
    ResourceKind.SECURITY_GROUP: network.put_security_group,
    ResourceKind.PUBLIC_ADDRESS: network.put_public_address,
    ResourceKind.NETWORK_INTERFACE: network.put_network_interface,
    ResourceKind.STORAGE_ACCOUNT: storage.put_storage_account,
    ResourceKind.BLOB_CONTAINER: storage.put_blob_container,
    ResourceKind.PASSWORD: keyvault.put_password,
    ResourceKind.VIRTUAL_MACHINE: compute.put_virtual_machine,
    ResourceKind.MACHINE_EXTENSION: compute.put_machine_extension,
    ResourceKind.ROLE_ASSIGNMENT: identity.put_role_assignment,
}

# Reads the outputs of a resource that its dependents need.
LEARN: dict[ResourceKind, Put] = {ResourceKind.VIRTUAL_MACHINE: compute.read_virtual_machine}

ALL: tuple[Activity, ...] = (
    *PUT.values(),
    *LEARN.values(),
    compute.begin_power_change,
    compute.release_network,
    compute.read_machine,
    health.begin_health_check,
    health.read_health_check,
    operations.poll_operation,
    removal.remove_group,
    removal.remove_resource,
    keyvault.remove_secret,
    keyvault.purge_secret,
    inventory.read_owned_resources,
    inventory.list_tagged,
    inventory.list_group,
    inventory.list_secrets,
    inventory.list_deleted_secrets,
    inventory.read_group,
    inventory.is_still_there,
    preflight.check_group,
    preflight.check_new_group,
    preflight.check_storage_name,
    preflight.observe_resource,
    preflight.check_size,
    preflight.check_quota,
    records.write_environment,
    records.close_operation,
    records.holds_lock,
    evaluate.count_machines,
    evaluate.evaluate_page,
    evaluate.evaluate_missing,
    execute.claim_machines,
    execute.begin_claims,
    execute.recheck_lease_end,
    execute.confirm_states,
    complete.close_sweep_operation,
    complete.finish_sweep,
    notifications.warn_machine,
    notifications.send_notifications,
    machines.tag_machine,
    machines.untag_machine,
    machines.begin_agent_setup,
    machines.begin_agent_removal,
    machines.read_agent_setup,
    machines.forget_agent,
    chat.reply_in_chat,
    chat.end_chat,
)

# Activities that get the dispatcher of chat commands instead of a cloud.
BY_DISPATCHER: tuple[Callable[[Any, chat.CommandRunner], Awaitable[Any]], ...] = (
    chat.run_chat_command,
    chat.poll_chat_operation,
)
