"""Verdicts: neither more activity nor missing data ever make a machine idle."""

import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dormouse.clock import MINUTE
from dormouse.idle.evidence import STALE, Evaluation, TimeSeries
from dormouse.idle.heartbeats.signals import GPU, HOST, INSIDE, Signal
from dormouse.idle.policy import IdlePolicy
from dormouse.idle.schedules.schedule import read_schedule
from dormouse.idle.tracking import Hold
from dormouse.idle.verdict import Verdict, VerdictKind, evaluate
from dormouse.lifecycle import State
from tests.unit.builders import (
    A100,
    CPU_ONLY,
    LONG_AGO,
    NOW,
    WEEK,
    case,
    machine,
    quiet,
    remembered,
    vm_of,
    with_tracks,
    with_value,
)

SIGNALS = [("host", signal) for signal in HOST] + [("inside", signal) for signal in INSIDE]
SPEAKING = [signal for signal in INSIDE if signal.limit(IdlePolicy()) is not None]
policies = st.builds(
    IdlePolicy,
    window=st.integers(5, 12),
    grace=st.sampled_from([0, 30]),
    gpu=st.sampled_from(["required", "optional"]),
    agent=st.sampled_from(["required", "optional"]),
    sessions=st.sampled_from(["connected", "active"]),
    kernels=st.sampled_from(["activity", "alive"]),
    containers=st.sampled_from(["activity", "running"]),
)


@st.composite
def cases(draw: st.DrawFn) -> Evaluation:
    """Machines that are nearly idle: a few values are high or missing, and some are left alone for other reasons."""
    policy = draw(policies)
    evidence = quiet(policy.window, heard_at=NOW - draw(st.sampled_from([0, 300, 601])))
    host_end = NOW - draw(st.sampled_from([180.0, 500.0, 700.0]))
    evidence = replace(evidence, host_end=host_end, gpu=draw(st.sampled_from(["ok", "ok", "broken"])))
    for _ in range(draw(st.integers(0, 3))):
        side, signal = draw(st.sampled_from(SIGNALS))
        places = policy.window + (3 if side == "inside" else 0)
        value = draw(st.none() | st.floats(0, 2e6))
        evidence = with_value(evidence, side, signal.name, draw(st.integers(0, places - 1)), value)
    hold = Hold("bob", "", NOW, NOW + draw(st.sampled_from([-100, 0, 100]))) if draw(st.booleans()) else None
    schedule = draw(st.sampled_from([None, read_schedule("mon-fri 07:00-09:00 UTC"), read_schedule("sun 07:00-09:00 UTC")]))
    state = draw(st.sampled_from([State.RUNNING] * 4 + [State.STOPPED, State.STOPPED_BILLED, State.STARTING]))
    created = draw(st.sampled_from([LONG_AGO, NOW - 600]))
    size, ephemeral = draw(st.sampled_from([A100, CPU_ONLY])), draw(st.booleans())
    there = machine(size=size, state=state, created=created, ephemeral_disk=ephemeral)
    return case(machine=there, policy=policy, evidence=evidence, hold=hold, schedule=schedule)


def gpu_is_evidence(one: Evaluation) -> bool:
    return one.policy.gpu == "required"


@given(cases(), st.data())
def test_more_activity_never_makes_a_machine_idle(one: Evaluation, data: st.DataObject) -> None:
    side, signal = data.draw(st.sampled_from(SIGNALS))
    track = getattr(one.evidence, side)[signal.name]
    values = [*track.window, *track.recent]
    place = data.draw(st.integers(0, len(values) - 1))
    higher = (values[place] or 0.0) + data.draw(st.floats(0, 1e9))
    louder = replace(one, evidence=with_value(one.evidence, side, signal.name, place, higher))
    if values[place] is not None and evaluate(louder).kind is VerdictKind.IDLE:
        assert evaluate(one).kind is VerdictKind.IDLE


