"""Verdicts: no veto and no loss of data ever makes a machine idle."""

import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dormouse.clock import MINUTE
from dormouse.idle.evidence import STALE, Evaluation, TimeSeries
from dormouse.idle.policy import IdlePolicy
from dormouse.idle.schedule import read_schedule
from dormouse.idle.signals import GPU, HOST, INSIDE, Signal
from dormouse.idle.tracking import Hold
from dormouse.idle.verdict import VerdictKind, evaluate
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
    """Machines that are nearly idle: a few values are high or missing, and some of them are left alone for other reasons."""
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
def test_no_veto_makes_a_machine_idle(one: Evaluation, data: st.DataObject) -> None:
    side, signal = data.draw(st.sampled_from(SIGNALS))
    track = getattr(one.evidence, side)[signal.name]
    values = [*track.window, *track.recent]
    place = data.draw(st.integers(0, len(values) - 1))
    higher = (values[place] or 0.0) + data.draw(st.floats(0, 1e9))
    louder = replace(one, evidence=with_value(one.evidence, side, signal.name, place, higher))
    if values[place] is not None and evaluate(louder).kind is VerdictKind.IDLE:
        assert evaluate(one).kind is VerdictKind.IDLE


@given(cases(), st.data())
def test_no_loss_of_data_makes_a_machine_idle(one: Evaluation, data: st.DataObject) -> None:
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
def test_whole_weeks_change_nothing_but_dates(one: Evaluation, weeks: int) -> None:
    shift = weeks * WEEK
    there, known, seen = one.machine, one.tracked, one.evidence
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
def test_every_signal_at_its_limit_in_any_minute_keeps_a_machine_awake(side: str, signal: Signal, place: int) -> None:
    policy = IdlePolicy(kernels="alive", containers="running")
    limit = signal.limit(policy)
    if limit is None:
        high = with_value(quiet(), side, signal.name, place, 1e9)
        assert evaluate(case(policy=policy, evidence=high)).kind is VerdictKind.IDLE
        return
    at, below = (with_value(quiet(), side, signal.name, place, value) for value in (limit, limit * 0.999))
    assert evaluate(case(policy=policy, evidence=at)).kind is VerdictKind.BUSY
    assert evaluate(case(policy=policy, evidence=below)).kind is VerdictKind.IDLE


def test_what_speaks_against_sleep_is_no_less_than_this() -> None:
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
def test_what_is_newer_than_the_window_counts_too(signal: Signal, place: int) -> None:
    evidence = with_value(quiet(), "inside", signal.name, place, 1e9)
    assert evaluate(case(evidence=evidence)).kind is VerdictKind.BUSY


@pytest.mark.parametrize(
    ("side", "name"),
    [(side, signal.name) for side, signal in SIGNALS if signal.limit(IdlePolicy()) is not None],
)
@pytest.mark.parametrize("place", [0, 15, 29])
def test_a_single_minute_that_nobody_knows_keeps_a_machine_awake(side: str, name: str, place: int) -> None:
    verdict = evaluate(case(evidence=with_value(quiet(), side, name, place, None)))
    assert verdict.kind is VerdictKind.UNKNOWN
    assert "1 of 30 minutes" in verdict.reason


@pytest.mark.parametrize(("side", "name"), [("host", "cpu_percent"), ("inside", "jobs"), ("inside", "gpu_percent")])
def test_a_past_that_begins_within_the_window_is_not_all_of_it(side: str, name: str) -> None:
    evidence = quiet()
    tracks: dict[str, TimeSeries] = getattr(evidence, side)
    shorter = replace(tracks[name], window=tracks[name].window[2:])
    verdict = evaluate(case(evidence=with_tracks(evidence, side, {**tracks, name: shorter})))
    assert verdict.kind is VerdictKind.UNKNOWN
    assert "2 of 30 minutes" in verdict.reason


