"""The roles that a deployment assigns: each has every action that its work needs, linked ones included, and no other.

What is needed is what the simulated Azure has checked. Each test does all the work of one role, with this role and Reader
only: an action that lacks ends it, and one that nothing has needed is listed.
"""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from dormouse.blueprints.catalog import BLUEPRINTS
from local.azure.services.authorization.assignments import ROLES
from local.sandbox import Ground, temporary_ground
from tests.fleet import FleetSide, machine, side, warm_up
from tests.integration.environments.changes.test_changes_in_place import LARGE
from tests.integration.environments.platform.test_ml_workspace import SPEC as ML_WORKSPACE
from tests.integration.environments.platform.test_runner_cluster import SPEC as RUNNER_CLUSTER
from tests.integration.environments.test_build_agent import SPEC as BUILD_AGENT
from tests.integration.environments.test_build_agent import Pipelines
from tests.integration.environments.test_build_agent_jobs import SPEED
from tests.integration.environments.test_data_science import SPEC as DATA_SCIENCE
from tests.integration.environments.test_hibernation import ABLE
from tests.integration.idle.test_gpu_pools import SPEC as IDLE_RUNNERS
from tests.integration.idle.test_gpu_pools import Runners
from tests.integration.idle.test_ml_clusters import HELD, RIGHTS, Clusters
from tests.integration.idle.test_schedules_and_adoption import around, now_there
from tests.support import ROOT, SUBSCRIPTION, AzureSide, ControlPlane, until

ML_SHARED: dict[str, Any] = json.loads((ROOT / "examples" / "ml-shared.json").read_text())
IDENTITY = "Microsoft.ManagedIdentity/userAssignedIdentities"


@pytest.fixture(scope="module")
def ground() -> Iterator[Ground]:
    """A sandbox of its own, because what is checked is recorded for all that happens in one."""
    with temporary_ground(speed=SPEED, timers=False) as running:
        with running.client() as client:
            warm_up(client)
        yield running


@pytest.fixture
def fleet(ground: Ground) -> Iterator[FleetSide]:
    with ground.client() as client, ground.simulation() as simulation:
        yield from side(client, simulation)


def assert_needed(azure: AzureSide, *roles: str) -> None:
    """Requests have needed every action of these roles, and none that is not allowed."""
    checked = {action: allowed for action, allowed in azure.checked().items() if not action.endswith("/read")}
    assert [action for action, allowed in checked.items() if not allowed] == []
    assert sorted(checked) == sorted({action.lower() for role in roles for action in ROLES[role]})


def test_sweeps_need_their_role(fleet: FleetSide, azure: AzureSide) -> None:
    azure.assign(*RIGHTS)
    clusters = Clusters.built(ControlPlane(fleet.control_plane), azure, "gpu")
    clusters.scale("gpu", **HELD)
    runners = Runners(ControlPlane(fleet.control_plane), azure)
    runners.control_plane.up("rc1", IDLE_RUNNERS)
    runners.queue(0)
    now = now_there(fleet)
    azure.assign({"role": "reader"}, {"role": "sweep"})
    soon = around(now + timedelta(minutes=2), 5, 600)
    fleet.load(idle=machine(), rises=machine(idle="off", power="deallocated", tags={"dormouse-schedule": soon}))
    asleep, awake = "deallocated", "running"
    until(lambda: fleet.sweep() and (fleet.power("idle"), fleet.power("rises")) == (asleep, awake), "it does not act")
    until(lambda: clusters.sweep()["gpu"]["state"] == "stopped", "the cluster is not scaled to zero")
    until(lambda: runners.sweep()["state"] == "stopped", "the pool is not scaled to zero")
    assert_needed(azure, "sweep")


def test_adoption_needs_its_role(fleet: FleetSide, azure: AzureSide) -> None:
    fleet.load(foundling=machine(idle=None, agent=False))
    others = azure.found(fleet.group, IDENTITY, "others", {})
    (there,) = fleet.simulation.get("/resources", params={"below": fleet.id("foundling").lower()}).json()["value"]
    there["identity"] = {"type": "UserAssigned", "userAssignedIdentities": {others: {}}}
    card = azure.found(fleet.group, "Microsoft.Network/networkInterfaces", "foundling", {}, ipConfigurations=[])
    there["properties"]["networkProfile"] = {"networkInterfaces": [{"id": card}]}
    fleet.simulation.post("/resources/appear", json=there).raise_for_status()
    azure.assign({"role": "reader"}, {"role": "adopt"})
    plane, body = ControlPlane(fleet.control_plane), {"machine": fleet.id("foundling")}
    for verb in ("adopt", "release"):
        ended = plane.follow(fleet.control_plane.post(f"/machines/{verb}", json=body))
        assert ended["outcome"] == "succeeded", ended["reason"]
    (there,) = fleet.simulation.get("/resources", params={"below": fleet.id("foundling").lower()}).json()["value"]
    assert (there["identity"]["type"], list(there["identity"]["userAssignedIdentities"])) == (
        "SystemAssigned, UserAssigned",
        [others],
    )
    assert_needed(azure, "adopt")


