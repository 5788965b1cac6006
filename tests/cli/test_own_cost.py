"""`dormouse cost-of-itself`: months computed by hand, and what the command prints without any server."""

import json
import re
from dataclasses import replace
from typing import Any

import pytest

from dormouse.idle.heartbeats import slots
from dormouse.idle.heartbeats.intervals import QUICK_SECONDS, SWEEP_SECONDS
from dormouse_cli.errors import UsageError
from dormouse_cli.own_cost import slots as own_slots
from dormouse_cli.own_cost.formula import (
    SAMPLED_A_SECOND,
    SWEEP_EVERY,
    Backend,
    Load,
    cost_of_heartbeats,
    monthly_cost,
    total,
)
from dormouse_cli.own_cost.prices import DEFAULTS, with_prices
from tests.cli.support import Command
from tests.support import ROOT

NO_TIMERS = {"free_gb_seconds": 100_000 + (8_640 + 2_160) * 2, "free_executions": 250_000 + 8_640 + 2_160}


def amounts(load: Load, **prices: float) -> dict[str, float]:
    return {part.name: part.amount for part in monthly_cost(load, with_prices(prices))}


EVERY_MINUTE: dict[str, Any] = {"heartbeat_seconds": 60, "quick_share": 0.0, "in_slots": False}


@pytest.mark.parametrize(
    ("machines", "on_demand", "always_ready", "small"), [(10, 18, 34, 3), (100, 108, 90, 26), (1_000, 149, 121, 48)]
)
def test_heartbeats_at_any_moment_cost_what_was_computed_by_hand(
    machines: int, on_demand: int, always_ready: int, small: int
) -> None:
    """The share of active time is 1 - e^(-machines/60); the free grant is left whole for the heartbeats."""
    load = Load(machines, **EVERY_MINUTE)
    little = {**NO_TIMERS, "free_gb_seconds": 100_000 + (8_640 + 2_160) / 2}
    found = (
        amounts(load, **NO_TIMERS)["heartbeats"],
        amounts(replace(load, http_always_ready=True))["heartbeats"],
        amounts(replace(load, memory_mb=512), **little)["heartbeats"],
    )
    assert [round(amount) for amount in found] == [on_demand, always_ready, small]


@pytest.mark.parametrize(
    ("load", "share"),
    [
        # 950 calm ones in 23.75 s, billed for 25.75 s; 4 more minutes of 50 in 2 s, billed for 4 s each
        (Load(1_000), (25.75 + 4 * 4.0) / 300),
        # 100 in 2.5 s (of 95 calm ones: 2.375 s): 4.375 s; 4 more of 5 in 2 s: 4 s x (1 - e^(-5/4)) = 2.854 s
        (Load(100), (4.375 + 4 * 2.854) / 300),
        (Load(1, quick_share=0.0), 4 * 0.2212 / 300),
        # As many as one core can answer in its slot of 60 s, twice: 12,000 in 60 s are 200 a second
        (Load(12_000, quick_share=0.0), 62 * 2 / 300),
        # Every minute 1,000 in 25 s, with the core of 2 GB, and a quarter of it: 40 a second x 10 ms / 0.25
        (Load(1_000, heartbeat_seconds=60, quick_share=0.0), 27 / 60),
        (Load(1_000, 512, heartbeat_seconds=60, quick_share=0.0), 27 * 1.6 / 60),
        (Load(0), 0.0),
    ],
)
def test_in_slots_instances_are_busy_for_what_was_computed_by_hand(load: Load, share: float) -> None:
    assert load.active_share == pytest.approx(share, rel=0.012)


def test_slots_are_those_of_the_control_plane() -> None:
    names = ("AGENTS_A_SECOND", "NARROW", "WIDE_QUICK", "WIDE_CALM")
    assert [getattr(own_slots, name) for name in names] == [getattr(slots, name) for name in names]
    assert (own_slots.QUICK_EVERY, SWEEP_EVERY) == (QUICK_SECONDS, SWEEP_SECONDS)


def test_what_host_json_samples_is_what_the_formula_says() -> None:
    logging = json.loads((ROOT / "host.json").read_text())["logging"]
    assert logging["applicationInsights"]["samplingSettings"]["maxTelemetryItemsPerSecond"] == SAMPLED_A_SECOND


