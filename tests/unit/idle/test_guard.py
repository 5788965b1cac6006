"""The guard: nothing is stopped while required data are missing, and blocked actions that are overdue are reported."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dormouse.clock import MINUTE
from dormouse.idle.alarms import alarm
from dormouse.idle.decision import NextAction
from dormouse.idle.evidence import STALE, Evaluation, Evidence, TimeSeries
from dormouse.idle.guard import unknowns
from dormouse.idle.policy import Action, IdlePolicy
from dormouse.idle.schedules.schedule import read_schedule
from dormouse.idle.tracking import ActionReason, Lease, LeaseAction, PendingWarning, with_failure
from dormouse.idle.verdict import VerdictKind, evaluate
from dormouse.lifecycle import State
from tests.unit.builders import CPU_ONLY, NOW, case, decided, decision_on, machine, quiet, remembered, warned, with_value

CLOCK = datetime.fromtimestamp(NOW, UTC)
NOTHING_KNOWN_OUTSIDE: dict[str, Evidence] = {
    "Azure Monitor is overloaded": quiet(host={}, host_end=0.0, host_problem="Azure Monitor is overloaded (HTTP 529)"),
    "no right to read metrics": quiet(host={}, host_end=0.0, host_problem="the control plane may not read metrics"),
    "no answer": quiet(host={}, host_end=0.0),
    "one minute missing": with_value(quiet(), "host", "cpu_percent", 3, None),
    "one signal missing": quiet(host={"cpu_percent": TimeSeries((0.0,) * 30)}),
}


def ended(minutes: float) -> Any:
    """On-hours that ended so many minutes ago."""
    end = CLOCK - timedelta(minutes=minutes)
    return read_schedule(f"mon-sun {end - timedelta(hours=5):%H:%M}-{end:%H:%M} UTC")


def scheduled(evidence: Evidence, **fields: Any) -> Evaluation:
    policy = fields.pop("policy", IdlePolicy(enabled=False, lead=0))
    return case(policy=policy, evidence=evidence, schedule=ended(31), **fields)


@pytest.mark.parametrize("agent", [True, False])
@pytest.mark.parametrize("what", NOTHING_KNOWN_OUTSIDE)
def test_a_schedule_stops_nothing_without_complete_azure_monitor_data(what: str, agent: bool) -> None:
    evidence = NOTHING_KNOWN_OUTSIDE[what] if agent else replace(NOTHING_KNOWN_OUTSIDE[what], inside=None, gpu="")
    one = scheduled(evidence, machine=machine(size=CPU_ONLY))
    decision = decision_on(one)
    assert (decision.action, decision.reason) == (NextAction.NOTHING, ActionReason.SCHEDULE)
    assert decision.blocked
    assert decision.blocked in alarm(one, evaluate(one), decision)
    known = quiet() if agent else replace(quiet(), inside=None, gpu="")
    assert decision_on(scheduled(known, machine=one.machine)).action is NextAction.STOP


def test_a_schedule_waits_for_known_work_even_if_other_data_are_missing() -> None:
    working = with_value(NOTHING_KNOWN_OUTSIDE["no answer"], "inside", "gpu_percent", 29, 90.0)
    assert "when it is no longer in use" in decision_on(scheduled(working)).then


def test_a_gpu_without_an_agent_is_not_quiet() -> None:
    outside_only = replace(quiet(), inside=None, gpu="")
    assert "no agent" in decision_on(scheduled(outside_only)).blocked
    waived = scheduled(outside_only, policy=IdlePolicy(enabled=False, lead=0, gpu="optional"))
    assert decision_on(waived).action is NextAction.STOP


def test_a_lease_waits_for_a_silent_agent_but_not_for_azure_monitor() -> None:
    over = remembered(lease=Lease(NOW - 3600, LeaseAction.STOP, "alice"))
    at_once = IdlePolicy(lead=0)
    silent = case(policy=at_once, tracked=over, evidence=quiet(heard_at=NOW - STALE - 1))
    assert "a hold set on the machine would not be noticed" in decision_on(silent).blocked
    assert "is blocked" in alarm(silent, evaluate(silent), decision_on(silent))
    for evidence in (NOTHING_KNOWN_OUTSIDE["no answer"], quiet(inside=None, heard_at=0.0), quiet(heard_at=NOW - STALE)):
        assert decision_on(case(policy=at_once, tracked=over, evidence=evidence)).action is NextAction.STOP


def test_each_reason_to_stop_requires_its_own_data() -> None:
    silent = case(evidence=quiet(heard_at=NOW - STALE - 60, host_problem="Azure Monitor does not answer"))
    unobserved = ["Azure Monitor does not answer", "its agent last reported 11 minutes ago"]
    assert unknowns(silent, ActionReason.IDLE) == unobserved
    assert unknowns(silent, ActionReason.SCHEDULE) == unobserved
    assert unknowns(silent, ActionReason.LEASE) == [f"{unobserved[1]}, so a hold set on the machine would not be noticed"]
    assert unknowns(silent, ActionReason.BILLED) == []


def test_a_lease_does_not_wait_for_the_agent_of_a_machine_that_is_shut_down() -> None:
    memory = remembered(state=State.STOPPED_BILLED, lease=Lease(NOW - 3600, LeaseAction.STOP, "alice"))
    halted = machine(state=State.STOPPED_BILLED)
    silent = quiet(heard_at=NOW - STALE - 1)
    assert (
        decision_on(case(policy=IdlePolicy(lead=0), machine=halted, tracked=memory, evidence=silent)).action
        is NextAction.STOP
    )


def test_invalid_configuration_prevents_starts_too() -> None:
    memory = remembered(state=State.STOPPED, state_since=NOW - 3600)
    hours = read_schedule("fri 07:30-18:00 UTC")
    asleep = case(machine=machine(state=State.STOPPED), tracked=memory, schedule=hours)
    assert decision_on(asleep).action is NextAction.START
    assert decision_on(replace(asleep, fault="x")).action is NextAction.NOTHING


@pytest.mark.parametrize("policy", [IdlePolicy(), IdlePolicy(enabled=False)])
def test_a_machine_with_invalid_tags_is_unknown_even_if_not_watched(policy: IdlePolicy) -> None:
    assert evaluate(case(policy=policy, fault="x")).kind is VerdictKind.UNKNOWN
    assert (
        "configuration is invalid: x"
        in evaluate(case(policy=policy, fault="x", machine=machine(state=State.STOPPED))).reason
    )


@pytest.mark.parametrize("reason", list(ActionReason))
def test_invalid_configuration_prevents_every_stop(reason: ActionReason) -> None:
    assert unknowns(case(fault="x"), reason) == ["its configuration is invalid: x"]


@pytest.mark.parametrize("state", [State.RUNNING, State.STOPPED, State.STOPPED_BILLED])
@pytest.mark.parametrize("policy", [IdlePolicy(), IdlePolicy(enabled=False), IdlePolicy(lead=0, action=Action.NOTIFY)])
@pytest.mark.parametrize("tags", [{}, {"dormouse-keep": "yes"}])
def test_invalid_configuration_is_reported_in_every_state_and_nothing_is_done(
    state: State, policy: IdlePolicy, tags: dict[str, str]
) -> None:
    memory = remembered(state=state, lease=Lease(NOW - 3600, LeaseAction.STOP, "alice"))
    there = machine(state=state, tags=tags)
    one = case(machine=there, tracked=memory, policy=policy, fault="'Mon-Thur' is not like 'mon-fri'", schedule=ended(31))
    decision = decision_on(one)
    assert decision.action in (NextAction.NOTHING, NextAction.WITHDRAW)
    assert "'Mon-Thur'" in alarm(one, evaluate(one), decision)
    told = replace(one, tracked=replace(memory, alarmed_at=NOW - 3600))
    assert alarm(told, evaluate(told), decision_on(told)) == "", "once a day"


def test_an_overdue_action_is_reported_after_half_an_hour() -> None:
    blocked = scheduled(NOTHING_KNOWN_OUTSIDE["no answer"])
    decision = decision_on(blocked)
    for late, told in ((30 * MINUTE, False), (30 * MINUTE + 1, True)):
        assert bool(alarm(blocked, evaluate(blocked), replace(decision, due=NOW - late))) is told


def test_a_warning_without_a_following_stop_is_reported() -> None:
    given = NOW - 2 * 3600
    warned = PendingWarning("w", ActionReason.IDLE, "", given, given + 900, given)
    silent = case(tracked=remembered(warning=warned), evidence=quiet(heard_at=NOW - STALE - 1))
    decision = decision_on(silent)
    assert (decision.action, evaluate(silent).kind) == (NextAction.NOTHING, VerdictKind.UNKNOWN)
    assert "A warning was sent; it is not stopped" in alarm(silent, evaluate(silent), decision)


def test_hibernation_falls_back_to_deallocation_only_if_the_policy_says_so() -> None:
    twice = with_failure(with_failure(remembered(), NOW, hibernating=True), NOW, hibernating=True)
    memory = with_failure(twice, NOW, hibernating=True)
    for fallback, expected in (("keep", True), ("deallocate", False)):
        policy = IdlePolicy.model_validate({"action": "hibernate", "hibernate_fallback": fallback})
        there = machine(can_hibernate=True)
        assert case(machine=there, policy=policy, tracked=twice).hibernates
        assert case(machine=there, policy=policy, tracked=memory).hibernates is expected
    assert with_failure(remembered(), NOW).hibernation_failures == 0


@pytest.mark.parametrize("action", Action)
@pytest.mark.parametrize("able", [True, False])
@pytest.mark.parametrize("state", [State.RUNNING, State.STOPPED_BILLED])
def test_only_a_running_hibernatable_machine_hibernates_and_only_by_policy(action: Action, able: bool, state: State) -> None:
    one = case(policy=IdlePolicy(action=action), machine=machine(can_hibernate=able, state=state))
    assert one.hibernates is (action is Action.HIBERNATE and able and state is State.RUNNING)


@pytest.mark.parametrize(("able", "words"), [(True, "hibernated"), (False, "deallocated")])
def test_the_decision_text_says_whether_the_machine_is_hibernated(able: bool, words: str) -> None:
    idle = case(policy=IdlePolicy(action=Action.HIBERNATE), machine=machine(can_hibernate=able))
    assert words in decision_on(idle).then


@pytest.mark.parametrize(
    ("state", "provisioning", "words"),
    [
        (State.STARTING, "Succeeded", "Its state is changing: Azure reports that it is starting"),
        (State.UNKNOWN, "Succeeded", "Azure does not report whether it is running"),
        (
            State.UNKNOWN,
            "Failed",
            "Its last change failed, and Azure does not report whether it is running; it may be billed",
        ),
        (State.ABSENT, "", "Its VM does not exist"),
    ],
)
def test_an_unreported_power_state_is_shown_as_unknown(state: State, provisioning: str, words: str) -> None:
    verdict = evaluate(case(machine=machine(state=state, provisioning=provisioning)))
    assert (verdict.kind, words in verdict.reason) == (VerdictKind.UNKNOWN, True)
    assert ("state is changing" in verdict.reason) is (state is State.STARTING)


@pytest.mark.parametrize("name", ["logins", "connections"])
def test_a_session_without_input_is_not_reported_as_no_session(name: str) -> None:
    evidence = with_value(quiet(), "inside", name, 10, 2.0)
    sentence = evaluate(case(policy=IdlePolicy(sessions="active"), evidence=evidence)).reason
    assert "2 open sessions without input" in sentence
    assert "no sessions" in evaluate(case()).reason


def test_lateness_counts_from_the_agreed_time() -> None:
    decision = decision_on(scheduled(NOTHING_KNOWN_OUTSIDE["no answer"]))
    assert NOW - decision.due == pytest.approx(31 * MINUTE, abs=MINUTE)


def test_what_the_agent_has_not_reported_yet_forbids_a_stop_and_changes_no_verdict() -> None:
    late = case(evidence=quiet(behind=2))
    verdict, decision = decided(late)
    assert verdict.kind is VerdictKind.IDLE
    words = "its agent has reported nothing about the last 5 minutes"
    assert (decision.action, decision.blocked) == (NextAction.NOTHING, words)
    assert unknowns(late, ActionReason.SCHEDULE) == [words]
    open_warning = case(evidence=quiet(behind=1), tracked=remembered(warning=warned()))
    assert decision_on(open_warning).action is NextAction.NOTHING, "the warning is not withdrawn"
    assert decision_on(case()).action is NextAction.WARN
