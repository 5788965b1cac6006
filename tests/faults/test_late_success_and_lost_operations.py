"""Nothing is billed unnoticed: late successes, terminated operations, foreign changes, many commands at once."""

import asyncio
import itertools
import random
import time
from collections import Counter
from typing import Any

import httpx

from local.sandbox import Ground
from tests.conftest import SPEED
from tests.integration.environments.test_crashes_and_outages import terminate
from tests.support import SUBSCRIPTION, WORKSTATION, AzureSide, ControlPlane, eventually

MACHINES = "Microsoft.Compute/virtualMachines"
LATE: dict[str, Any] = {
    "effect": "late",
    "method": "PUT",
    "kind": MACHINES,
    "code": "OperationTimedOut",
    "message": "It took too long.",
}


def wait_simulated(seconds: float) -> None:
    time.sleep(seconds / SPEED)


def test_a_machine_created_after_a_reported_timeout_is_rolled_back(
    control_plane: ControlPlane, azure: AzureSide, name: str
) -> None:
    azure.spoil(**LATE, path=f"vm-{name}", seconds=120)
    operation = control_plane.provision(name)
    assert operation["outcome"] == "failed"
    assert operation["leftovers"] == []
    wait_simulated(300)
    assert azure.resources(name) == []
    assert azure.secrets(name) == []


def test_a_machine_created_late_in_an_existing_environment_is_rolled_back(
    control_plane: ControlPlane, azure: AzureSide, name: str
) -> None:
    control_plane.up(name)
    for kind in ("virtualMachines/extensions", "virtualMachines", "disks", "networkInterfaces"):
        azure.vanish(name, kind)
    azure.spoil(**LATE, path=f"vm-{name}", seconds=120)
    operation = control_plane.provision(name)
    assert (operation["outcome"], operation["leftovers"]) == ("failed", [])
    wait_simulated(300)
    assert azure.of_type(name, MACHINES) == []
    seen = control_plane.get(name)
    assert (seen["state"], seen["billed"]) == ("incomplete", False)


def test_a_machine_started_outside_dormouse_is_shown_as_running(
    control_plane: ControlPlane, azure: AzureSide, name: str
) -> None:
    """However the machine was started, the environment is shown as running, with its price."""
    control_plane.up(name)
    control_plane.follow(control_plane.post(name, "stop"))
    (machine,) = azure.of_type(name, MACHINES)
    azure.client.post("/machines/start", json={"id": machine["id"]}).raise_for_status()
    seen = control_plane.get(name)
    assert (seen["state"], seen["billed"]) == ("running", True)


def test_rollback_keeps_a_network_that_existed_before_the_operation(
    control_plane: ControlPlane, azure: AzureSide, name: str
) -> None:
    control_plane.up(name)
    for kind in ("extensions", "virtualMachines", "disks", "Interfaces", "Addresses", "Groups", "containers", "Accounts"):
        azure.vanish(name, kind)
    group = f"{SUBSCRIPTION}/resourceGroups/rg-dormouse-{name}"
    network = f"{group}/providers/Microsoft.Network/virtualNetworks/vnet-{name}"
    azure.found_group(f"rg-dormouse-{name}", tags={"dormouse": name})
    azure.found_network(network)
    azure.spoil(path=f"vm-{name}", kind=MACHINES, method="PUT", status=409, code="SkuNotAvailable")
    operation = control_plane.provision(name)
    assert operation["outcome"] == "failed"
    left = {resource["id"] for resource in azure.resources(name)}
    assert left == {group, network}


def test_a_sweep_releases_the_lock_of_a_lost_operation(
    ground: Ground, control_plane: ControlPlane, azure: AzureSide, name: str
) -> None:
    azure.hold_up("PUT", "/storageAccounts/")
    accepted = control_plane.put(name).json()["operation"]
    control_plane.until_step(accepted, "vm", "running")
    terminate(ground, accepted)
    assert len(azure.locks(name)) == 1
    swept = control_plane.client.post("/sweeps")
    assert swept.status_code == 202
    assert eventually(lambda: azure.locks(name) == [])
    assert control_plane.down(name)["outcome"] == "succeeded"


def test_a_terminated_operation_leaves_no_lock_and_no_leftovers(
    ground: Ground, control_plane: ControlPlane, azure: AzureSide, name: str
) -> None:
    azure.hold_up("PUT", "/storageAccounts/")
    accepted = control_plane.put(name).json()["operation"]
    control_plane.until_step(accepted, "vm", "running")
    terminate(ground, accepted)
    assert control_plane.wait(accepted)["outcome"] == "lost"
    listed = {item["name"]: item["operation"] for item in control_plane.every_environment()}
    assert listed[name] is None  # its lock exists, but does not block
    assert control_plane.down(name)["outcome"] == "succeeded"
    trail = control_plane.client.get("/operations", params={"environment": name}).json()["value"]
    assert [operation["outcome"] for operation in trail] == ["succeeded", "lost"]
    wait_simulated(900)  # an orphaned step would have asked for its storage account again
    assert azure.resources(name) == []
    assert azure.secrets(name) == []
    assert azure.locks(name) == []