def test_minutes_that_may_still_be_on_their_way_need_not_be_known() -> None:
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
def test_what_keeps_a_machine_awake_is_said(changes: dict[str, Any], words: str) -> None:
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
def test_people_read_why_a_signal_is_missing(names: tuple[str, ...], problems: dict[str, str], words: str) -> None:
    evidence = quiet(problems=problems)
    assert evidence.inside is not None
    inside = {name: track for name, track in evidence.inside.items() if name not in names}
    verdict = evaluate(case(evidence=with_tracks(evidence, "inside", inside)))
    assert (verdict.kind, words in verdict.reason) == (VerdictKind.UNKNOWN, True), verdict.reason


def test_an_agent_that_reported_nothing_is_not_one_that_could_not_see() -> None:
    verdict = evaluate(case(evidence=quiet(inside={})))
    assert "its agent reported no data for 30 of 30 minutes" in verdict.reason


def test_what_is_exactly_as_old_as_allowed_is_not_stale() -> None:
    assert evaluate(case(evidence=quiet(heard_at=NOW - STALE, host_end=NOW - STALE))).kind is VerdictKind.IDLE


def test_a_gpu_that_only_the_agent_knows_of_must_be_known_all_the_same() -> None:
    evidence = with_value(quiet(gpu="ok"), "inside", "gpu_percent", 3, None)
    assert evaluate(case(machine=machine(size=CPU_ONLY), evidence=evidence)).kind is VerdictKind.UNKNOWN


@pytest.mark.parametrize("gpu", ["absent", "broken"])
def test_where_no_gpu_can_be_none_must_be_known(gpu: str) -> None:
    evidence = with_value(quiet(gpu=gpu), "inside", "gpu_percent", 3, None)
    assert evaluate(case(machine=machine(size=CPU_ONLY), evidence=evidence)).kind is VerdictKind.IDLE
    assert evaluate(case(evidence=evidence)).kind is VerdictKind.UNKNOWN


def test_a_machine_is_left_alone_for_its_grace_after_whatever_was_last() -> None:
    for young in (
        case(machine=machine(created=NOW - 29 * MINUTE)),
        case(tracked=remembered(state_since=NOW - 29 * MINUTE)),
        case(evidence=quiet(booted_at=NOW - 29 * MINUTE)),
    ):
        assert evaluate(young).kind is VerdictKind.YOUNG
        assert evaluate(replace(young, policy=IdlePolicy(grace=29))).kind is VerdictKind.YOUNG, "no window has passed"
        assert evaluate(replace(young, policy=IdlePolicy(grace=29), now=NOW + MINUTE)).kind is not VerdictKind.YOUNG


def test_what_keeps_a_machine_awake_longest_ago_and_most_convincingly_is_told_with_its_time() -> None:
    evidence = with_value(quiet(), "inside", "gpu_percent", 20, 88.0)
    evidence = with_value(evidence, "host", "cpu_percent", 29, 50.0)
    sentence = evaluate(case(evidence=evidence)).reason
    assert "GPU at 88 % (12 min ago)" in sentence
    assert sentence.index("GPU") < sentence.index("CPU")


@pytest.mark.parametrize(
    ("until", "kind"), [(NOW - 1, VerdictKind.IDLE), (NOW, VerdictKind.IDLE), (NOW + 1, VerdictKind.HELD)]
)
def test_a_hold_counts_until_its_moment(until: float, kind: VerdictKind) -> None:
    assert evaluate(case(hold=Hold("bob", "", LONG_AGO, until))).kind is kind


@pytest.mark.parametrize("unreadable", ["", "This release cannot read the row"])
def test_a_machine_at_rest_is_stopped_whatever_can_be_read(unreadable: str) -> None:
    assert evaluate(case(machine=machine(state=State.STOPPED), unreadable=unreadable)).kind is VerdictKind.STOPPED
    assert evaluate(case(unreadable=unreadable)).kind is (VerdictKind.UNKNOWN if unreadable else VerdictKind.IDLE)
