"""Planned actions of a sweep, and the requests that their operations send to Azure."""

from dataclasses import replace

import pytest

from dormouse.environments.operations import DeleteRequest
from dormouse.environments.requests import PowerRequest
from dormouse.idle.decision import NextAction
from dormouse.idle.policy import IdlePolicy
from dormouse.idle.recheck import LONGEST_AGE
from dormouse.idle.sweep import (
    BATCH,
    BATCH_SECONDS,
    BURST,
    START_SECONDS,
    SWEEP_LOCK,
    ActionClaim,
    ActionStarted,
    ClaimResult,
    LeaseEnd,
    PageRequest,
    SweepRequest,
    actions_per_page,
)
from dormouse.lifecycle import Verb
from dormouse.resources.compute.machines import ENVIRONMENT_NAME, VirtualMachine, machine_id
from dormouse.resources.plan import Resource
from tests.unit.builders import case, machine, planned

SUBSCRIPTION = "0d0e5e00-0000-4000-8000-000000000002"
VM = machine_id(SUBSCRIPTION, "lab", "vm")
PLAN = planned(case(machine=machine(id=VM, subscription=SUBSCRIPTION), policy=IdlePolicy(lead=0)))


@pytest.mark.parametrize("hibernate", [True, False])
def test_the_power_change_matches_the_planned_action(hibernate: bool) -> None:
    claim = ActionClaim("lab:vm-stop-1", replace(PLAN, hibernate=hibernate), "sweep-1", 0.0)
    assert claim.power == PowerRequest(Resource("vm", "virtual_machine", VM), Verb.STOP, hibernate=hibernate)


@pytest.mark.parametrize(
    ("step", "verb"), [(NextAction.STOP, Verb.STOP), (NextAction.START, Verb.START), (NextAction.DELETE, Verb.DELETE)]
)
def test_every_acting_step_has_an_operation_verb(step: NextAction, verb: Verb) -> None:
    assert replace(PLAN, action=step).verb is verb


def test_pages_share_what_may_be_written_before_decisions_are_too_old() -> None:
    assert [actions_per_page(pages) for pages in (0, 1, 2, 7, 10**6)] == [1560, 1560, 780, 223, 1]


def test_all_pages_together_use_60_percent_of_what_resource_manager_allows() -> None:
    assert BURST == 0.6 * 200
    assert BATCH / BATCH_SECONDS == 0.6 * 10
    assert START_SECONDS == LONGEST_AGE - 60


def test_the_lock_of_sweeps_cannot_be_the_name_of_an_environment() -> None:
    assert SWEEP_LOCK == ":sweep"
    assert not ENVIRONMENT_NAME.fullmatch(SWEEP_LOCK)


def test_at_the_end_of_a_lease_the_environment_of_the_machine_is_deleted() -> None:
    assert isinstance(PLAN.machine, VirtualMachine)
    plan = replace(PLAN, machine=replace(PLAN.machine, environment="ml1", group="rg-ml1"))
    assert LeaseEnd(ActionClaim("ml1-delete-1", plan, "sweep-1", 0.0)).teardown == DeleteRequest("ml1-delete-1", "ml1")


def test_fields_that_older_history_lacks_have_these_defaults() -> None:
    assert SweepRequest("s") == SweepRequest("s", dry_run=False, by="timer", ended_before="")
    assert (PageRequest("s", 0, 1, dry_run=False).now, PageRequest("s", 0, 1, dry_run=False).jobs) == (0.0, ())
    assert (PLAN.window, PLAN.hibernate, PLAN.job) == (30, False, None)
    assert ClaimResult() == ClaimResult(holder="", problem="")
    assert ActionStarted() == ActionStarted(None, "", again=False, after=BATCH_SECONDS)