def test_the_lock_of_a_suspended_operation_is_not_taken_over(
    ground: Ground, control_plane: ControlPlane, azure: AzureSide, name: str
) -> None:
    accepted = control_plane.put(name).json()["operation"]
    control_plane.until_step(accepted, "group", "done")
    manage(ground, accepted, "suspend")
    assert eventually(lambda: manage(ground, accepted, "suspend").status_code == 500)  # it is suspended by now
    refused = control_plane.delete(name)
    assert (refused.status_code, refused.json()["operation"]) == (409, accepted)
    assert control_plane.cancel(accepted).status_code == 202  # received when it resumes
    manage(ground, accepted, "resume")
    assert control_plane.wait(accepted)["outcome"] == "cancelled"
    assert azure.resources(name) == []


def manage(ground: Ground, instance: str, what: str) -> httpx.Response:
    url = f"http://127.0.0.1:{ground.port}/runtime/webhooks/durabletask/instances/{instance}/{what}"
    return httpx.post(url, headers={"x-functions-key": ground.keys["durable"]}, trust_env=False)


COMMANDS = (
    ("PUT", ""),
    ("POST", "/start"),
    ("POST", "/stop"),
    ("POST", "/restart"),
    ("DELETE", ""),
    ("GET", ""),
    ("CANCEL", ""),
)
ANSWERS = {200, 202, 404, 409}


def test_two_hundred_mixed_commands_at_once_end_in_a_consistent_state(
    ground: Ground, control_plane: ControlPlane, azure: AzureSide
) -> None:
    names, chance = [f"mixed{number}" for number in range(10)], random.Random(5)
    commands = [(chance.choice(names), *chance.choice(COMMANDS)) for _ in range(200)]
    answers = asyncio.run(_all_at_once(ground, commands))
    assert len(answers) == len(commands)
    assert {status for status, _ in answers} <= ANSWERS
    accepted = {operation for status, operation in answers if status == 202}
    ends = {operation: control_plane.wait(operation)["outcome"] for operation in accepted}
    assert set(ends.values()) <= {"succeeded", "failed", "refused", "cancelled"}, Counter(ends.values())
    for name in names:
        trail = control_plane.client.get("/operations", params={"environment": name, "limit": 200}).json()["value"]
        known = {operation["id"]: operation["outcome"] for operation in trail}
        mine = {operation for operation in accepted if operation.startswith(f"{name}-")}
        assert mine <= set(known)
        # A caller that lost a race got 503 and came back with another operation.
        assert {known[operation] for operation in set(known) - mine} <= {"refused"}
        assert azure.locks(name) == []
        _assert_consistent(control_plane, azure, name)
    for name in names:
        if control_plane.client.get(f"/environments/{name}").status_code == 200:
            assert control_plane.down(name)["outcome"] == "succeeded"
        assert azure.resources(name) == []
        assert azure.secrets(name) == []


async def _all_at_once(ground: Ground, commands: list[tuple[str, str, str]]) -> list[tuple[int, str]]:
    headers = {"x-functions-key": ground.key}
    running: dict[str, str] = {}
    async with httpx.AsyncClient(base_url=ground.api, headers=headers, timeout=120, trust_env=False) as client:

        async def give(place: int, name: str, method: str, path: str) -> tuple[int, str]:
            await asyncio.sleep(place * 0.02)
            for _ in range(60):
                if method == "CANCEL":
                    answer = await client.post(f"/operations/{running.get(name, 'nobody-provision-0')}/cancel")
                else:
                    body: Any = WORKSTATION if method == "PUT" else None
                    answer = await client.request(method, f"/environments/{name}{path}", json=body)
                if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                    break
                await asyncio.sleep(0.1)  # as a 503 response asks a caller to
            operation = str(answer.json().get("operation", "")) if answer.status_code == httpx.codes.ACCEPTED else ""
            running.update({name: operation} if operation else {})
            return answer.status_code, operation

        return await asyncio.gather(
            *(give(place, *command) for place, command in zip(itertools.count(), commands, strict=False))
        )


def _assert_consistent(control_plane: ControlPlane, azure: AzureSide, name: str) -> None:
    """Assert that either nothing exists and nothing is recorded, or that record and Azure agree."""
    answer = control_plane.client.get(f"/environments/{name}")
    kinds = Counter(resource["type"] for resource in azure.resources(name))
    if answer.status_code == 404:
        assert kinds == Counter()
        assert azure.secrets(name) == []
        return
    assert answer.json()["operation"] is None
    assert max(kinds.values()) == 1, kinds
    assert answer.json()["state"] in ("running", "stopped", "incomplete")
