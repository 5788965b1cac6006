"""Reconciliation: what has no environment is found by two passes, and deleted only if everything proves that it is ours."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from local.leaps import leap
from local.plain_http import NO_TLS
from local.sandbox import Ground, temporary_ground
from tests.fleet import until_moment
from tests.integration.environments.test_ownership import both_tags
from tests.support import SUBSCRIPTION, AzureSide, ControlPlane, until

HOUR, DAY = 3600.0, 86400.0
SEEN_BY_THEN = 10.0  # seconds after which Resource Graph shows every change (docs/local.md)
ADDRESS, FIREWALL, ROLE = (
    "Microsoft.Network/publicIPAddresses",
    "Microsoft.Network/networkSecurityGroups",
    "Microsoft.Authorization/roleAssignments",
)
# Environments that have ended, each with an address in its group again, named for what happens between two passes.
DELETED, RETAGGED, REMADE, BUSY, READOPTED, LATER = "gone1", "tag1", "made1", "busy1", "back1", "late1"
ENDED = (DELETED, RETAGGED, REMADE, BUSY, READOPTED, LATER)
LOST, BY_HAND, ALIVE, UNREADABLE, GHOST = "lost1", "hand1", "alive1", "odd1", "ghost1"


@dataclass
class Scene:
    """A control plane and its Azure, through leaps in time."""

    ground: Ground
    client: httpx.Client
    plane: ControlPlane
    azure: AzureSide

    def fire(self) -> None:
        """Run the timer once."""
        master = {"x-functions-key": self.ground.keys["master"]}
        where = f"http://127.0.0.1:{self.ground.port}/admin/functions/reconcile_timer"
        assert httpx.post(where, json={}, headers=master, verify=NO_TLS).status_code == httpx.codes.ACCEPTED

    def reconciled(self) -> dict[str, Any]:
        """Run the timer once, and return the findings by their IDs once the pass has ended."""
        before = self.page()["as_of"]
        self.fire()
        until(lambda: self.page()["as_of"] != before, "no pass has looked")
        until(lambda: self.status() == "Completed", "the pass does not end")
        return self.findings()

    def status(self) -> str:
        key = {"x-functions-key": self.ground.keys["master"]}
        where = f"http://127.0.0.1:{self.ground.port}/runtime/webhooks/durabletask/instances/reconcile"
        return str(httpx.get(where, headers=key, verify=NO_TLS).json()["runtimeStatus"])

    def page(self) -> dict[str, Any]:
        page: dict[str, Any] = self.client.get("/reconcile", params={"limit": "200"}).raise_for_status().json()
        return page

    def findings(self) -> dict[str, Any]:
        return {one["id"]: one for one in self.page()["value"]}

    def trail(self, name: str) -> dict[str, Any]:
        """The newest operation of an environment."""
        value = self.client.get("/operations", params={"environment": name}).raise_for_status().json()["value"]
        return dict(value[0])

    def remember_as_former(self, name: str) -> None:
        """Let an environment have ended as `DELETED` has: its record is the same, with another name."""
        (row,) = [one for one in self.azure.rows("reconcile") if one["RowKey"].startswith(f"{DELETED}:")]
        document = row["properties"]["Document"][1].replace(DELETED, name)
        body = {"table": "reconcile", "partition": "former", "key": row["RowKey"].replace(DELETED, name)}
        self.azure.client.put("/rows", json={**body, "document": document, "columns": {}}).raise_for_status()

    def appears(self, name: str, guid: str = "1", kind: str = ADDRESS, prefix: str = "pip") -> str:
        """A resource of an environment exists again, in its group, with the tags of its plan."""
        self.azure.found_group(f"rg-dormouse-{name}", both_tags(name))
        return self.azure.found(f"rg-dormouse-{name}", kind, f"{prefix}-{name}", both_tags(name), resourceGuid=guid)


def group(name: str) -> str:
    return f"{SUBSCRIPTION}/resourceGroups/rg-dormouse-{name}"


@pytest.fixture(scope="module")
def scene() -> Iterator[Scene]:
    settings = {"RECONCILE": "delete"}
    with (
        # The host is started again while a deletion runs, for which Azure has 45 minutes: 27 seconds.
        temporary_ground(speed=100.0, timers=False, agents=False, settings=settings) as ground,
        ground.client() as client,
        ground.simulation() as simulation,
    ):
        plane = ControlPlane(client)
        made = Scene(ground, client, plane, AzureSide(simulation))
        accepted = [plane.put(name).json()["operation"] for name in (DELETED, BY_HAND, ALIVE)]
        assert {plane.wait(one)["outcome"] for one in accepted} == {"succeeded"}
        plane.down(DELETED)
        for name in ENDED[1:]:
            made.remember_as_former(name)
        yield made


def exists(azure: AzureSide, identifier: str) -> bool:
    return identifier in {one["id"] for one in azure.everything()}


def test_two_passes_delete_what_is_proven_and_nothing_else(scene: Scene) -> None:
    azure = scene.azure
    orphans = {name: scene.appears(name) for name in (*ENDED, LOST, UNREADABLE)}
    azure.found_group("others", {})
    theirs = [
        azure.found_address("others", "untagged", {}),
        azure.found_address("others", "elsewhere", {**both_tags(DELETED), "dormouse-deployment": "staging"}),
        azure.found_address("others", "unsigned", {"dormouse": DELETED}),
    ]
    azure.write_row("environments", UNREADABLE, '{"of": "a newer release"}')
    (machine,) = azure.of_type(ALIVE, "Microsoft.Compute/virtualMachines")
    (role,) = azure.of_type(ALIVE, ROLE)
    azure.client.post("/resources/vanish", json={"id": machine["id"]}).raise_for_status()
    for one in azure.resources(BY_HAND):
        azure.client.post("/resources/vanish", json={"id": one["id"]}).raise_for_status()
    old = json.dumps({"operation": f"{GHOST}-stop-01M80AKRESFYRXQ716J26R1AX0", "taken_at": 1.7e9, "instance_id": ""})
    azure.write_row("locks", GHOST, old)
    azure.client.delete("/messages").raise_for_status()
    until_moment(scene.client, scene.ground.clock.seconds() + SEEN_BY_THEN)

    first = scene.reconciled()
    again = scene.reconciled()
    expected = {*orphans.values(), *map(group, orphans), role["id"], BY_HAND, GHOST} - {
        orphans[UNREADABLE],
        group(UNREADABLE),
    }
    assert first.keys() == again.keys() == expected
    assert {one["state"] for one in again.values()} == {"suspected"}, "an hour must pass"
    assert all(exists(azure, one) for one in (*orphans.values(), *theirs))
    assert "A pass after" in first[orphans[DELETED]]["next_action"]
    assert azure.messages("/dormouse") == []
    assert scene.plane.get(BY_HAND)["problem"] is None

    azure.client.put("/resources/tags", json={"id": orphans[RETAGGED], "tags": {}}).raise_for_status()
    scene.appears(REMADE, guid="2")
    newer = scene.appears(LATER, kind=FIREWALL, prefix="nsg")
    busy = {"operation": f"{BUSY}-provision-01M80AKRESFYRXQ716J26R1AX0", "taken_at": 2.0e10, "instance_id": ""}
    azure.write_row("locks", BUSY, json.dumps(busy))
    (alive,) = [row for row in azure.rows("environments") if row["RowKey"] == ALIVE]
    azure.write_row("environments", READOPTED, alive["properties"]["Document"][1].replace(ALIVE, READOPTED))

    leap(scene.ground, HOUR)
    azure.hold_up("DELETE", f"rg-dormouse-{DELETED}", times=1)
    scene.fire()
    until(lambda: azure.faults()[0]["seen"], "nothing is deleted")
    scene.ground.host.kill()
    scene.ground.host.start()
    until(lambda: scene.status() == "Completed", "the pass does not end")

    assert not exists(azure, orphans[DELETED])
    assert not exists(azure, group(DELETED))
    assert not exists(azure, role["id"]), "its principal is gone"
    stay = [orphans[name] for name in (RETAGGED, REMADE, BUSY, READOPTED, LATER, LOST, UNREADABLE)]
    assert [one for one in (*stay, *theirs, newer, group(RETAGGED)) if not exists(azure, one)] == []
    ended = scene.trail(DELETED)
    assert (ended["outcome"], orphans[DELETED] in ended["reason"]) == ("succeeded", True), ended["reason"]
    assert ended["requested_by"].startswith("reconcile")
    refused = scene.trail(RETAGGED)
    assert (refused["outcome"], orphans[RETAGGED] in refused["reason"]) == ("cancelled", True)
    assert [one["verb"] for one in (scene.trail(ALIVE), ended)] == ["delete", "delete"]
    assert {row["RowKey"] for row in azure.rows("locks")} == {BUSY}, "the lock without an operation is released"

    second = scene.findings()
    states = {one: second[one]["state"] for one in (orphans[REMADE], orphans[LATER], newer, orphans[LOST], BY_HAND)}
    assert list(states.values()) == ["suspected", "confirmed", "suspected", "confirmed", "confirmed"]
    assert second[orphans[LOST]]["proof"] is None
    assert second[orphans[LOST]]["next_action"].startswith("Nothing: no record proves")
    assert second[orphans[LATER]]["per_month"]["currency"] == "USD"
    assert not {orphans[READOPTED], orphans[RETAGGED]} & second.keys()
    shown = scene.plane.get(BY_HAND)
    assert (shown["state"], "deleted outside Dormouse" in shown["problem"]) == ("absent", True)
    digests = [one["body"] for one in azure.messages("/dormouse") if "orphans found" in str(one["body"])]
    assert len(digests) == 1
    assert orphans[LOST] in str(digests[0])
    assert BY_HAND in str(digests[0])


def test_people_are_told_once_and_nothing_is_said_to_be_gone_that_may_be_hidden(scene: Scene) -> None:
    azure = scene.azure
    leap(scene.ground, HOUR)
    before = scene.findings()
    azure.permit("*", without=["Microsoft.Network/publicIPAddresses/read"])
    for one in azure.resources(ALIVE):
        azure.client.post("/resources/vanish", json={"id": one["id"]}).raise_for_status()
    after = scene.reconciled()
    assert ALIVE not in after, "what may not be read is not gone"
    assert after[BY_HAND]["since"] == before[BY_HAND]["since"]
    assert any("may hide" in one for one in scene.page()["problems"])
    azure.as_before()
    fresh = [one for one in azure.messages("/dormouse") if "orphans found" in str(one["body"])]
    assert all(group(LOST) not in str(one["body"]) for one in fresh[1:]), "it was told before"
    assert ALIVE in scene.reconciled()