@given(cases(), st.data())
def test_missing_data_never_make_a_machine_idle(one: Evaluation, data: st.DataObject) -> None:
    lost = one.evidence
    for _ in range(data.draw(st.integers(1, 4))):
        side, signal = data.draw(st.sampled_from(SIGNALS))
        if signal.name in GPU and not gpu_is_evidence(one):
            continue
        tracks = getattr(lost, side)
        match data.draw(st.sampled_from(["value", "signal", "beginning", "agent", "region", "problem"])):
            case "value" if signal.name in tracks and tracks[signal.name].window:
                place = data.draw(st.integers(0, len(tracks[signal.name].window) - 1))
                lost = with_value(lost, side, signal.name, place, None)
            case "signal":
                lost = with_tracks(lost, side, {name: track for name, track in tracks.items() if name != signal.name})
            case "beginning" if signal.name in tracks:
                shorter = replace(tracks[signal.name], window=tracks[signal.name].window[1:])
                lost = with_tracks(lost, side, {**tracks, signal.name: shorter})
            case "agent":
                lost = replace(lost, heard_at=lost.heard_at - data.draw(st.floats(0, 3600)))
            case "region":
                lost = replace(lost, host_end=lost.host_end - data.draw(st.floats(0, 3600)))
            case "problem":
                lost = replace(lost, host_problem="it cannot be reached", host={})
    if evaluate(replace(one, evidence=lost)).kind is VerdictKind.IDLE:
        assert evaluate(one).kind is VerdictKind.IDLE


@given(cases(), st.integers(-100, 100))
def test_shifting_by_whole_weeks_does_not_change_the_verdict(one: Evaluation, weeks: int) -> None:
    shift = weeks * WEEK
    there, known, seen = vm_of(one), one.tracked, one.evidence
    later = replace(
        one,
        now=one.now + shift,
        machine=replace(there, created=there.created + shift),
        tracked=replace(known, first_seen=known.first_seen + shift, state_since=known.state_since + shift),
        hold=one.hold and replace(one.hold, until=one.hold.until + shift),
        evidence=replace(
            seen, host_end=seen.host_end + shift, heard_at=seen.heard_at + shift, booted_at=seen.booted_at + shift
        ),
    )
    now, then = evaluate(one), evaluate(later)
    assert (now.kind, now.numbers) == (then.kind, then.numbers)
    dates = re.compile(r"\d{4}-\d\d-\d\d")
    assert dates.sub("", now.reason) == dates.sub("", then.reason)


@pytest.mark.parametrize(("side", "signal"), [pytest.param(*one, id=f"{one[0]} {one[1].name}") for one in SIGNALS])
@pytest.mark.parametrize("place", [0, 15, 29])
def test_any_signal_at_its_limit_in_any_minute_prevents_idle(side: str, signal: Signal, place: int) -> None:
    policy = IdlePolicy(kernels="alive", containers="running")
    limit = signal.limit(policy)
    if limit is None:
        high = with_value(quiet(), side, signal.name, place, 1e9)
        assert evaluate(case(policy=policy, evidence=high)).kind is VerdictKind.IDLE
        return
    at, below = (with_value(quiet(), side, signal.name, place, value) for value in (limit, limit * 0.999))
    assert evaluate(case(policy=policy, evidence=at)).kind is VerdictKind.BUSY
    assert evaluate(case(policy=policy, evidence=below)).kind is VerdictKind.IDLE


def test_the_signals_that_prevent_idle_are_complete() -> None:
    work = {"jobs", "gpu_percent", "gpu_processes", "kernels_busy", "kernels_active", "terminal_jobs", "batch_jobs"}
    people = {"terminals_active", "logins", "connections"}
    load = {"cpu_percent", "cpu_cores", "network_bytes_per_second", "disk_bytes_per_second"}
    assert {signal.name for signal in SPEAKING} == work | people | load
    assert {signal.name for signal in HOST} == load - {"cpu_cores"}
    brisk = IdlePolicy(sessions="active")
    spoken = (work | people | load) - {"logins", "connections"} | {"sessions_opaque"}
    assert {signal.name for signal in INSIDE if signal.limit(brisk) is not None} == spoken


