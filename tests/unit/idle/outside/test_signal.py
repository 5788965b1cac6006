"""Activity is a signal of every kind of target: it keeps awake or makes unknown, and never makes idle."""

from dataclasses import replace
from typing import Any

import pytest

from dormouse.clock import DAY, HOUR, MINUTE
from dormouse.idle.decision import NextAction
from dormouse.idle.evaluation import EvaluationRules, evaluation_of, with_answer
from dormouse.idle.evidence import Evaluation
from dormouse.idle.guard import unknowns
from dormouse.idle.outside.alarm import activity_alarm, unanswered_sweeps
from dormouse.idle.outside.answers import ServiceAnswer, unanswered
from dormouse.idle.outside.reports import ActivityReport
from dormouse.idle.outside.services import ActivityService
from dormouse.idle.policy import IdlePolicy
from dormouse.idle.recheck import recheck
from dormouse.idle.report import ReportHead, SweepSummary
from dormouse.idle.sources.registry import SOURCES
from dormouse.idle.tracking import ActionReason, Lease, LeaseAction
from dormouse.idle.verdict import VerdictKind, evaluate
from dormouse.lifecycle import State
from tests.unit.builders import IDENTIFIER, NOW, case, decision_on, line_of, machine, planned, quiet, remembered, warned
from tests.unit.idle.clusters.test_node_pools import seen
from tests.unit.idle.clusters.test_verdicts import cluster, tracked, unused

SERVICE = "the activity service busy.example.com"
SILENT = unanswered([IDENTIFIER], SERVICE, "answered HTTP 503")[IDENTIFIER.lower()]
DOUBTFUL = ServiceAnswer(SERVICE, unknown=f"{SERVICE} does not know whether it is in use")
REPORT = ActivityReport("signed:slurm", "slurm", NOW + HOUR, "job 42", NOW - MINUTE)
AT_ONCE = IdlePolicy(lead=0)


def idle_targets() -> dict[str, Evaluation]:
    """An idle target of every kind."""
    ml = case(machine=cluster(), tracked=tracked(), nodes=unused())
    return {"virtual_machine": case(), "ml_cluster": ml, "node_pool": seen()}


@pytest.mark.parametrize("kind", SOURCES)
def test_every_kind_of_target_is_idle_only_without_activity(kind: str) -> None:
    one = idle_targets()[kind]
    assert evaluate(one).kind is VerdictKind.IDLE
    reported = evaluate(replace(one, tracked=replace(one.tracked, reports=(REPORT,))))
    assert (reported.kind, reported.numbers["reported_busy_minutes"]) == (VerdictKind.BUSY, 60.0)
    assert reported.reason == "In use: slurm reports it busy until 2027-01-15 09:00 UTC: job 42."
    busy = evaluate(replace(one, activity=ServiceAnswer(SERVICE, NOW + HOUR)))
    assert (busy.kind, busy.reason) == (VerdictKind.BUSY, f"In use: {SERVICE} reports it busy until 2027-01-15 09:00 UTC.")
    for answer in (SILENT, DOUBTFUL):
        unknown = evaluate(replace(one, activity=answer))
        assert (unknown.kind, unknown.reason) == (VerdictKind.UNKNOWN, f"Kept running, because {answer.unknown}.")
    free = evaluate(replace(one, activity=ServiceAnswer(SERVICE)))
    assert free.kind is VerdictKind.IDLE
    assert free.reason.endswith(f" The{SERVICE[3:]} reports no activity.")


def test_not_busy_replaces_no_evidence_of_the_machine_itself() -> None:
    for evidence in (quiet(heard_at=NOW - HOUR), quiet(host={}, host_end=0.0), quiet(inside=None)):
        one = case(evidence=evidence, activity=ServiceAnswer(SERVICE))
        assert evaluate(one).kind is VerdictKind.UNKNOWN


def test_the_longest_report_is_named_and_the_others_are_counted() -> None:
    other = replace(REPORT, reporter="x", by="airflow", until=NOW + 2 * HOUR, reason="")
    verdict = evaluate(case(tracked=remembered(reports=(REPORT, other)), activity=ServiceAnswer(SERVICE, NOW + 60)))
    assert verdict.reason == "In use: airflow reports it busy until 2027-01-15 10:00 UTC (and 2 more)."
    assert verdict.numbers["reported_busy_minutes"] == 120.0
    line = line_of(case(tracked=remembered(reports=(REPORT, other))))
    assert [one.by for one in line.activity] == ["airflow", "slurm"]


def test_a_report_that_has_ended_is_no_signal() -> None:
    assert evaluate(case(tracked=remembered(reports=(replace(REPORT, until=NOW),)))).kind is VerdictKind.IDLE


