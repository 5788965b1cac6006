"""One Azure call each: thin, typed, safe to run twice. This is the list of them."""

from collections.abc import Awaitable, Callable
from typing import Any

from activities import (
    acting,
    adoption,
    chat,
    closing,
    health,
    inventory,
    judging,
    machine,
    network,
    operation,
    preflight,
    records,
    removal,
    role,
    secret,
    storage,
    warnings,
)
from cloud.connection import Cloud
from environments.operations import BuildRequest
from environments.outcomes import Progress
from environments.plan import Kind

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
    Kind.PASSWORD: secret.put_password,
    Kind.VIRTUAL_MACHINE: machine.put_virtual_machine,
    Kind.MACHINE_EXTENSION: machine.put_machine_extension,
    Kind.ROLE_ASSIGNMENT: role.put_role_assignment,
}

# What must be read of a resource once it is there, because later steps need to know it.
LEARN: dict[Kind, Put] = {Kind.VIRTUAL_MACHINE: machine.read_virtual_machine}

ALL: tuple[Activity, ...] = (
    *PUT.values(),
    *LEARN.values(),
    machine.begin_power_change,
    machine.release_network,
    machine.read_machine,
    health.begin_health_check,
    health.read_health_check,
    operation.check_operation,
    removal.remove_group,
    removal.remove_resource,
    secret.remove_secret,
    secret.purge_secret,
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
    judging.count_machines,
    judging.judge_page,
    judging.judge_missing,
    acting.claim_machines,
    acting.begin_claims,
    acting.recheck_lease_end,
    acting.confirm_states,
    closing.close_sweep_operation,
    closing.finish_sweep,
    warnings.warn_machine,
    warnings.tell_people,
    adoption.tag_machine,
    adoption.untag_machine,
    adoption.begin_agent_setup,
    adoption.begin_agent_removal,
    adoption.read_agent_setup,
    adoption.forget_agent,
    chat.answer_in_chat,
    chat.end_chat,
)

# What the routes do for whoever is not asking over HTTP.
BY_ROUTES: tuple[Callable[[Any, chat.FrontDoor], Awaitable[Any]], ...] = (
    chat.carry_out_command,
    chat.look_at_operation,
)