@pytest.mark.parametrize("signal", SPEAKING, ids=lambda one: one.name)
@pytest.mark.parametrize("place", [30, 31, 32])
def test_minutes_newer_than_the_window_count_too(signal: Signal, place: int) -> None:
    evidence = with_value(quiet(), "inside", signal.name, place, 1e9)
    assert evaluate(case(evidence=evidence)).kind is VerdictKind.BUSY


@pytest.mark.parametrize(
    ("side", "name"),
    [(side, signal.name) for side, signal in SIGNALS if signal.limit(IdlePolicy()) is not None],
)
@pytest.mark.parametrize("place", [0, 15, 29])
def test_a_single_unknown_minute_prevents_idle(side: str, name: str, place: int) -> None:
    verdict = evaluate(case(evidence=with_value(quiet(), side, name, place, None)))
    assert verdict.kind is VerdictKind.UNKNOWN
    assert "1 of 30 minutes" in verdict.reason


@pytest.mark.parametrize(("side", "name"), [("host", "cpu_percent"), ("inside", "jobs"), ("inside", "gpu_percent")])
def test_data_that_begin_within_the_window_are_incomplete(side: str, name: str) -> None:
    evidence = quiet()
    tracks: dict[str, TimeSeries] = getattr(evidence, side)
    shorter = replace(tracks[name], window=tracks[name].window[2:])
    verdict = evaluate(case(evidence=with_tracks(evidence, side, {**tracks, name: shorter})))
    assert verdict.kind is VerdictKind.UNKNOWN
    assert "2 of 30 minutes" in verdict.reason


def test_minutes_that_may_still_arrive_are_not_required() -> None:
    evidence = quiet()
    for place in (30, 31, 32):
        evidence = with_value(evidence, "inside", "gpu_percent", place, None)
    assert evaluate(case(evidence=evidence)).kind is VerdictKind.IDLE


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"heard_at": NOW - STALE - 1}, "its agent last reported 10 minutes ago"),
        ({"host_end": NOW - STALE - 1}, "Azure Monitor has returned no data"),
        ({"host_problem": "Azure Monitor is overloaded"}, "Azure Monitor is overloaded"),
        ({"host": {}}, "no data for 30 of 30 minutes"),
        ({"inside": None}, "no agent reports its GPU usage"),
        ({"inside": {}}, "for 30 of 30 minutes"),
    ],
)
def test_the_reason_for_unknown_is_stated(changes: dict[str, Any], words: str) -> None:
    verdict = evaluate(case(evidence=quiet(**changes)))
    assert (verdict.kind, words in verdict.reason) == (VerdictKind.UNKNOWN, True), verdict.reason


@pytest.mark.parametrize(
    ("names", "problems", "words"),
    [
        (("kernels_busy",), {}, "its agent could not observe notebook kernels for 30 of 30 minutes."),
        (
            ("kernels_active", "kernels_busy", "logins"),
            {"logins": "there is no utmp.", "jobs": "of another time"},
            "its agent could not observe logins for 30 of 30 minutes (there is no utmp).",
        ),
        (
            ("kernels_busy",),
            {"kernels_busy": "the Jupyter server on port 8888 answers 403"},
            "notebook kernels for 30 of 30 minutes (the Jupyter server on port 8888 answers 403).",
        ),
        (("cpu_cores",), {}, "could not observe the CPU for 30"),
        (("gpu_percent",), {"gpu_percent": "[N/A]"}, "its GPU usage is unknown for 30 of 30 minutes ([N/A])."),
        (("gpu_processes",), {"gpu_percent": "x"}, "its GPU usage is unknown for 30 of 30 minutes."),
    ],
)
def test_the_reason_for_a_missing_signal_is_stated(names: tuple[str, ...], problems: dict[str, str], words: str) -> None:
    evidence = quiet(problems=problems)
    assert evidence.inside is not None
    inside = {name: track for name, track in evidence.inside.items() if name not in names}
    verdict = evaluate(case(evidence=with_tracks(evidence, "inside", inside)))
    assert (verdict.kind, words in verdict.reason) == (VerdictKind.UNKNOWN, True), verdict.reason


