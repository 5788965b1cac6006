"""Evidence: how measurements are aligned with the minutes of the window, and which missing data is reported."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from dormouse.clock import MINUTE
from dormouse.idle.evidence import Evaluation, Evidence, TimeSeries, missing, numbers, tracks
from dormouse.idle.heartbeats.agent_evidence import first_minute, with_agent
from dormouse.idle.heartbeats.agent_record import AgentRecord
from dormouse.idle.heartbeats.signals import HOST, INSIDE, Values
from dormouse.idle.policy import IdlePolicy
from tests.unit.builders import A100, CPU_ONLY, IDENTIFIER, LONG_AGO, NOW, case, machine, quiet, with_tracks, with_value

SCALE_SET = "Not managed by Dormouse: it belongs to a scale set or a service that starts and stops its own machines."
KEPT = "Not managed by Dormouse: it is excluded by its tag dormouse-keep."
NOTHING_FROM_AZURE = "Azure Monitor has returned no data for more than 10 minutes"


def test_the_peak_and_the_missing_minutes_of_a_series() -> None:
    series = TimeSeries((None, 3.0, None), (7.0, None, 1.0))
    assert (series.peak, series.missing) == (7.0, 2)
    assert (replace(series, recent=()).peak, replace(series, recent=()).missing) == (3.0, 2)
    assert (TimeSeries().peak, TimeSeries().missing) == (None, 0)
    assert (TimeSeries((None,)).peak, TimeSeries((-1.0,)).peak) == (None, -1.0)
    assert (TimeSeries((0.0, None)).peak, TimeSeries((None,), (None, 0.0)).peak) == (0.0, 0.0)


@pytest.mark.parametrize(("limit", "ago"), [(1.0, 0), (1.5, 2), (7.0, 2), (7.1, 4), (9.0, 4), (9.1, None)])
def test_a_limit_was_last_reached_so_many_minutes_before_the_newest_one(limit: float, ago: int | None) -> None:
    assert TimeSeries((8.0, 9.0, None), (7.0, None, 1.0)).last_at(limit) == ago


@pytest.mark.parametrize(
    ("value", "why"),
    [("", KEPT), ("yes", KEPT), ("0", KEPT), ("off", ""), (" OFF ", ""), ("False", ""), ("no", "")],
)
def test_the_keep_tag_excludes_a_machine_unless_it_says_no(value: str, why: str) -> None:
    assert case(machine=machine(tags={"dormouse-keep": value})).hands_off == why


def test_a_machine_of_a_scale_set_is_excluded_whatever_its_tags_are() -> None:
    assert case().hands_off == ""
    assert case(machine=machine(managed_by_others=True)).hands_off == SCALE_SET
    assert case(machine=machine(managed_by_others=True, tags={"dormouse-keep": "yes"})).hands_off == SCALE_SET


def test_the_present_moment_is_in_utc() -> None:
    assert case().clock == datetime(2027, 1, 15, 8, tzinfo=UTC)
    assert case().clock.tzinfo is UTC


@pytest.mark.parametrize("second", [0.0, 59.0])
def test_the_window_ends_three_minutes_ago_and_newer_minutes_are_recent(second: float) -> None:
    present = int(NOW // MINUTE)
    minutes: dict[int, Values] = {present - ago: (float(ago),) for ago in range(1, 8)}
    record = AgentRecord(
        IDENTIFIER, NOW, LONG_AGO, "1.0", "broken", "no driver", names=("jobs",), minutes=minutes, problems={"jobs": "x"}
    )
    before = Evidence(host={"cpu_percent": TimeSeries((1.0,))}, host_end=NOW - 60, host_problem="of Azure Monitor")
    assert with_agent(before, record, 5, NOW + second) == replace(
        before,
        inside={"jobs": TimeSeries((None, 7.0, 6.0, 5.0, 4.0), (3.0, 2.0, 1.0, None))},
        heard_at=NOW,
        booted_at=LONG_AGO,
        gpu="broken",
        gpu_problem="no driver",
        problems={"jobs": "x"},
    )


@pytest.mark.parametrize(
    ("newest", "behind", "window", "recent"),
    [
        (4, 0, (8.0, 7.0, 6.0, 5.0, 4.0), (None, None, None, None)),
        (5, 1, (9.0, 8.0, 7.0, 6.0, 5.0), (None,) * 5),
        (9, 5, (13.0, 12.0, 11.0, 10.0, 9.0), (None,) * 9),
        (10, 5, (13.0, 12.0, 11.0, 10.0, None), (None,) * 9),  # later than an interval: the minute is missing
    ],
)
def test_the_window_ends_with_the_newest_reported_minute_but_at_most_one_interval_early(
    newest: int, behind: int, window: Values, recent: Values
) -> None:
    present = int(NOW // MINUTE)
    minutes: dict[int, Values] = {present - ago: (float(ago),) for ago in range(newest, 20)}
    record = AgentRecord(IDENTIFIER, NOW, LONG_AGO, names=("jobs",), minutes=minutes)
    found = with_agent(Evidence(), record, 5, NOW)
    assert (found.behind, found.inside) == (behind, {"jobs": TimeSeries(window, recent)})
    assert first_minute(5, NOW) == present - 13


def test_what_the_agent_reports_comes_before_what_azure_monitor_measures() -> None:
    every = [*INSIDE, *HOST]
    assert [signal for signal, _ in tracks(case())] == every
    assert [signal for signal, _ in tracks(case(evidence=quiet(inside=None)))] == list(HOST)
    without_jobs = {signal.name: TimeSeries() for signal in INSIDE if signal.name != "jobs"}
    assert [signal for signal, _ in tracks(case(evidence=quiet(inside=without_jobs)))] == every[1:]
    evidence = with_value(with_value(quiet(), "inside", "cpu_percent", 0, 1.0), "host", "cpu_percent", 0, 2.0)
    assert [track.peak for signal, track in tracks(case(evidence=evidence)) if signal.name == "cpu_percent"] == [1.0, 2.0]


@pytest.mark.parametrize(
    ("inside", "host", "peak"), [(2.26, 1.0, 2.3), (1.0, 2.24, 2.2), (2.0, None, 2.0), (None, 2.0, 2.0)]
)
def test_the_higher_peak_of_both_sides_is_recorded(inside: float | None, host: float | None, peak: float) -> None:
    evidence = quiet(host={"cpu_percent": TimeSeries((host,))}, inside={"cpu_percent": TimeSeries((inside,))})
    assert numbers(case(evidence=evidence)) == {"cpu_percent": peak}


def test_a_signal_without_values_has_no_peak() -> None:
    evidence = quiet(host={}, inside={"jobs": TimeSeries((None,)), "logins": TimeSeries((0.0,))})
    assert numbers(case(evidence=evidence)) == {"logins": 0.0}


def shortened(evidence: Evidence, side: str, name: str, minutes: int) -> Evidence:
    """The evidence with a series that begins so many minutes later."""
    series: dict[str, TimeSeries] = getattr(evidence, side)
    track = series[name]
    return with_tracks(evidence, side, {**series, name: replace(track, window=track.window[minutes:])})


def test_series_that_are_longer_than_the_window_miss_nothing() -> None:
    assert missing(case(evidence=quiet(45))) == []


def test_without_any_data_every_time_is_never_and_every_text_is_empty() -> None:
    assert Evidence() == Evidence({}, 0.0, "", None, 0.0, 0.0, "", "", {})


def without(evidence: Evidence, *names: str) -> Evidence:
    assert evidence.inside is not None
    return with_tracks(evidence, "inside", {name: track for name, track in evidence.inside.items() if name not in names})


def on(size: str, evidence: Evidence, **policy: Any) -> Evaluation:
    return case(machine=machine(size=size), evidence=evidence, policy=IdlePolicy(**policy))


@pytest.mark.parametrize(
    ("evidence", "phrases"),
    [
        (quiet(), []),
        (quiet(host_problem="Azure Monitor is overloaded", host_end=0.0), ["Azure Monitor is overloaded"]),
        (quiet(host_end=NOW - 600), []),
        (quiet(host_end=NOW - 601), [NOTHING_FROM_AZURE]),
        (quiet(host={}), ["Azure Monitor has no data for 30 of 30 minutes"]),
        (
            shortened(with_value(quiet(), "host", "cpu_percent", 3, None), "host", "disk_bytes_per_second", 2),
            ["Azure Monitor has no data for 2 of 30 minutes"],
        ),
        (
            shortened(with_value(quiet(), "host", "cpu_percent", 9, None), "host", "cpu_percent", 2),
            ["Azure Monitor has no data for 3 of 30 minutes"],
        ),
        (quiet(heard_at=NOW - 600), []),
        (quiet(heard_at=NOW - 660), ["its agent last reported 11 minutes ago"]),
        (without(quiet(), "gpu_watts", "kernels", "containers", "sessions_opaque"), []),  # not required by this policy
        (without(quiet(), "jobs"), ["its agent could not observe jobs for 30 of 30 minutes"]),
        (without(quiet(), "terminals_active"), ["its agent could not observe input in terminals for 30 of 30 minutes"]),
        (
            with_value(without(quiet(), "jobs"), "inside", "logins", 3, None),
            ["its agent could not observe jobs for 30 of 30 minutes"],
        ),
        (
            without(quiet(problems={"logins": "there is no utmp."}), "jobs", "logins"),
            ["its agent could not observe logins for 30 of 30 minutes (there is no utmp)"],
        ),
        (
            with_value(without(quiet(problems={"logins": "x"}), "jobs"), "inside", "logins", 3, None),
            ["its agent could not observe jobs for 30 of 30 minutes"],
        ),
        (without(quiet(), "gpu_processes"), ["its GPU usage is unknown for 30 of 30 minutes"]),
        (
            without(quiet(problems={"gpu_processes": "[N/A]."}), "gpu_processes", "gpu_percent"),
            ["its GPU usage is unknown for 30 of 30 minutes ([N/A])"],
        ),
        (
            without(quiet(gpu="broken", gpu_problem="exit status 9"), "gpu_percent"),
            ["its GPU usage is unknown for 30 of 30 minutes (exit status 9)"],
        ),
        (
            without(quiet(gpu="absent"), "gpu_percent"),
            ["its GPU usage is unknown for 30 of 30 minutes (nvidia-smi finds no GPU)"],
        ),
        (
            without(quiet(gpu="ok", gpu_problem="of another time"), "gpu_percent"),
            ["its GPU usage is unknown for 30 of 30 minutes"],
        ),
        (
            with_value(without(quiet(problems={"gpu_percent": "x"}), "gpu_processes"), "inside", "gpu_percent", 3, None),
            ["its GPU usage is unknown for 30 of 30 minutes"],
        ),
        (
            with_value(without(quiet(), "gpu_percent"), "inside", "gpu_processes", 3, None),
            ["its GPU usage is unknown for 30 of 30 minutes"],
        ),
        (
            without(quiet(problems={"gpu_processes": "a", "gpu_percent": "b"}), "gpu_processes", "gpu_percent"),
            ["its GPU usage is unknown for 30 of 30 minutes (b)"],
        ),
        (quiet(inside=None), ["no agent reports its GPU usage"]),
        (
            quiet(inside={}, host_end=0.0),
            [
                NOTHING_FROM_AZURE,
                "its agent reported no data for 30 of 30 minutes",
                "its GPU usage is unknown for 30 of 30 minutes",
            ],
        ),
        (
            replace(
                quiet(problems={"kernels_busy": "Jupyter answers 403"}), inside={"gpu_percent": TimeSeries((0.0,) * 29)}
            ),
            [
                "its agent could not observe notebook kernels for 30 of 30 minutes (Jupyter answers 403)",
                "its GPU usage is unknown for 30 of 30 minutes",
            ],
        ),
    ],
)
def test_every_kind_of_missing_data_is_one_phrase(evidence: Evidence, phrases: list[str]) -> None:
    assert missing(on(A100, evidence)) == phrases


@pytest.mark.parametrize(
    ("size", "evidence", "policy", "phrases"),
    [
        (CPU_ONLY, quiet(inside=None, gpu=""), {}, []),
        (
            CPU_ONLY,
            quiet(inside=None, gpu=""),
            {"agent": "required"},
            ["its policy requires an agent, but no agent has reported"],
        ),
        (
            A100,
            quiet(inside=None, gpu=""),
            {"agent": "required"},
            ["its policy requires an agent, but no agent has reported", "no agent reports its GPU usage"],
        ),
        (A100, quiet(inside=None, gpu=""), {"gpu": "optional"}, []),
        (CPU_ONLY, without(quiet(gpu="broken"), "gpu_percent"), {}, []),
        (CPU_ONLY, without(quiet(gpu="ok"), "gpu_percent"), {}, ["its GPU usage is unknown for 30 of 30 minutes"]),
        (A100, without(quiet(), "gpu_percent"), {"gpu": "optional"}, []),
        (
            CPU_ONLY,
            without(quiet(gpu="absent"), "containers"),
            {"containers": "running"},
            ["its agent could not observe containers for 30 of 30 minutes"],
        ),
    ],
)
def test_the_policy_and_the_size_decide_which_data_is_required(
    size: str, evidence: Evidence, policy: dict[str, str], phrases: list[str]
) -> None:
    assert missing(on(size, evidence, **policy)) == phrases