def test_a_hundred_machines_part_by_part() -> None:
    found = {name: round(amount, 2) for name, amount in amounts(Load(100)).items()}
    assert found == {
        # 2 GB x 2,592,000 s x 0.000004 + 86,400 s x 2 GB x 0.000016 + 120,960 x 0.40/M; the timers are free
        "sweeps": 23.55,  # 20.736 + 2.7648 + 0.0484
        # 6,000 x 15 s x 2 GB x 0.000016 + 90,000 x 0.40/M
        "operations": 2.92,  # 2.88 + 0.036
        # (0.052636 x 2,592,000 s x 2 GB - 78,400) x 0.000026 + (1,036,800 - 239,200) x 0.40/M
        "heartbeats": 5.38,  # 5.056 + 0.319
        "telemetry": 0.0,  # 0.5 + 0.738 + 1.555 GB of 5 that are free
        "metrics API": 0.17,  # 8,640 x 2 calls
        # (1,036,800 x 3 + 8,640 x 20) x 0.036/M + (1,296,000 + 202,320 x 6) x 0.40/M
        "storage": 1.12,  # 0.1182 + 1.0040
        "scheduler": 0.0,
        "alerts": 3.5,  # 1.50 + 1.50 + 0.50
        "private endpoints": 0.0,
        "key vault": 0.04,  # 12,720 calls
    }


def test_a_thousand_machines_with_everything_else_that_costs() -> None:
    load = Load(1_000, 512, Backend.SCHEDULER, quick_share=0.0, heartbeat_records=True, private_network=True)
    found = amounts(load)
    assert found["scheduler"] == pytest.approx((8_640 * 13 + 900_000) * 0.003)
    assert found["telemetry"] == pytest.approx((0.5 + (8_640 * 14 + 900_000) * 3.5e-6 + 8_640_000 * 1.5e-6 - 5) * 2.99)
    assert found["private endpoints"] == pytest.approx(4 * 7.80)
    assert found["metrics API"] == pytest.approx(1.728)
    assert found["storage"] == pytest.approx((8_640_000 * 3 + 8_640 * 20) * 0.036e-6)
    assert amounts(replace(load, machines=1_001))["scheduler"] - found["scheduler"] == pytest.approx(
        (8_640 * 4 + 60 * 15) * 0.003
    )
    sampled = amounts(replace(load, heartbeat_records=False))["telemetry"]
    assert found["telemetry"] - sampled == pytest.approx((8_640_000 - 2_592_000) * 1.5e-6 * 2.99)


def test_a_thousand_machines_pay_a_fifth_of_one_heartbeat_a_minute() -> None:
    before = cost_of_heartbeats(Load(1_000, **EVERY_MINUTE), DEFAULTS)
    assert before >= 5 * cost_of_heartbeats(Load(1_000), DEFAULTS)
    # 132.75 + 17.18 of instances, 129.6 M calls of tables, and of 4.02 + 3.89 GB of logs 2.91 beyond 5
    assert before == pytest.approx(132.74 + 17.18 + 4.67 + 8.69, abs=0.3)


def test_nothing_that_is_not_there_is_billed_and_more_is_never_cheaper() -> None:
    empty = amounts(Load(0))
    assert {name for name, amount in empty.items() if amount} == {"sweeps", "storage", "alerts", "key vault"}
    sums = [sum(amounts(Load(machines)).values()) for machines in (0, 1, 10, 100, 1_000, 10_000)]
    assert sums == sorted(sums)
    assert sum(amounts(Load(100), **dict.fromkeys(DEFAULTS, 0.0)).values()) == 0.0


def test_every_price_has_an_effect() -> None:
    loads = [
        Load(1_000, backend=backend, http_always_ready=ready, heartbeat_records=True, private_network=True)
        for backend in Backend
        for ready in (False, True)
    ]
    for name, price in DEFAULTS.items():
        changed = with_prices({name: price.amount * 2})
        assert any(monthly_cost(load, changed) != monthly_cost(load, DEFAULTS) for load in loads), name
        assert (changed[name].assumed, changed[name].source) == (False, "given")