def test_an_agent_without_reports_is_distinguished_from_missing_signals() -> None:
    verdict = evaluate(case(evidence=quiet(inside={})))
    assert "its agent reported no data for 30 of 30 minutes" in verdict.reason


def test_data_at_the_age_limit_are_not_stale() -> None:
    assert evaluate(case(evidence=quiet(heard_at=NOW - STALE, host_end=NOW - STALE))).kind is VerdictKind.IDLE


def test_a_gpu_reported_only_by_the_agent_must_be_measured_too() -> None:
    evidence = with_value(quiet(gpu="ok"), "inside", "gpu_percent", 3, None)
    assert evaluate(case(machine=machine(size=CPU_ONLY), evidence=evidence)).kind is VerdictKind.UNKNOWN


@pytest.mark.parametrize("gpu", ["absent", "broken"])
def test_gpu_data_are_not_required_for_sizes_without_a_gpu(gpu: str) -> None:
    evidence = with_value(quiet(gpu=gpu), "inside", "gpu_percent", 3, None)
    assert evaluate(case(machine=machine(size=CPU_ONLY), evidence=evidence)).kind is VerdictKind.IDLE
    assert evaluate(case(evidence=evidence)).kind is VerdictKind.UNKNOWN


def test_the_grace_counts_from_the_latest_of_creation_start_and_boot() -> None:
    for young in (
        case(machine=machine(created=NOW - 29 * MINUTE)),
        case(tracked=remembered(state_since=NOW - 29 * MINUTE)),
        case(evidence=quiet(booted_at=NOW - 29 * MINUTE)),
    ):
        assert evaluate(young).kind is VerdictKind.YOUNG
        assert evaluate(replace(young, policy=IdlePolicy(grace=29))).kind is VerdictKind.YOUNG, "no window has passed"
        assert evaluate(replace(young, policy=IdlePolicy(grace=29), now=NOW + MINUTE)).kind is not VerdictKind.YOUNG


def test_the_strongest_signal_is_stated_first_with_its_age() -> None:
    evidence = with_value(quiet(), "inside", "gpu_percent", 20, 88.0)
    evidence = with_value(evidence, "host", "cpu_percent", 29, 50.0)
    sentence = evaluate(case(evidence=evidence)).reason
    assert "GPU at 88 % (12 min ago)" in sentence
    assert sentence.index("GPU") < sentence.index("CPU")


@pytest.mark.parametrize(
    ("until", "kind"), [(NOW - 1, VerdictKind.IDLE), (NOW, VerdictKind.IDLE), (NOW + 1, VerdictKind.HELD)]
)
def test_a_hold_applies_until_its_end(until: float, kind: VerdictKind) -> None:
    assert evaluate(case(hold=Hold("bob", "", LONG_AGO, until))).kind is kind


@pytest.mark.parametrize("unreadable", ["", "This release cannot read the row"])
def test_a_deallocated_machine_is_stopped_even_if_its_records_are_unreadable(unreadable: str) -> None:
    assert evaluate(case(machine=machine(state=State.STOPPED), unreadable=unreadable)).kind is VerdictKind.STOPPED
    assert evaluate(case(unreadable=unreadable)).kind is (VerdictKind.UNKNOWN if unreadable else VerdictKind.IDLE)


STOPPED = machine(state=State.STOPPED)
ALWAYS_ON = read_schedule("mon-sun 00:00-24:00 UTC")
OTHERS = "Not managed by Dormouse: it belongs to a scale set or a service that starts and stops its own machines."
DEALLOCATED = "Deallocated: only its disks and addresses are billed."
HELD = Verdict(VerdictKind.HELD, "On hold until 2027-01-15 08:01 UTC by bob: a demo.", {"held_for_minutes": 1})


