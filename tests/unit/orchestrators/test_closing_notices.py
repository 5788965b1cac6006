"""What a sweep tells at the end of an action: what was put to sleep can be opened again."""

from dataclasses import replace

import pytest

from dormouse.environments.results import Outcome, OutcomeStatus
from dormouse.idle.decision import NextAction
from dormouse.idle.sweep import SweepClosing
from orchestrators.idle.jobs import closing_notice
from tests.unit.builders import case, machine, planned


@pytest.mark.parametrize(
    ("action", "status", "environment", "opened"),
    [
        (NextAction.STOP, OutcomeStatus.SUCCEEDED, "ml1", "ml1"),
        (NextAction.STOP_ENVIRONMENT, OutcomeStatus.SUCCEEDED, "ml1", "ml1"),
        (NextAction.STOP, OutcomeStatus.SUCCEEDED, "", ""),
        (NextAction.STOP, OutcomeStatus.FAILED, "ml1", ""),
        (NextAction.START, OutcomeStatus.SUCCEEDED, "ml1", ""),
    ],
)
def test_what_was_put_to_sleep_has_an_open_link(
    action: NextAction, status: OutcomeStatus, environment: str, opened: str
) -> None:
    plan = replace(planned(case()), action=action, machine=machine(environment=environment))
    notice = closing_notice(SweepClosing("ml1-stop-1", plan, Outcome(status, "It was idle."), 0.0, 1.0))
    assert notice.environment == opened
