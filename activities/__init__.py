"""One Azure call each: thin, typed, safe to run twice. This is the list of them."""

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
from dormouse.resources.plan import Kind

Activity = Callable[[Any, Cloud], Awaitable[Any]]
Put = Callable[[BuildRequest, Cloud], Awaitable[Progress]]

PUT: dict[Kind, Put] = {
    Kind.RESOURCE_GROUP: storage.put_resource_group,
    Kind.VIRTUAL_NETWORK: network.put_virtual_network,
    Kind.SECURITY_GROUP: network.put_security_group,
    Kind.PUBLIC_ADDRESS: network.put_public_address,
    Kind.NETWORK_INTERFACE: network.put_network_interface,
    Kind.STORAGE_ACCOUNT: storage.put_storage_account,
    Kind.BLOB_CONTAINER: storage.put_blob_container,
    Kind.PASSWORD: keyvault.put_password,
    Kind.VIRTUAL_MACHINE: compute.put_virtual_machine,
    Kind.MACHINE_EXTENSION: compute.put_machine_extension,
    Kind.ROLE_ASSIGNMENT: identity.put_role_assignment,
}

# What must be read of a resource once it is there, because later steps need to know it.
LEARN: dict[Kind, Put] = {Kind.VIRTUAL_MACHINE: compute.read_virtual_machine}

ALL: tuple[Activity, ...] = (
    *PUT.values(),
    *LEARN.values(),
    compute.begin_power_change,
    compute.release_network,
    compute.read_machine,
    health.begin_health_check,
    health.read_health_check,
    operations.check_operation,
    removal.remove_group,
    removal.remove_resource,
    keyvault.remove_secret,
    keyvault.purge_secret,
    inventory.read_belongings,
    inventory.list_tagged,
    inventory.list_group,
    inventory.list_secrets,
    inventory.list_deleted_secrets,
    inventory.read_group,
    inventory.is_still_there,
    preflight.survey_group,
    preflight.survey_new_group,
    preflight.survey_storage_name,
    preflight.look_at_step,
    preflight.survey_size,
    preflight.survey_quota,
    records.remember_environment,
    records.close_operation,
    records.holds_lock,
    evaluate.count_machines,
    evaluate.judge_page,
    evaluate.judge_missing,
    execute.claim_machines,
    execute.begin_claims,
    execute.recheck_lease_end,
    execute.confirm_states,
    complete.close_sweep_operation,
    complete.finish_sweep,
    notifications.warn_machine,
    notifications.tell_people,
    machines.tag_machine,
    machines.untag_machine,
    machines.begin_agent_setup,
    machines.begin_agent_removal,
    machines.read_agent_setup,
    machines.forget_agent,
    chat.answer_in_chat,
    chat.end_chat,
)

# What the routes do for whoever is not asking over HTTP.
BY_ROUTES: tuple[Callable[[Any, chat.FrontDoor], Awaitable[Any]], ...] = (
    chat.carry_out_command,
    chat.look_at_operation,
)
