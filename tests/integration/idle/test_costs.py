"""What environments cost: the power history that sweeps keep, in views and after the end of an environment."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from local.sandbox import Ground
from tests.fleet import FleetSide
from tests.integration.idle.test_retention import retained
from tests.support import WORKSTATION, AzureSide, ControlPlane, until

PER_HOUR = 0.59
WITH_FEES = 0.599123  # its disk and its address are billed, too
# Amounts are shown in cents, and hours in hundredths.
ROUNDING = 0.005 + 0.005 * PER_HOUR + 1e-9


def power_rows(azure: AzureSide, environment: str) -> list[dict[str, Any]]:
    """The power history of an environment, oldest first."""
    rows = sorted(azure.rows("power"), key=lambda row: str(row["RowKey"]))
    intervals = [json.loads(row["properties"]["Document"][1]) for row in rows]
    return [one for one in intervals if one["environment"] == environment and "machine" in one]


def test_computing_is_counted_from_state_to_state_and_outlives_the_environment(fleet: FleetSide) -> None:
    plane, azure = ControlPlane(fleet.control_plane), AzureSide(fleet.simulation)
    plane.up("spender", {**WORKSTATION, "idle": {"enabled": False}})
    fresh = plane.get("spender")["costs"]
    assert fresh["per_month"] == {"amount": round(WITH_FEES * 730, 2), "currency": "USD"}
    assert (fresh["saved"]["amount"], fresh["hours_asleep"]) == (0.0, 0.0)
    fleet.sweep()
    until(lambda: plane.get("spender")["costs"]["hours_this_month"] > 0.05, "running hours are not counted")

    plane.follow(plane.post("spender", "stop"))
    fleet.sweep()
    stopped = plane.get("spender")["costs"]
    (row,) = fleet.control_plane.get("/costs?environment=spender").json()["value"]
    figures = row["figures"]
    assert (stopped["hours_this_month"], stopped["saved"]) == (figures["hours_on"], figures["saved"])
    assert figures["computing"]["amount"] == pytest.approx(stopped["hours_this_month"] * PER_HOUR, abs=ROUNDING)
    assert figures["computing"]["amount"] < stopped["this_month"]["amount"] <= figures["spent"]["amount"], "fees go on"
    fleet.sweep()
    assert plane.get("spender")["costs"]["hours_this_month"] == stopped["hours_this_month"], "stopped hours cost nothing"
    listed = fleet.control_plane.get("/environments").json()["value"]
    (ours,) = [one for one in listed if one["name"] == "spender"]
    assert ours["costs"] == {**stopped, "per_month": ours["costs"]["per_month"], "this_month": ours["costs"]["this_month"]}
    assert stopped["this_month"]["amount"] <= ours["costs"]["this_month"]["amount"] < stopped["this_month"]["amount"] + 0.1

    plane.follow(plane.post("spender", "start"))
    fleet.sweep()
    plane.down("spender")
    rows = power_rows(azure, "spender")
    assert [row["state"] for row in rows] == ["running", "stopped", "running"]
    assert {(row["owner"], row["blueprint"], row["per_hour"]) for row in rows if row["state"] == "running"} == {
        (ours["owner"], "workstation", PER_HOUR)
    }
    assert [row["ended"] for row in rows[:-1]] == [row["began"] for row in rows[1:]], "nothing is missing or counted twice"


def test_what_a_sweep_saves_is_shown_with_the_environment(fleet: FleetSide) -> None:
    plane, azure = ControlPlane(fleet.control_plane), AzureSide(fleet.simulation)
    plane.up("saver", {**WORKSTATION, "idle": {"window": "5m", "grace": "0m", "lead": "1m"}})

    def asleep() -> bool:
        fleet.sweep()
        return bool(plane.get("saver")["state"] == "stopped")

    until(asleep, "it never fell asleep")
    until(lambda: plane.get("saver")["costs"]["hours_asleep"] > 0.05, "the hours are not counted")
    costs = plane.get("saver")["costs"]
    assert costs["saved"]["amount"] == pytest.approx(costs["hours_asleep"] * PER_HOUR, abs=ROUNDING)
    assert [row["state"] for row in power_rows(azure, "saver")] == ["running"]
    plane.down("saver")


def told(fleet: FleetSide, about: str, event: str) -> Sequence[str]:
    """The texts of the notifications of one kind about an environment or machine."""
    messages = [item["body"] for item in fleet.simulation.get("/messages").json()["value"]]
    return [one["text"] for one in messages if one["event"] == event and about in (one["machine"] or one["name"])]


def test_a_budget_that_is_used_up_stops_what_is_not_in_use_after_a_warning_and_people_may_start_it(
    fleet_ground: Ground, fleet: FleetSide
) -> None:
    plane = ControlPlane(fleet.control_plane)
    spec = {**WORKSTATION, "idle": {"enabled": False}, "monthly_budget": 0.01, "on_budget": "stop"}
    plane.up("overdrawn", spec)

    def used_up() -> bool:
        fleet.sweep()
        retained(fleet_ground)
        fleet.sweep()
        return any("have used up the budget of 0.01 USD" in text for text in told(fleet, "overdrawn", "budget"))

    until(used_up, "the budget is not used up")
    (text,) = [text for text in told(fleet, "overdrawn", "budget") if "used up" in text]
    assert "Its machines are stopped when they are not in use, after a warning" in text
    assert plane.get("overdrawn")["state"] == "running", "a warning of its own comes first"

    def stopped() -> bool:
        fleet.sweep()
        return bool(plane.get("overdrawn")["state"] == "stopped")

    until(stopped, "it was not stopped")
    (warning,) = told(fleet, "vm-overdrawn", "warned")
    assert "because its budget for this month is used up, unless it is used or held. Estimated costs of " in warning
    assert len(told(fleet, "vm-overdrawn", "stopped")) == 1
    newest = fleet.control_plane.get("/operations?environment=overdrawn&limit=1").json()["value"][0]
    assert (newest["verb"], newest["requested_by"]) == ("stop", "sweep (budget)")
    (row,) = fleet.control_plane.get("/costs?environment=overdrawn").json()["value"]
    assert row["budget"]["stops"]
    assert row["budget"]["used_percent"] > 100

    plane.follow(plane.post("overdrawn", "start"))
    retained(fleet_ground)
    for _ in range(3):
        fleet.sweep()
    assert plane.get("overdrawn")["state"] == "running", "people may start it, and then it runs for some hours"
    assert len(told(fleet, "vm-overdrawn", "warned")) == 1
    plane.down("overdrawn")
