"""What is put inside a machine changes only while that machine is known to run."""

from dataclasses import replace

import pytest

from dormouse.environments.preflight import asleep_inside
from dormouse.environments.results import ResourceStatus
from dormouse.lifecycle import State
from dormouse.resources.plan import Plan, Resource

VM = Resource("vm", "virtual_machine", "/vm", settings={"size": "s", "secret": "p", "disk": "d", "nic": "n"})
DRIVER = Resource("driver", "machine_extension", "/vm/extensions/driver", needs=("vm",), contained_in="vm")
USERS = Resource("users", "hub_users", "/vm/users", needs=("vm", "driver"), contained_in="vm")
PLAN = Plan("ml1", "data-science", "op", "westeurope", (VM, DRIVER, USERS), changed=("driver", "users"))


def found(state: State | None, plan: Plan = PLAN) -> list[tuple[str, str]]:
    statuses = [ResourceStatus("vm", True, state=state), ResourceStatus("users", True)]
    return [(one.name, words) for one, words in asleep_inside(plan, statuses)]


@pytest.mark.parametrize("state", [State.STOPPED, State.STOPPING, State.STARTING, State.UNKNOWN, None])
def test_a_change_inside_a_machine_that_may_not_run_is_named(state: State | None) -> None:
    ((name, words),) = found(state)
    assert name == "users"
    assert words == f"can change only while vm is running, and it is {state or State.UNKNOWN}; start the environment first"


def test_a_running_machine_and_one_that_is_still_to_be_built_are_no_obstacle() -> None:
    assert found(State.RUNNING) == []
    assert asleep_inside(PLAN, []) == []


def test_what_does_not_change_waits_for_no_machine() -> None:
    assert found(State.STOPPED, replace(PLAN, changed=("driver",))) == []
