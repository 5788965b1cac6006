"""`dormouse cost-of-itself`: months computed by hand, and what the command prints without any server."""

import re
from dataclasses import replace
from typing import Any

import pytest

from dormouse_cli.errors import UsageError
from dormouse_cli.own_cost.formula import Backend, Load, monthly_cost
from dormouse_cli.own_cost.prices import DEFAULTS, with_prices
from tests.cli.support import Command
from tests.support import ROOT

NO_TIMERS = {"free_gb_seconds": 100_000 + (8_640 + 2_160) * 2, "free_executions": 250_000 + 8_640 + 2_160}


def amounts(load: Load, **prices: float) -> dict[str, float]:
    return {part.name: part.amount for part in monthly_cost(load, with_prices(prices))}


@pytest.mark.parametrize(
    ("machines", "on_demand", "always_ready", "small", "every_five_minutes"),
    [(10, 18, 34, 3, 2), (100, 108, 90, 26, 36), (1_000, 149, 121, 48, 131)],
)
def test_heartbeats_cost_what_was_computed_by_hand(
    machines: int, on_demand: int, always_ready: int, small: int, every_five_minutes: int
) -> None:
    """The share of active time is 1 - e^(-machines/60), or /300; the free grant is left whole for the heartbeats."""
    load = Load(machines)
    little = {**NO_TIMERS, "free_gb_seconds": 100_000 + (8_640 + 2_160) / 2}
    found = (
        amounts(load, **NO_TIMERS)["heartbeats"],
        amounts(replace(load, http_always_ready=True))["heartbeats"],
        amounts(replace(load, memory_mb=512), **little)["heartbeats"],
        amounts(replace(load, heartbeat_seconds=300), **NO_TIMERS)["heartbeats"],
    )
    assert [round(amount) for amount in found] == [on_demand, always_ready, small, every_five_minutes]


def test_a_hundred_machines_part_by_part() -> None:
    found = {name: round(amount, 2) for name, amount in amounts(Load(100)).items()}
    assert found == {
        # 2 GB x 2,592,000 s x 0.000004 + 86,400 s x 2 GB x 0.000016 + 77,760 x 0.40/M; the timers are free
        "sweeps": 23.53,  # 20.736 + 2.7648 + 0.0311
        # 6,000 x 15 s x 2 GB x 0.000016 + 90,000 x 0.40/M
        "operations": 2.92,  # 2.88 + 0.036
        # (0.811124 x 2,592,000 s x 2 GB - 78,400) x 0.000026 + (4,320,000 - 239,200) x 0.40/M
        "heartbeats": 108.92,  # 107.287 + 1.632
        "telemetry": 0.0,  # 0.5 + 0.1728 + 0.18 GB of 5 that are free
        "metrics API": 0.17,  # 8,640 x 2 calls
        # (4,320,000 x 3 + 864,000) x 0.036/M + (1,296,000 + 167,760 x 6) x 0.40/M
        "storage": 1.42,  # 0.4977 + 0.9210
        "scheduler": 0.0,
        "alerts": 3.5,  # 1.50 + 1.50 + 0.50
        "private endpoints": 0.0,
        "key vault": 0.04,  # 12,720 calls
    }


def test_a_thousand_machines_at_five_minutes_with_everything_else_that_costs() -> None:
    load = Load(1_000, 512, Backend.SCHEDULER, 300, heartbeat_records=True, private_network=True)
    found = amounts(load)
    assert found["scheduler"] == pytest.approx((77_760 + 900_000) * 0.003)
    assert found["telemetry"] == pytest.approx((0.5 + 0.1728 + 1.8 + 12.96 - 5) * 2.76)
    assert found["private endpoints"] == pytest.approx(4 * 7.80)
    assert found["metrics API"] == pytest.approx(1.728)
    assert found["storage"] == pytest.approx((8_640_000 * 3 + 8_640_000) * 0.036e-6)
    assert amounts(replace(load, machines=1_001))["scheduler"] - found["scheduler"] == pytest.approx(
        (8_640 * 3 + 60 * 15) * 0.003
    )


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
    assert rows == {**{name: f"{amount:.2f}" for name, amount in amounts(Load(100)).items()}, "total": "140.50"}
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


ROW = re.compile(r"^\| [^|]+ \| (?:`([^`]+)` )?\| ([\d,]+) \| ([\d,]+) \| ([\d,]+) \|$", re.MULTILINE)


def test_the_page_about_costs_shows_what_the_command_computes(logged_out: Command) -> None:
    page = (ROOT / "docs" / "cost.md").read_text()
    rows = ROW.findall(page)
    assert len(rows) == 7
    options: dict[str, dict[str, Any]] = {
        "": {},
        "--memory 512": {"memory_mb": 512},
        "--http-always-ready": {"http_always_ready": True},
        "--private-network": {"private_network": True},
        "--heartbeat-seconds 300": {"heartbeat_seconds": 300},
        "--heartbeat-records": {"heartbeat_records": True},
        "--backend scheduler": {"backend": Backend.SCHEDULER},
    }
    for given, *shown in rows:
        for machines, amount in zip((10, 100, 1_000), shown, strict=True):
            total = sum(amounts(replace(Load(machines), **options[given])).values())
            assert f"{total:,.0f}" == amount, (given, machines)
    help_text = logged_out("cost-of-itself", "--help").words
    assert all(option.split()[0] in help_text for option in options if option)


def test_prices_must_be_amounts() -> None:
    for amount in (-1.0, float("nan"), float("inf")):
        with pytest.raises(UsageError):
            with_prices({"log_gb": amount})


def test_a_part_says_what_it_is_made_of() -> None:
    assert all(part.quantity for part in monthly_cost(Load(10), DEFAULTS))