def succeeded(operation: dict[str, Any]) -> None:
    assert operation["outcome"] == "succeeded", operation["reason"]


def test_environments_of_every_blueprint_need_the_role_of_building(ground: Ground, azure: AzureSide, name: str) -> None:
    assert LIVES.keys() == BLUEPRINTS.keys()
    azure.assign({"role": "reader"}, {"role": "provision"}, {"role": "share"})

    def live(blueprint: str) -> None:
        with ground.client() as client, ground.simulation() as simulation:
            LIVES[blueprint](ControlPlane(client), AzureSide(simulation), f"{name}-{blueprint}")

    with ThreadPoolExecutor() as threads:
        list(threads.map(live, LIVES))
    assert_needed(azure, "provision", "share")


def _live_as_a_workstation(control_plane: ControlPlane, azure: AzureSide, name: str) -> None:
    """Everything that can be done to one environment; something of others in its group lets it be deleted piece by piece."""
    control_plane.up(name, ABLE)
    _fail_halfway(control_plane, azure, name)
    for verb in ("hibernate", "start", "restart", "rotate-password", "stop"):
        succeeded(control_plane.follow(control_plane.post(name, verb)))
    changed = {**ABLE, "size": LARGE, "disk": {"size_gib": 256}, "allow_from": ["10.1.0.0/16"]}
    succeeded(control_plane.provision(name, changed))
    azure.found_address(f"rg-dormouse-{name}", f"theirs-{name}", tags={})
    succeeded(control_plane.follow(control_plane.delete(name, snapshot="true")))


def _live_as_a_data_science_machine(control_plane: ControlPlane, azure: AzureSide, name: str) -> None:
    """With a data disk that outlives it."""
    succeeded(control_plane.provision(name, {**DATA_SCIENCE, "data_disks": [{"keep": True}]}))
    succeeded(control_plane.down(name))
    assert azure.disks(name)


def _live_as_build_agents(control_plane: ControlPlane, azure: AzureSide, name: str) -> None:
    """Agents that a token registers, and one that an identity registers."""
    pipelines = Pipelines(azure)
    control_plane.up(name, {**BUILD_AGENT, "count": 1})
    succeeded(control_plane.down(name))
    identity = azure.found(f"shared-{name}", IDENTITY, "agents", {})
    pipelines.set_up(member=True, identities=(identity,))
    fields = {"authentication": "entra", "identity": identity, "count": 1}
    control_plane.up(name, {**{key: value for key, value in BUILD_AGENT.items() if key != "token_secret"}, **fields})
    succeeded(control_plane.down(name))


def _live_as_shared_parts_of_ml(control_plane: ControlPlane, azure: AzureSide, name: str) -> None:
    """In a private network, with people, all that Azure adds later, and something of others that keeps its group."""
    ana = azure.client.post("/people/token", json={"name": "ana"}).raise_for_status().json()["object_id"]
    registries = [{"name": one, "sku": "Premium"} for one in ("staging", "healthy")]
    private = {"registries": registries, "private_network": {"nat_gateway": True}}
    control_plane.up(name, {**ML_SHARED, **private, "developers": [ana]})
    alert = "microsoft.alertsManagement/smartDetectorAlertRules"
    endpoint = {**ML_WORKSPACE, "shared": name, "private_endpoint": True, "datastores": [], "developers": []}
    control_plane.up(f"{name}-w", endpoint)
    succeeded(control_plane.down(f"{name}-w"))
    until(lambda: azure.of_type(name, alert), "Azure has not added the alert rule")
    _promote_an_image(control_plane, azure, name)
    azure.found_address(f"rg-dormouse-{name}", f"theirs-{name}", tags={})
    root = azure.client.post("/people/token", json={"name": "root", "roles": ["admin"]}).raise_for_status().json()
    headers = {"Authorization": f"Bearer {root['access_token']}"}
    purged = control_plane.client.delete(f"/environments/{name}", params={"purge": "true"}, headers=headers)
    succeeded(control_plane.follow(purged))