@pytest.mark.parametrize(
    ("seen", "verdict"),
    [
        (
            case(unreadable="This release cannot read the row"),
            Verdict(VerdictKind.UNKNOWN, "Not stopped or started. This release cannot read the row."),
        ),
        (case(machine=machine(managed_by_others=True)), Verdict(VerdictKind.UNMANAGED, OTHERS)),
        (case(machine=STOPPED), Verdict(VerdictKind.STOPPED, DEALLOCATED)),
        (
            case(machine=STOPPED, fault="x"),
            Verdict(VerdictKind.STOPPED, f"{DEALLOCATED} Not stopped or started while its configuration is invalid: x."),
        ),
        (
            case(machine=machine(state=State.ABSENT)),
            Verdict(
                VerdictKind.UNKNOWN, "Its VM does not exist: it was deleted outside Dormouse, or has not been created yet."
            ),
        ),
        (
            case(machine=machine(state=State.CREATING)),
            Verdict(VerdictKind.UNKNOWN, "Its state is changing: Azure reports that it is being created."),
        ),
        (
            case(machine=machine(state=State.STOPPING)),
            Verdict(VerdictKind.UNKNOWN, "Its state is changing: Azure reports that it is stopping."),
        ),
        (
            case(machine=machine(state=State.DELETING)),
            Verdict(VerdictKind.UNKNOWN, "Its state is changing: Azure reports that it is being deleted."),
        ),
        (
            case(machine=machine(state=State.UNKNOWN, provisioning="Succeeded")),
            Verdict(
                VerdictKind.UNKNOWN,
                "Azure does not report whether it is running. Check its resource health in the Azure portal.",
            ),
        ),
        (
            case(machine=machine(state=State.UNKNOWN, provisioning="FAILED")),
            Verdict(
                VerdictKind.UNKNOWN,
                "Its last change failed, and Azure does not report whether it is running; it may be billed. "
                "Check the failed change in the Azure portal, then start or delete the VM.",
            ),
        ),
        (
            case(fault="x"),
            Verdict(VerdictKind.UNKNOWN, "Not stopped or started while its configuration is invalid: x."),
        ),
        (
            case(policy=IdlePolicy(enabled=False)),
            Verdict(VerdictKind.UNMANAGED, "Idle shutdown is not enabled for it (tag dormouse-idle)."),
        ),
        (case(hold=Hold("bob", "a demo", NOW, NOW + 80)), HELD),
        (case(hold=Hold("bob", "", NOW, NOW + 80)), replace(HELD, reason="On hold until 2027-01-15 08:01 UTC by bob.")),
        (
            case(machine=machine(state=State.STOPPED_BILLED)),
            Verdict(
                VerdictKind.STOPPED_BILLED,
                "Shut down from inside but not deallocated: it is billed as if it were running.",
            ),
        ),
        (
            case(machine=machine(ephemeral_disk=True)),
            Verdict(
                VerdictKind.UNSTOPPABLE,
                "Its OS disk is ephemeral: Azure cannot deallocate it without losing the data on the disk.",
            ),
        ),
        (
            case(schedule=read_schedule("fri 08:00-17:30 UTC")),
            Verdict(VerdictKind.SCHEDULED_ON, "Its schedule keeps it on until 2027-01-15 17:30 UTC."),
        ),
        (case(schedule=ALWAYS_ON), Verdict(VerdictKind.SCHEDULED_ON, "Its schedule keeps it on.")),
        (
            case(machine=machine(created=NOW - 10 * MINUTE - 20)),
            Verdict(
                VerdictKind.YOUNG,
                "Started 10 minutes ago; not stopped for idleness before 2027-01-15 08:19 UTC.",
                {"left_alone_for_minutes": 19.7},
            ),
        ),
    ],
    ids=lambda value: str(value.kind) if isinstance(value, Verdict) else "",
)
def test_every_verdict_says_why_and_what_to_do(seen: Evaluation, verdict: Verdict) -> None:
    assert evaluate(seen) == verdict


