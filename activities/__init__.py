"""Activities: each makes one Azure call and is safe to run twice. This module lists them."""

from collections.abc import Awaitable, Callable
from typing import Any

from activities import chat, inventory, machines, notifications, operations, records
from activities.idle import complete, confirm, evaluate, execute, hand_over, missing, stopped, waiting
from activities.reconcile import delete, look
from activities.resources import generic, permissions
from activities.resources.platform import promotions
from dormouse.cloud.clients import Cloud

Activity = Callable[[Any, Cloud], Awaitable[Any]]

ALL: tuple[Activity, ...] = (
    generic.observe_resource,
    generic.check_preflight,
    generic.put_resource,
    generic.read_put,
    generic.read_outputs,
    generic.delete_resource,
    generic.list_deleted,
    generic.purge_resource,
    generic.change_resource_power,
    generic.suspend_resource,
    generic.resume_resource,
    generic.detach_resources,
    generic.renew_secret,
    generic.restore_secret,
    generic.change_login,
    generic.check_login,
    generic.read_login,
    generic.take_snapshot,
    promotions.find_image,
    promotions.import_image,
    generic.begin_probe,
    generic.read_probe,
    operations.poll_operation,
    inventory.read_owned_resources,
    inventory.list_tagged,
    inventory.list_group,
    inventory.read_group,
    permissions.check_sight,
    records.write_environment,
    records.close_operation,
    records.holds_lock,
    records.list_dependents,
    records.check_parents,
    evaluate.count_machines,
    evaluate.evaluate_page,
    missing.evaluate_missing,
    waiting.find_waiting_jobs,
    execute.claim_machines,
    execute.begin_claims,
    hand_over.recheck_lease_end,
    hand_over.recheck_refused_start,
    hand_over.recheck_environment_stop,
    confirm.confirm_states,
    complete.close_sweep_operation,
    stopped.note_failed_deletion,
    complete.finish_sweep,
    notifications.warn_machine,
    notifications.send_notifications,
    look.look_for_findings,
    look.note_told,
    look.end_pass,
    delete.claim_orphans,
    delete.delete_orphan,
    delete.recheck_orphans,
    machines.read_machine,
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