@pytest.mark.parametrize("answer", [SILENT, DOUBTFUL])
def test_a_schedule_stops_nothing_while_the_service_says_nothing(answer: ServiceAnswer) -> None:
    assert unknowns(case(activity=answer), ActionReason.SCHEDULE) == [answer.unknown]
    assert unknowns(case(activity=answer), ActionReason.IDLE) == [answer.unknown]


def test_a_lease_stops_a_busy_machine_as_ever_but_waits_for_a_cluster() -> None:
    over = Lease(NOW, LeaseAction.STOP, "alice")
    vm = case(policy=AT_ONCE, tracked=remembered(lease=over, reports=(REPORT,)), activity=SILENT)
    assert decision_on(vm).action is NextAction.STOP
    assert unknowns(replace(vm, machine=cluster()), ActionReason.LEASE)


@pytest.mark.parametrize(
    "change",
    [
        {"tracked": remembered(reports=(REPORT,))},
        {"activity": ServiceAnswer(SERVICE, NOW + HOUR)},
        {"activity": SILENT},
        {"activity": DOUBTFUL},
    ],
)
def test_the_recheck_sees_what_was_said_since_the_decision(change: dict[str, Any]) -> None:
    one = case(policy=AT_ONCE)
    assert recheck(planned(one), one) == ""
    assert recheck(planned(one), replace(one, **change)) == evaluate(replace(one, **change)).reason


def test_a_warning_stays_while_the_service_fails_and_is_withdrawn_when_it_reports_work() -> None:
    one = case(tracked=remembered(warning=warned()), activity=SILENT)
    decision = decision_on(one)
    assert (decision.action, decision.blocked) == (NextAction.NOTHING, SILENT.unknown)
    busy = replace(one, activity=ServiceAnswer(SERVICE, NOW + HOUR))
    assert decision_on(busy).action is NextAction.WITHDRAW


def test_a_running_machine_of_a_service_that_was_not_asked_is_unknown() -> None:
    rules = EvaluationRules(activity=(ActivityService("", "https://busy.example.com"),))
    running = evaluation_of(machine(), None, remembered(), rules, NOW)
    assert (running.activity.unknown, running.activity.failed) == (f"{SERVICE} was not asked", True)
    stopped = evaluation_of(machine(state=State.STOPPED), None, remembered(), rules, NOW)
    assert stopped.activity == ServiceAnswer()
    answered = with_answer(running, {IDENTIFIER.lower(): ServiceAnswer(SERVICE)})
    assert answered.activity == ServiceAnswer(SERVICE)
    assert with_answer(running, {}).activity.unknown, "an answer about another machine is none"


def head(**fields: Any) -> ReportHead:
    summary = SweepSummary(unanswered=2, problems=("x", f"Machines are kept running, because {SERVICE} is late."))
    return ReportHead("s2", dry_run=False, began_at=NOW - 5, ended_at=NOW, pages=1, summary=summary, **fields)


def test_failures_count_from_sweep_to_sweep_and_end_with_an_answer() -> None:
    failing, fine = SweepSummary(unanswered=1), SweepSummary()
    assert unanswered_sweeps(None, "s1", failing, dry_run=False) == 1
    known = head(unanswered_sweeps=2)
    assert unanswered_sweeps(known, "s3", failing, dry_run=False) == 3
    assert unanswered_sweeps(known, "s2", failing, dry_run=False) == 2, "the same sweep, recorded again"
    assert unanswered_sweeps(known, "s3", failing, dry_run=True) == 2
    assert unanswered_sweeps(known, "s3", fine, dry_run=True) == 2
    assert unanswered_sweeps(known, "s3", fine, dry_run=False) == 0


def test_the_alarm_comes_after_three_sweeps_and_once_a_day() -> None:
    assert activity_alarm(head(unanswered_sweeps=2))[1] == ""
    told, text = activity_alarm(head(unanswered_sweeps=3))
    assert text == (
        "In 3 sweeps in a row, nothing was known of the activity of 2 machines. "
        f"Machines are kept running, because {SERVICE} is late."
    )
    assert told.unanswered_told_at == NOW
    assert activity_alarm(told) == (told, text), "recorded again, it is sent again"
    assert activity_alarm(head(unanswered_sweeps=9, unanswered_told_at=NOW - DAY + 1))[1] == ""
    assert activity_alarm(head(unanswered_sweeps=9, unanswered_told_at=NOW - DAY))[1] != ""
    assert activity_alarm(replace(head(unanswered_sweeps=9), dry_run=True))[1] == ""
