"""Orchestrators: generators that run activities in order. This module lists them."""

from collections.abc import Callable
from typing import Any

from orchestrators.chat.command import answer_command
from orchestrators.environments.delete import delete_at_lease_end, delete_environment
from orchestrators.environments.execute_plan import build_resource
from orchestrators.environments.hibernate import hibernate_environment
from orchestrators.environments.power import change_power
from orchestrators.environments.promote_image import promote_image
from orchestrators.environments.provision import provision_environment
from orchestrators.environments.resize import resize_environment
from orchestrators.environments.rotate_password import rotate_password
from orchestrators.idle.execute import act_with_suspension
from orchestrators.idle.fallback import start_with_other_size
from orchestrators.idle.stages import stop_whole_environment
from orchestrators.idle.sweep import sweep, sweep_missing, sweep_page
from orchestrators.machines.adopt import adopt_machine, release_machine
from orchestrators.reconcile.reconcile import delete_orphans, reconcile

ALL: tuple[Callable[[Any], Any], ...] = (
    provision_environment,
    change_power,
    hibernate_environment,
    resize_environment,
    rotate_password,
    promote_image,
    delete_environment,
    delete_at_lease_end,
    build_resource,
    sweep,
    sweep_page,
    sweep_missing,
    act_with_suspension,
    start_with_other_size,
    stop_whole_environment,
    adopt_machine,
    release_machine,
    answer_command,
    reconcile,
    delete_orphans,
)
