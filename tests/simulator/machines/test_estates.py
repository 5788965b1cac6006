"""Existing machines, loaded from an estate."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from local.azure.core.responses import Answer
from local.azure.core.world import SUBSCRIPTION
from local.azure.vms import estate_loader, estates
from local.azure.vms.estates import EstateError
from local.azure.vms.timelines import QUIET, beginning, changed, ending, shown, signals_of
from tests.contract.azure import Azure
from tests.simulator.services.test_graph import PATH
from tests.simulator.services.test_metrics import ask, points
from tests.simulator.test_throttling_and_faults import manage
from tests.support import ROOT

COMPUTE = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/lab/providers/Microsoft.Compute/virtualMachines"


@pytest.fixture
def azure(tmp_path: Path) -> Iterator[Azure]:
    fresh = Azure(tmp_path)
    yield fresh
    fresh.close()


def load(azure: Azure, **fields: Any) -> Answer:
    given = {"id": "lab/vm", "size": "Standard_NC24ads_A100_v4", **fields}
    return azure.ask("simulation.localhost", "POST", "/estate", {"machines": [given]}, token=False)


def test_the_documented_example_can_be_loaded(azure: Azure) -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / "estates.md").read_text(), re.DOTALL)
    assert estate_loader.load(azure.world, yaml.safe_load(example)) == 201


def test_the_published_schema_matches_the_loader() -> None:
    assert json.loads(estates.SCHEMA.read_text()) == estates.schema()


def test_every_error_is_reported_at_once_and_nothing_is_loaded(azure: Azure) -> None:
    wrong = {
        "id": "no slash",
        "size": 5,
        "region": "westeurope",
        "power": "asleep",
        "created": "yesterday",
        "colour": "red",
        "host": {"cpu_percent": "5..1", "gpu_percent": 1},
        "inside": {"gpu_percent": [{"value": 1, "minutes": 0}], "jobs": []},
        "awake": [{"by": "a", "for": "2 hours"}],
    }
    right = {"id": "lab/right", "size": "Standard_D2s_v5"}
    answer = azure.ask("simulation.localhost", "POST", "/estate", {"machines": [right, wrong]}, token=False)
    assert (answer.status, answer.body["error"]["code"]) == (400, "InvalidEstate")
    said = "\n".join(answer.body["error"]["faults"])
    for fault in (
        "machines.1.id: 'no slash' is neither group/name nor the ID of a machine",
        "machines.1.size: Input should be a valid string",
        "machines.1.power: Input should be 'running', 'deallocated'",
        "machines.1.created: 'yesterday' is not an age",
        "machines.1.colour: Extra inputs are not permitted",
        "machines.1.host.cpu_percent: the range '5..1' ends before it begins",
        "machines.1.host.gpu_percent: Input should be 'cpu_percent'",
        "machines.1.inside.gpu_percent: minutes must be a whole number of at least 1, not 0",
        "machines.1.inside.jobs: a timeline as a list must have at least one item",
        "machines.1.awake.0.reason: Field required",
        "machines.1.awake.0.for: '2 hours' is not an age",
    ):
        assert fault in said
    assert azure.world.resource(f"{COMPUTE}/right") is None


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"region": "atlantis"}, "machines.0.region: there is no region atlantis"),
        ({"created": "1h", "started": "2h"}, "cannot have started before it was created"),
        (
            {"id": "/subscriptions/other/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/x"},
            "other is none of them",
        ),
        ({"host": {"cpu_percent": True}}, "True is not a number"),
        ({"host": {"cpu_percent": [{"max": 1, "p95": 1}]}}, "or {value, minutes}"),
        ({"inside": {"cpu_percent": "low"}}, "'low' is not a range"),
    ],
)
def test_an_invalid_estate_is_rejected(azure: Azure, fields: dict[str, Any], fault: str) -> None:
    answer = load(azure, **fields)
    assert answer.status == 400
    assert fault in "\n".join(answer.body["error"]["faults"])


def test_a_duplicate_name_is_rejected(azure: Azure) -> None:
    machine = {"id": "lab/vm", "size": "x"}
    with pytest.raises(EstateError, match="is listed 2 times"):
        estate_loader.load(azure.world, {"machines": [machine, machine]})


def test_a_loaded_machine_has_all_its_resources(azure: Azure) -> None:
    answer = load(
        azure, tags={"dormouse": "on"}, size="Standard_Unheard_Of", hibernation=True, priority="Spot", scale_set="pool"
    )
    assert answer.body == {"loaded": 1}
    path = f"{COMPUTE}/vm"
    assert manage(azure, "GET", path.partition("/providers")[0]).status == 200
    seen = manage(azure, "GET", path).body
    assert seen["identity"]["principalId"]
    assert seen["properties"]["hardwareProfile"] == {"vmSize": "Standard_Unheard_Of"}
    assert [status["code"] for status in manage(azure, "GET", f"{path}/instanceView").body["statuses"]][
        -1
    ] == "PowerState/running"
    assert manage(azure, "PATCH", path, {"tags": {"a": "b"}}).status == 200
    assert (
        manage(azure, "POST", f"{path}/runCommand", {"commandId": "RunShellScript", "script": ["cloud-init status"]}).status
        == 202
    )
    azure.finish()
    assert manage(azure, "POST", f"{path}/deallocate").status == 202
    azure.finish()
    assert manage(azure, "GET", f"{path}/instanceView").body["statuses"][-1]["code"] == "PowerState/deallocated"
    assert manage(azure, "POST", f"{path}/start").status == 202
    azure.finish()
    assert manage(azure, "DELETE", path).status == 202
    azure.finish()
    assert manage(azure, "GET", path).status == 404


def test_resource_graph_shows_an_estate_at_once(azure: Azure) -> None:
    load(azure, repeat=1200, ephemeral_disk=True, power="deallocating")
    query = """resources | where type =~ 'microsoft.compute/virtualmachines' | order by id asc
        | project name, disk = tostring(properties.storageProfile.osDisk.diffDiskSettings.option),
          power = tostring(properties.extended.instanceView.powerState.code)"""
    said = azure.manage("POST", PATH, {"query": query, "options": {"$skip": 1000}}).body
    assert (said["totalRecords"], said["count"]) == (1200, 200)
    assert said["data"][-1] == {"name": "vm-1200", "disk": "Local", "power": ""}


def test_existing_machines_are_not_changed(azure: Azure) -> None:
    load(azure, tags={"first": "yes"})
    assert load(azure, repeat=1, tags={"first": "no"}).body == {"loaded": 0}
    assert manage(azure, "GET", f"{COMPUTE}/vm").body["tags"] == {"first": "yes"}


def test_the_last_value_of_a_timeline_is_the_latest_minute_and_is_held() -> None:
    timeline = ending([(7, 1), (None, 2), ({"max": 9, "p95": 3}, 2)], last=100)
    assert shown(timeline, 0, range(94, 103)) == [None, None, 7, None, None, 9, 9, 9, 9]
    assert shown(timeline, 0, range(99, 101), "p95") == [3, 3]
    later = changed(timeline, beginning([(1, 1), (2, 1)], 100))
    assert shown(later, 0, range(98, 104)) == [None, 9, 1, 2, 2, 2]


def test_signals_can_be_changed_from_the_current_minute_on(azure: Azure) -> None:
    load(azure, host={"cpu_percent": 10, "disk_read_bytes_per_second": 1})
    azure.world.store.put("facts", "metrics lag", {"minutes": 0})
    path = f"{COMPUTE}/vm"
    body = {"id": path, "host": {"cpu_percent": 90}, "inside": {"jobs": 1}}
    assert azure.ask("simulation.localhost", "PUT", "/signals", body, token=False).status == 204
    azure.pass_time(180)
    cpu = [point.get("average") for point in points(ask(azure, path, aggregation="average"))]
    assert (cpu[0], cpu[-2], cpu.count(90)) == (10, 90, 3)
    disk = points(ask(azure, path, metricnames="Disk Read Bytes", aggregation="total"))
    assert disk[-2]["total"] == 60
    assert points(ask(azure, path, metricnames="Disk Write Bytes"))[-2].keys() == {"timeStamp"}
    wrong = {"id": f"{COMPUTE}/nobody"}
    assert azure.ask("simulation.localhost", "PUT", "/signals", wrong, token=False).status == 400


def test_a_stopped_machine_has_no_data_whatever_its_timelines(azure: Azure) -> None:
    load(azure, power="deallocated", host={"cpu_percent": 10})
    assert all(point.keys() == {"timeStamp"} for point in points(ask(azure, f"{COMPUTE}/vm")))


def test_data_begin_at_the_last_start(azure: Azure) -> None:
    load(azure, started="5m", host={"cpu_percent": 10})
    azure.world.store.put("facts", "metrics lag", {"minutes": 0})
    assert sum("average" in point for point in points(ask(azure, f"{COMPUTE}/vm"))) in (5, 6)


def test_a_provisioned_machine_is_quiet_by_default(azure: Azure) -> None:
    machine = {"id": f"{COMPUTE}/provisioned", "_power": "running"}
    assert signals_of(azure.world, machine) == QUIET
    azure.world.keep({**machine, "type": "x", "properties": {}})
    estate_loader.change(azure.world, {"id": machine["id"], "inside": {"jobs": 3}})
    signals = signals_of(azure.world, machine)
    minute = int(azure.world.seconds() // 60)
    assert shown(signals["inside"]["jobs"], 0, range(minute - 1, minute + 1)) == [0, 3]


def test_an_invalid_estate_prevents_the_simulation_from_starting(tmp_path: Path) -> None:
    (tmp_path / "estate.yaml").write_text("machines: [{id: a/b}]")
    command = [sys.executable, "-m", "local.azure", "--home", str(tmp_path), "--estate", str(tmp_path / "estate.yaml")]
    done = subprocess.run(command, capture_output=True, cwd=ROOT, timeout=60, check=False)
    assert done.returncode == 1
    assert b"machines.0.size: Field required" in done.stderr
