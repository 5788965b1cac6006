"""Keeping: an idle machine stays for some minutes after the last job of its CI agent."""

import pytest

from dormouse.clock import MINUTE
from dormouse.idle.alarms import alarm
from dormouse.idle.decision import NextAction
from dormouse.idle.jobs.keeping import kept_until, last_job_ended
from dormouse.idle.policy import IdlePolicy
from dormouse.idle.verdict import VerdictKind
from tests.unit.builders import NOW, case, decided, decision_on, quiet, remembered, with_value

ENDED = NOW - 20 * MINUTE
SHORT = IdlePolicy(window=5, lead=0)


def test_the_end_of_a_job_is_the_end_of_its_last_minute() -> None:
    newest = with_value(quiet(), "inside", "batch_jobs", 32, 1.0)
    assert last_job_ended(case(evidence=newest)) == NOW, "a job that runs has not ended before now"
    earlier = with_value(quiet(), "inside", "batch_jobs", 22, 2.0)
    assert last_job_ended(case(evidence=earlier)) == NOW - 9 * MINUTE


def test_a_job_before_the_window_is_remembered() -> None:
    assert last_job_ended(case(tracked=remembered(job_ended_at=ENDED))) == ENDED
    newer = with_value(quiet(), "inside", "batch_jobs", 22, 1.0)
    assert last_job_ended(case(tracked=remembered(job_ended_at=ENDED), evidence=newer)) > ENDED
    assert last_job_ended(case()) == 0.0


@pytest.mark.parametrize(("minutes", "action"), [(0, NextAction.STOP), (20, NextAction.STOP), (21, NextAction.NOTHING)])
def test_an_idle_machine_stays_until_the_minutes_have_passed(minutes: int, action: NextAction) -> None:
    one = case(policy=SHORT, tracked=remembered(job_ended_at=ENDED), keep_minutes=minutes)
    assert decided(one)[0].kind is VerdictKind.IDLE
    decision = decision_on(one)
    assert decision.action is action
    if action is NextAction.NOTHING:
        assert decision.then.startswith("Its last job ended at 2027-01-15 07:40 UTC; not stopped for idleness before ")
        assert decision.at == kept_until(one) == ENDED + minutes * MINUTE


def test_a_machine_without_a_job_is_not_kept() -> None:
    assert decision_on(case(policy=SHORT, keep_minutes=60)).action is NextAction.STOP


def test_a_kept_machine_is_no_cause_for_an_alarm() -> None:
    long_ago = {"verdict": "idle", "verdict_since": NOW - 600 * MINUTE}
    kept = case(policy=SHORT, tracked=remembered(job_ended_at=ENDED, **long_ago), keep_minutes=60)
    assert alarm(kept, *decided(kept)) == ""
    not_kept = case(policy=IdlePolicy(window=5), tracked=remembered(**long_ago))
    assert alarm(not_kept, *decided(not_kept)).startswith("Idle since ")
