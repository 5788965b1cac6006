"""In which order: generators that read as lists of steps. This is the list of them."""

from collections.abc import Callable
from typing import Any

from orchestrators.adoption import adopt_machine, release_machine
from orchestrators.building import build_resource
from orchestrators.chat import answer_command
from orchestrators.power import change_power
from orchestrators.provision import provision_environment
from orchestrators.sweep import sweep, sweep_missing, sweep_page
from orchestrators.teardown import delete_at_lease_end, delete_environment

ALL: tuple[Callable[[Any], Any], ...] = (
    provision_environment,
    change_power,
    delete_environment,
    delete_at_lease_end,
    build_resource,
    sweep,
    sweep_page,
    sweep_missing,
    adopt_machine,
    release_machine,
    answer_command,
)
