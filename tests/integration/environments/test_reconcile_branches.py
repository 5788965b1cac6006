"""Reconciliation of what is not in a group: secrets, roles, deleted vaults; and where Azure or the policy says no.

Two deployments are at work in one subscription, with the same vault and the same identity.
"""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import httpx
import pytest

from dormouse import serialization
from dormouse.clock import HOUR
from local.plain_http import NO_TLS
from local.processes import Process
from local.sandbox import Ground, free_port, temporary_ground
from tests.integration.environments.platform.test_ml_shared import SPEC as ML_SHARED
from tests.integration.environments.platform.test_ml_shared import roles_of
from tests.integration.environments.test_ownership import both_tags
from tests.integration.environments.test_reconcile import DAY, Scene, group
from tests.support import AzureSide, ControlPlane
from tests.unit.builders import ULID
from tests.unit.reconcile.views import SECRET, ended

# Environments that have ended: one with a group, one with a secret, one with a custom role and a deleted vault.
PLAIN, SECRETIVE, SHARED = "plain1", "gone1", "shared1"
STAGING_GROUP = group(f"staging--{PLAIN}")


@dataclass
class Passes(Scene):
    """A control plane, its records, and the key and port of its host."""

    port: int = 0
    master: str = ""
    table: str = "reconcile"

    def fire(self) -> None:
        where = f"http://127.0.0.1:{self.port}/admin/functions/reconcile_timer"
        fired = httpx.post(where, json={}, headers={"x-functions-key": self.master})
        assert fired.status_code == httpx.codes.ACCEPTED

    def status(self) -> str:
        where = f"http://127.0.0.1:{self.port}/runtime/webhooks/durabletask/instances/reconcile"
        return str(httpx.get(where, headers={"x-functions-key": self.master}).json()["runtimeStatus"])

    def pass_by(self, seconds: float) -> None:
        """All findings are so much older: as if the passes before had looked earlier."""
        for row in self.azure.rows(self.table):
            if row["PartitionKey"] == "findings":
                finding = json.loads(row["properties"]["Document"][1])
                for name in ("first_seen", "last_seen", "tried_at"):
                    finding[name] -= seconds if finding[name] else 0.0
                self.write("findings", row["RowKey"], json.dumps(finding))

    def write(self, partition: str, key: str, document: str) -> None:
        body = {"table": self.table, "partition": partition, "key": key, "document": document, "columns": {}}
        self.azure.client.put("/rows", json=body).raise_for_status()

    def has_ended(self, name: str, named: str = "") -> None:
        """The record of a workstation that has ended; `named` is another name in its IDs."""
        text = serialization.text_of(ended(name))
        self.write("former", f"{name}:{ULID}", text.replace(f"rg-dormouse-{name}", f"rg-dormouse-{named or name}"))

    def ids(self) -> set[str]:
        return {*self.findings()}


@pytest.fixture(scope="module")
def ground() -> Iterator[Ground]:
    settings = {"RECONCILE": "report"}
    with temporary_ground(speed=200.0, timers=False, agents=False, settings=settings) as running:
        yield running


@pytest.fixture(scope="module")
def main(ground: Ground) -> Iterator[Passes]:
    with ground.client() as client, ground.simulation() as simulation:
        plane = ControlPlane(client)
        yield Passes(ground, client, plane, AzureSide(simulation), ground.port, ground.keys["master"])


@pytest.fixture(scope="module")
def staging(ground: Ground, main: Passes, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Passes]:
    """A second control plane of the same sandbox that may delete."""
    home, port = tmp_path_factory.mktemp("staging"), free_port()
    command = list(ground.host.command)
    command[command.index("--home") + 1] = str(home)
    command[command.index("--port") + 1] = str(port)
    settings = {"DEPLOYMENT_ID": "staging", "RECONCILE": "delete"}
    host = Process(command, {**ground.host.environment, **settings}, home / "host.log")
    host.start()
    with ExitStack() as cleanup:
        cleanup.callback(host.kill)
        keys = json.loads((home / "keys.json").read_text())
        address, headers = f"http://127.0.0.1:{port}/api", {"x-functions-key": keys["function"]}
        client = cleanup.enter_context(
            httpx.Client(base_url=address, headers=headers, timeout=30, trust_env=False, verify=NO_TLS)
        )
        plane = ControlPlane(client)
        yield Passes(ground, client, plane, main.azure, port, keys["master"], "stagingreconcile")


