"""Sweeps over environments with several machines, and with none."""

from collections.abc import Iterator
from typing import Any

import pytest

from local.sandbox import Ground
from tests.blueprints.conftest import PAIR, ground_at
from tests.fleet import lines_of_the_report, sweep_ended
from tests.support import AzureSide, ControlPlane, until

MACHINE = "Microsoft.Compute/virtualMachines"
# A decision is valid for five minutes: at this speed they are long enough for what a sweep does.
SPEED = 60.0
SOON = {**PAIR, "idle": {"window": "5m", "grace": "0m", "lead": "1m"}}


@pytest.fixture(scope="module")
def several() -> Iterator[Ground]:
    """A slower ground of these tests' own."""
    with ground_at(SPEED) as running:
        yield running


def sweep(control_plane: ControlPlane, *, dry_run: bool = False) -> dict[str, Any]:
    return sweep_ended(control_plane.client, control_plane.client.post("/sweeps", json={"dry_run": dry_run}))


def lines(control_plane: ControlPlane, name: str) -> dict[str, dict[str, Any]]:
    return {line["name"]: line for line in lines_of_the_report(control_plane.client) if line["environment"] == name}


def operations(control_plane: ControlPlane, name: str, verb: str) -> list[dict[str, Any]]:
    trail = control_plane.client.get("/operations", params={"environment": name}).raise_for_status().json()["value"]
    return [operation for operation in trail if operation["verb"] == verb]


def desk(azure: AzureSide, name: str) -> str:
    (first,) = (vm for vm in azure.of_type(name, MACHINE) if vm["name"].endswith("-1"))
    return str(first["tags"]["desk"])


@pytest.fixture
def pair(control_plane: ControlPlane, name: str) -> str:
    """A running pair whose lease ends in a moment."""
    control_plane.up(name, SOON)
    leased = control_plane.client.post(f"/environments/{name}/extend", json={"for": "5m", "then": "stop"})
    assert leased.status_code == 200, leased.text
    return name


def test_every_machine_of_an_environment_is_its_own_and_a_needed_one_is_in_use(
    control_plane: ControlPlane, name: str, shelf: dict[str, Any]
) -> None:
    control_plane.up(name, SOON)
    control_plane.up(f"{name}-s", shelf)

    def evaluated() -> bool:
        sweep(control_plane)
        return "young" not in {line["verdict"] for line in lines(control_plane, name).values()}

    until(evaluated, "the machines stay young")
    first, second = (lines(control_plane, name)[f"vm-{name}-{number}"] for number in (1, 2))
    assert (first["verdict"], first["reason"]) == ("busy", f"In use: needed by vm-{name}-2 (running).")
    assert second["verdict"] == "unknown"
    assert lines(control_plane, f"{name}-s") == {}


def test_the_end_of_a_lease_stops_dependents_first_and_closes_the_desk(
    control_plane: ControlPlane, azure: AzureSide, pair: str
) -> None:
    def stopped() -> bool:
        sweep(control_plane)
        return bool(control_plane.get(pair)["state"] == "stopped")

    until(stopped, "the pair was not stopped")
    later, earlier = (one for one in operations(control_plane, pair, "stop") if one["outcome"] != "cancelled")
    assert {one["requested_by"] for one in (later, earlier)} == {"sweep (lease)"}
    assert (later["outcome"], earlier["outcome"]) == ("succeeded", "succeeded")
    assert earlier["ended_at"] <= later["began_at"]
    assert desk(azure, pair) == "closed"
    assert azure.locks(pair) == []
    started = control_plane.follow(control_plane.post(pair, "start"))
    assert started["outcome"] == "succeeded", started["reason"]
    assert desk(azure, pair) == "open"


def test_a_machine_is_not_stopped_while_its_desk_cannot_be_closed(
    control_plane: ControlPlane, azure: AzureSide, pair: str
) -> None:
    azure.spoil(method="PATCH", path=f"vm-{pair}-1", status=409, code="OperationNotAllowed", message="The desk is in use.")

    def refused() -> bool:
        sweep(control_plane)
        cancelled = [one["reason"] for one in operations(control_plane, pair, "stop") if one["outcome"] == "cancelled"]
        return any(reason.startswith("Nothing was stopped. suspend desk:") for reason in cancelled)

    until(refused, "nothing was refused because of the desk")
    states = {one["name"]: one["state"] for one in control_plane.get(pair)["resources"] if one["state"]}
    assert states == {"vm-1": "running", "vm-2": "stopped"}
    assert azure.locks(pair) == []


def test_a_lease_that_deletes_deletes_the_environment_once(control_plane: ControlPlane, azure: AzureSide, name: str) -> None:
    control_plane.up(name, SOON)
    control_plane.client.post(f"/environments/{name}/extend", json={"for": "5m", "then": "delete"}).raise_for_status()

    def deleted() -> bool:
        sweep(control_plane)
        return control_plane.client.get(f"/environments/{name}").status_code == 404

    until(deleted, "the pair was not deleted")
    assert [one["outcome"] for one in operations(control_plane, name, "delete")].count("succeeded") == 1
    assert (azure.resources(name), azure.secrets(name)) == ([], [])