# In the order of precedence: each of these also applies to the machine to which all later ones apply.
PRECEDENCE: list[tuple[dict[str, Any], dict[str, Any], VerdictKind]] = [
    ({"unreadable": "x"}, {}, VerdictKind.UNKNOWN),
    ({}, {"tags": {"dormouse-keep": ""}}, VerdictKind.UNMANAGED),
    ({"fault": "x"}, {}, VerdictKind.UNKNOWN),
    ({"policy": IdlePolicy(enabled=False)}, {}, VerdictKind.UNMANAGED),
    ({"hold": Hold("bob", "", NOW, NOW + 60)}, {}, VerdictKind.HELD),
    ({}, {"ephemeral_disk": True}, VerdictKind.UNSTOPPABLE),
    ({"schedule": ALWAYS_ON}, {}, VerdictKind.SCHEDULED_ON),
    ({}, {"created": NOW}, VerdictKind.YOUNG),
    ({"evidence": with_value(quiet(host={}), "inside", "gpu_percent", 9, 99.0)}, {}, VerdictKind.BUSY),
]


@pytest.mark.parametrize("first", range(len(PRECEDENCE)))
def test_the_first_rule_that_applies_decides(first: int) -> None:
    fields: dict[str, Any] = {}
    about: dict[str, Any] = {}
    for more, of_machine, _ in PRECEDENCE[first:]:
        fields, about = {**fields, **more}, {**about, **of_machine}
    assert evaluate(case(machine=machine(**about), **fields)).kind is PRECEDENCE[first][2]


def test_a_shutdown_from_inside_is_reported_whatever_its_disk_and_schedule_are_but_not_during_a_hold() -> None:
    billed = machine(state=State.STOPPED_BILLED, ephemeral_disk=True)
    assert evaluate(case(machine=billed, schedule=ALWAYS_ON)).kind is VerdictKind.STOPPED_BILLED
    assert evaluate(case(machine=billed, hold=Hold("bob", "", NOW, NOW + 60))).kind is VerdictKind.HELD


def test_a_machine_that_was_first_seen_a_moment_ago_is_not_taken_for_one_that_was_started_then() -> None:
    met = case(tracked=remembered(first_seen=NOW - MINUTE, state_since=NOW - MINUTE))
    assert evaluate(met).kind is VerdictKind.IDLE


def test_the_longer_one_of_grace_and_window_keeps_a_started_machine_on_to_the_second() -> None:
    for policy in (IdlePolicy(grace=60), IdlePolicy(window=60, grace=0)):
        for started, kind in ((NOW - 3599, VerdictKind.YOUNG), (NOW - 3600, VerdictKind.IDLE)):
            assert evaluate(case(machine=machine(created=started), policy=policy)).kind is kind


def test_the_three_most_convincing_signals_are_named_with_their_times_and_all_peaks_are_recorded() -> None:
    evidence = with_value(quiet(), "inside", "jobs", 32, 1.0)
    evidence = with_value(evidence, "inside", "gpu_percent", 29, 88.0)
    evidence = with_value(evidence, "inside", "gpu_processes", 30, 2.0)
    evidence = with_value(evidence, "host", "cpu_percent", 29, 50.0)
    verdict = evaluate(case(evidence=evidence))
    assert verdict.reason == "In use: 1 job marker; GPU at 88 % (3 min ago); 2 programs using a GPU (2 min ago)."
    busy = {name: value for name, value in verdict.numbers.items() if value}
    assert busy == {"jobs": 1.0, "gpu_percent": 88.0, "gpu_processes": 2.0, "cpu_percent": 50.0}


def test_all_kinds_of_missing_data_are_named() -> None:
    verdict = evaluate(case(evidence=quiet(host_problem="Azure Monitor is overloaded", heard_at=NOW - 3600, inside={})))
    silent, reported = "its agent last reported 60 minutes ago", "its GPU usage is unknown for 30 of 30 minutes"
    assert verdict.reason == f"Kept running, because Azure Monitor is overloaded; {silent}; {reported}."
    assert "gpu_percent" not in verdict.numbers