def _promote_an_image(control_plane: ControlPlane, azure: AzureSide, name: str) -> None:
    planned = control_plane.put(name, control_plane.get(name)["spec"], dry_run="true").json()["resources"]
    (staging,) = [one["id"].rpartition("/")[2] for one in planned if one["name"] == "staging"]
    image = {"registry": staging, "repository": "trainer", "digest": f"sha256:{'d' * 64}", "tag": "1"}
    azure.client.post("/images", json=image).raise_for_status()
    accepted = control_plane.client.post(
        f"/environments/{name}/promote-image", json={"image": f"trainer:1@{image['digest']}"}
    )
    succeeded(control_plane.follow(accepted))


def _live_as_an_ml_workspace(control_plane: ControlPlane, azure: AzureSide, name: str) -> None:
    """With its parent, a cluster in a network, changes of everything, and parts of it that go before the rest."""
    ana = azure.client.post("/people/token", json={"name": "ana"}).raise_for_status().json()["object_id"]
    shared, net = f"{name}-s", f"{SUBSCRIPTION}/resourceGroups/nets/providers/Microsoft.Network/virtualNetworks/{name}"
    azure.found_network(net)
    control_plane.up(shared, ML_SHARED)
    clusters = [{"name": "gpu", "subnet": f"{net}/subnets/default"}, {"name": "cpu", "size": "Standard_D4s_v5"}]
    stores = [{"name": "datasets", "container": "datasets"}]
    spec = {**ML_WORKSPACE, "shared": shared, "clusters": clusters, "datastores": stores, "developers": [ana]}
    control_plane.up(name, spec)
    changed = [{**clusters[0], "max_nodes": 9}]
    control_plane.up(name, {**spec, "title": "Other", "clusters": changed, "datastores": [], "image_build_cluster": ""})
    azure.found_address(f"rg-dormouse-{name}", f"theirs-{name}", tags={})
    succeeded(control_plane.down(name))
    succeeded(control_plane.down(shared))


def _fail_halfway(control_plane: ControlPlane, azure: AzureSide, name: str) -> None:
    """Parts that users have deleted are created again; one of them fails, and all of these are rolled back."""
    for kind in (
        "Microsoft.Compute/virtualMachines/extensions",
        "Microsoft.Storage/storageAccounts/blobServices/containers",
    ):
        for lost in azure.of_type(name, kind):
            azure.client.post("/resources/vanish", json={"id": lost["id"]}).raise_for_status()
    azure.spoil(method="PUT", path=f"vm-{name}/extensions/", effect="fail", code="VMExtensionProvisioningError", times=1)
    ended = control_plane.provision(name, ABLE)
    assert (ended["outcome"], ended["leftovers"]) == ("failed", []), ended["reason"]
    succeeded(control_plane.provision(name, ABLE))


def _live_as_runner_clusters(control_plane: ControlPlane, azure: AzureSide, name: str) -> None:
    """One that is stopped and started, and gets another pool; and one that only Azure can reach. Hosts are VMs."""
    alone = {key: value for key, value in RUNNER_CLUSTER.items() if key not in ("queue", "object_store")}
    control_plane.up(name, alone)
    for verb in ("stop", "start"):
        succeeded(control_plane.follow(control_plane.post(name, verb)))
    succeeded(control_plane.provision(name, {**alone, "gpu": {**alone["gpu"], "pool": "gpu2"}}))
    succeeded(control_plane.down(name))
    control_plane.up(f"{name}-p", {**alone, "private": True})
    # Something of others in its group lets it be deleted piece by piece.
    azure.found_address(f"rg-dormouse-{name}-p", f"theirs-{name}", tags={})
    succeeded(control_plane.down(f"{name}-p"))


LIVES: dict[str, Callable[[ControlPlane, AzureSide, str], None]] = {
    "build-agent": _live_as_build_agents,
    "ml-shared": _live_as_shared_parts_of_ml,
    "runner-cluster": _live_as_runner_clusters,
    "ml-workspace": _live_as_an_ml_workspace,
    "data-science": _live_as_a_data_science_machine,
    "workstation": _live_as_a_workstation,
}