def test_the_command_prints_parts_total_and_assumptions_without_a_server(logged_out: Command) -> None:
    result = logged_out("cost-of-itself", "--machines", "100", "--price", "log_gb=2.5")
    assert (result.code, result.err) == (0, "")
    rows = {line[:17].strip(): line[17:].split()[0] for line in result.out.splitlines()[1:12]}
    assert rows == {**{name: f"{amount:.2f}" for name, amount in amounts(Load(100)).items()}, "total": "36.67"}
    assert "ready_gb_second 0.000004 GB-s of an instance" in " ".join(result.out.split())
    assert "log_gb" not in result.out.replace("free_log_gb", ""), "a price that was given is no assumption"
    assert "on_demand_gb_second" not in result.out, "a price that was read in a list is no assumption"
    document = logged_out("cost-of-itself", "--machines", "100", "--memory", "512", "--output", "json").json
    assert document["total"] == pytest.approx(sum(part["amount"] for part in document["parts"]))
    assert (document["load"]["memory_mb"], document["prices"]["scheduler_action"]["assumed"]) == (512, True)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "Missing option '--machines'"),
        (("--machines", "-1"), "Input should be greater than or equal"),
        (("--machines", "1", "--memory", "1024"), "is not one of"),
        (("--machines", "1", "--price", "log_gb"), "requires NAME=AMOUNT"),
        (
            ("--machines", "1", "--price", "gold=1", "--price", "log_gb=-1"),
            "gold is not a price. log_gb must be",
        ),
    ],
)
def test_wrong_input_is_refused(logged_out: Command, arguments: tuple[str, ...], says: str) -> None:
    result = logged_out("cost-of-itself", *arguments)
    assert (result.code, says in " ".join(result.err.replace("│", " ").split())) == (2, True), result


FLEETS = (10, 100, 1_000, 10_000)
ROW = re.compile(r"^\| [^|]+ \| (?:`([^`]+)` )?\| ([\d,]+) \| ([\d,]+) \| ([\d,]+) \| ([\d,]+) \|$", re.MULTILINE)


def test_the_page_about_costs_shows_what_the_command_computes(logged_out: Command) -> None:
    page = (ROOT / "docs" / "cost.md").read_text()
    rows = ROW.findall(page)
    assert len(rows) == 7
    options: dict[str, dict[str, Any]] = {
        "": {},
        "--memory 512": {"memory_mb": 512},
        "--http-always-ready": {"http_always_ready": True},
        "--private-network": {"private_network": True},
        "--heartbeat-seconds 60": {"heartbeat_seconds": 60},
        "--heartbeat-records": {"heartbeat_records": True},
        "--backend scheduler": {"backend": Backend.SCHEDULER},
    }
    for given, *shown in rows:
        for machines, amount in zip(FLEETS, shown, strict=True):
            found = sum(amounts(replace(Load(machines), **options[given])).values())
            assert f"{found:,.0f}" == amount, (given, machines)
    help_text = logged_out("cost-of-itself", "--help").words
    assert all(option.split()[0] in help_text for option in options if option)


def test_the_page_shows_what_heartbeats_cost() -> None:
    page = (ROOT / "docs" / "cost.md").read_text()
    now = {n: Load(n) for n in FLEETS}
    before = {n: cost_of_heartbeats(Load(n, **EVERY_MINUTE), DEFAULTS) for n in FLEETS}
    after = {n: cost_of_heartbeats(load, DEFAULTS) for n, load in now.items()}
    rows: dict[str, list[str]] = {
        "USD per machine and month": [f"{total(monthly_cost(load, DEFAULTS)) / n:.3f}" for n, load in now.items()],
        "of it heartbeats, with their calls of tables and records": [f"{after[n] / n:.3f}" for n in FLEETS],
        "heartbeats in a month, millions": [f"{load.heartbeats / 1e6:.2f}" for load in now.values()],
        "GB-seconds for them, thousands": [f"{load.active_share * load.gigabytes * 2_592:,.0f}" for load in now.values()],
        "USD for the heartbeats of all": [f"{after[n]:.2f}" for n in FLEETS],
        "the same, one a minute at any moment": [f"{before[n]:.2f}" for n in FLEETS],
        "cheaper by": [f"{before[n] / after[n]:.1f}" for n in FLEETS],
    }
    for name, shown in rows.items():
        assert f"| {name} | {' | '.join(shown)} |" in page


def test_prices_must_be_amounts() -> None:
    for amount in (-1.0, float("nan"), float("inf")):
        with pytest.raises(UsageError):
            with_prices({"log_gb": amount})


def test_a_part_says_what_it_is_made_of() -> None:
    assert all(part.quantity for part in monthly_cost(Load(10), DEFAULTS))