def test_the_peaks_of_an_idle_machine_are_in_its_reason() -> None:
    evidence = quiet()
    for side, name, value in (
        ("inside", "gpu_percent", 2.0),
        ("inside", "cpu_percent", 3.0),
        ("host", "cpu_percent", 4.0),
        ("host", "network_bytes_per_second", 1500.0),
    ):
        evidence = with_value(evidence, side, name, 3, value)
    verdict = evaluate(case(evidence=evidence))
    assert verdict.reason == "Idle for 30 minutes: GPU <= 2 %, CPU <= 4 %, network <= 2 kB/s, no sessions."
    peaks = {name: value for name, value in verdict.numbers.items() if value}
    assert peaks == {"gpu_percent": 2.0, "cpu_percent": 4.0, "network_bytes_per_second": 1500.0}


def test_an_idle_machine_without_an_agent_says_that_sessions_are_not_observed() -> None:
    verdict = evaluate(case(machine=machine(size=CPU_ONLY), evidence=replace(quiet(), inside=None, gpu="")))
    unobserved = "no agent (sessions are not observed)"
    assert verdict.reason == f"Idle for 30 minutes: CPU <= 0 %, network <= 0 B/s, {unobserved}."
    waived = case(policy=IdlePolicy(window=20), evidence=quiet(20))
    assert evaluate(waived).reason == "Idle for 20 minutes: GPU <= 0 %, CPU <= 0 %, network <= 0 B/s, no sessions."


@pytest.mark.parametrize(
    ("names", "words"), [(("logins",), "no sessions"), (("logins", "connections"), "sessions are not observed")]
)
def test_sessions_that_the_policy_does_not_require_may_be_unobserved(names: tuple[str, ...], words: str) -> None:
    evidence = quiet()
    assert evidence.inside is not None
    inside = {name: track for name, track in evidence.inside.items() if name not in names}
    verdict = evaluate(case(policy=IdlePolicy(sessions="active"), evidence=with_tracks(evidence, "inside", inside)))
    assert verdict.reason == f"Idle for 30 minutes: GPU <= 0 %, CPU <= 0 %, network <= 0 B/s, {words}."


def test_verdicts_are_the_words_of_the_api() -> None:
    states = {"unmanaged", "stopped", "stopped_billed", "unstoppable", "evicted", "blocked"}
    assert set(VerdictKind) == states | {"busy", "idle", "unknown", "held", "young", "scheduled_on"}


@pytest.mark.parametrize(
    ("peaks", "words"),
    [
        ({"kernels": 1.0}, "no sessions. Stopping it ends 1 notebook kernel."),
        ({"containers": 2.0}, "no sessions. Stopping it ends 2 containers."),
        ({"kernels": 2.0, "containers": 1.0}, "no sessions. Stopping it ends 2 notebook kernels and 1 container."),
        ({"logins": 1.0, "connections": 3.0}, "3 open sessions without input."),
        ({"logins": 1.0}, "1 open session without input."),
    ],
)
def test_what_a_stop_would_end_is_in_the_reason(peaks: dict[str, float], words: str) -> None:
    evidence = quiet()
    for name, value in peaks.items():
        evidence = with_value(evidence, "inside", name, 5, value)
    verdict = evaluate(case(policy=IdlePolicy(sessions="active"), evidence=evidence))
    assert verdict.reason == f"Idle for 30 minutes: GPU <= 0 %, CPU <= 0 %, network <= 0 B/s, {words}"


@pytest.mark.parametrize(
    "state", [state for state in State if state not in (State.RUNNING, State.STOPPED_BILLED, State.STOPPED)]
)
def test_whatever_is_not_known_to_run_is_not_judged(state: State) -> None:
    assert evaluate(case(machine=machine(state=state), evidence=quiet())).kind is VerdictKind.UNKNOWN
