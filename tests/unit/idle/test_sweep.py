"""What a sweep has planned for a machine, as its operation asks Azure for it."""

from dataclasses import replace

import pytest

from dormouse.environments.operations import ChangePower
from dormouse.idle.decision import NextAction
from dormouse.idle.policy import IdlePolicy
from dormouse.idle.sweep import BATCH, BATCH_SECONDS, BURST, START_SECONDS, ActionClaim, actions_per_page
from dormouse.lifecycle import Verb
from tests.unit.builders import case, machine, planned

SUBSCRIPTION = "0d0e5e00-0000-4000-8000-000000000002"
PLAN = planned(case(machine=machine(subscription=SUBSCRIPTION), policy=IdlePolicy(lead=0)))


@pytest.mark.parametrize("hibernate", [True, False])
def test_azure_is_asked_to_do_what_was_planned_to_that_machine(hibernate: bool) -> None:
    claim = ActionClaim("lab:vm-stop-1", replace(PLAN, hibernate=hibernate), "sweep-1", 0.0)
    assert claim.power == ChangePower("lab:vm-stop-1", "lab:vm", Verb.STOP, "lab", "vm", SUBSCRIPTION, hibernate=hibernate)


@pytest.mark.parametrize(
    ("step", "verb"), [(NextAction.STOP, Verb.STOP), (NextAction.START, Verb.START), (NextAction.DELETE, Verb.DELETE)]
)
def test_every_step_that_acts_is_an_operation(step: NextAction, verb: Verb) -> None:
    assert replace(PLAN, action=step).verb is verb


def test_pages_share_what_may_be_written_before_decisions_are_too_old() -> None:
    together = BURST + BATCH * START_SECONDS / BATCH_SECONDS
    assert [actions_per_page(pages) for pages in (0, 1, 2, 10**6)] == [together, together, together / 2, 1]