@pytest.fixture(scope="module")
def left(main: Passes, staging: Passes) -> dict[str, str]:
    """The IDs of what is left of environments that have ended, in both deployments."""
    azure = main.azure
    accepted = main.plane.put(SHARED, {**ML_SHARED, "developers": []})
    assert main.plane.wait(accepted.json()["operation"])["outcome"] == "succeeded"
    (role,) = roles_of(azure, SHARED)
    main.plane.down(SHARED)
    azure.client.post("/resources/appear", json=role).raise_for_status()
    for name in (PLAIN, SECRETIVE):
        main.has_ended(name)
    azure.client.post("/secrets/store", json={"name": SECRET, "value": "x", "tags": both_tags(SECRETIVE)}).raise_for_status()
    address = main.appears(PLAIN)
    theirs = {**both_tags(PLAIN), "dormouse-deployment": "staging"}
    staging.has_ended(PLAIN, f"staging--{PLAIN}")
    azure.found_group(f"rg-dormouse-staging--{PLAIN}", theirs)
    return {"role": role["id"], "secret": f"secrets/{SECRET}", "address": address, "group": group(PLAIN)}


def test_two_deployments_in_one_subscription_find_and_delete_only_what_is_theirs(
    main: Passes, staging: Passes, left: dict[str, str]
) -> None:
    azure = main.azure
    ours, theirs = main.reconciled(), staging.reconciled()
    assert theirs.keys() == {STAGING_GROUP}
    (vault,) = ours.keys() - {*left.values()}
    assert "/vaults/" in vault
    assert ours.keys() == {*left.values(), vault}
    assert (ours[vault]["kind"], ours[vault]["environment"]) == ("soft_deleted", SHARED)
    assert {one["kind"] for one in ours.values()} == {"resource", "secret", "custom_role", "soft_deleted"}
    main.pass_by(HOUR)
    staging.pass_by(HOUR)
    ours, theirs = main.reconciled(), staging.reconciled()
    assert {one["state"] for one in ours.values()} == {"confirmed"}
    assert {one["next_action"] for key, one in ours.items() if key != vault} == {"Nothing: RECONCILE is `report`"}
    assert ours[vault]["next_action"] == "Nothing: recover or purge it"
    there = {one["id"] for one in azure.everything()}
    assert STAGING_GROUP not in there, "the other deployment may delete"
    assert {left["address"], left["group"], left["role"]} <= there
    assert SECRET in azure.secrets(SECRETIVE)
    assert main.client.get("/operations", params={"environment": PLAIN}).json()["value"] == []


def test_what_azure_refuses_is_reported_and_tried_again_after_a_day(
    main: Passes, staging: Passes, left: dict[str, str]
) -> None:
    azure, ground = main.azure, main.ground
    ground.host.kill()
    ground.host.environment = {**ground.host.environment, "RECONCILE": "delete"}
    ground.host.start()
    azure.spoil(method="DELETE", path=f"rg-dormouse-{PLAIN}", status=409, code="ScopeLocked", times=50)
    after = main.reconciled()
    failed = main.trail(PLAIN)
    assert (failed["outcome"], left["group"] in failed["reason"]) == ("failed", True)
    assert (main.trail(SECRETIVE)["outcome"], main.trail(SHARED)["outcome"]) == ("succeeded", "succeeded")
    assert SECRET in azure.deleted_secrets(), "it can be recovered"
    assert left["role"] not in {one["id"] for one in azure.everything()}
    assert after[left["group"]]["operation"] == failed["id"]
    later = main.reconciled()
    assert {one["kind"] for one in later.values()} == {"resource", "soft_deleted"}
    assert later[left["group"]]["next_action"].startswith("A deletion was tried at")
    assert main.trail(PLAIN)["id"] == failed["id"], "not before a day has passed"
    assert azure.locks(PLAIN) == []
    azure.behave()
    main.pass_by(DAY)
    main.reconciled()
    again = main.trail(PLAIN)
    assert (again["outcome"], again["id"] != failed["id"]) == ("succeeded", True)
    assert not {left["address"], left["group"]} & {one["id"] for one in azure.everything()}
    assert {one["kind"] for one in main.reconciled().values()} == {"soft_deleted"}


def test_a_new_environment_of_the_name_recovers_its_vault_and_ends_the_finding(
    main: Passes, staging: Passes, left: dict[str, str]
) -> None:
    accepted = main.plane.put(SHARED, {**ML_SHARED, "developers": []})
    assert main.plane.wait(accepted.json()["operation"])["outcome"] == "succeeded"
    assert main.reconciled() == {}
    assert staging.reconciled() == {}
