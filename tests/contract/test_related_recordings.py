"""What is asked most and not recorded as Dormouse asks it: sizes, batches of metrics, and rows of Resource Graph.

Lists of sizes are recorded without their requests; metrics are recorded machine by machine, and rows as a table.
"""

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from local.azure.core.world import SUBSCRIPTION
from local.azure.server import MANAGEMENT
from tests.conftest import unchecked
from tests.contract.azure import METRICS, Azure
from tests.contract.comparison import paths
from tests.contract.conftest import PROVES
from tests.contract.preparation import Preparation, settable
from tests.contract.recordings import DATA
from tests.contract.values import value_differences

Body = dict[str, Any]
MACHINE = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/lab/providers/Microsoft.Compute/virtualMachines/m"
ROWS, CPU, INVALID = "4c93c70b0a1e", "35c087ad1817", "84ede6189ee1"
# The recorder of these lists has left out what it did not need.
UNTOLD = ("locationInfo[].zoneDetails",)


@pytest.fixture
def azure(tmp_path: Path) -> Iterator[Azure]:
    if not DATA.is_dir():
        unchecked("The folder of recordings", PROVES)
    azure = Azure(tmp_path)
    yield azure
    azure.close()


def recorded(folder: str, identifier: str) -> Body:
    """One interaction as it was recorded."""
    lines = (line for line in (DATA / "interactions" / f"{folder}.jsonl").read_text().splitlines() if identifier in line)
    found: Body = json.loads(next(lines))
    return found


@pytest.mark.parametrize("region", ["southcentralus", "eastus"])
def test_sizes_have_the_recorded_shape(azure: Azure, region: str) -> None:
    name = f"resource-skus-{region}{'-skewer' if region == 'eastus' else ''}.json"
    theirs = json.loads((DATA / "extra" / name).read_text())["value"]
    asked = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Compute/skus?api-version=2021-07-01"
    ours = azure.manage("GET", f"{asked}&$filter=location eq '{region}'").body["value"]
    machines = [sku for sku in theirs if sku["resourceType"] == "virtualMachines"]
    known = {path for sku in machines for path in paths(sku)} | {f"locationInfo[].{path}" for path in ("zoneDetails",)}
    assert set(paths(ours[0])) <= known
    for sku in ours:
        assert [place["location"] for place in sku["locationInfo"]] == sku["locations"] == [region]


def test_what_is_recorded_of_our_sizes_is_what_we_say(azure: Azure) -> None:
    theirs = json.loads((DATA / "extra" / "resource-skus-southcentralus.json").read_text())["value"]
    asked = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Compute/skus?api-version=2021-07-01"
    ours = {sku["name"]: sku for sku in azure.manage("GET", f"{asked}&$filter=location eq 'southcentralus'").body["value"]}
    both = [sku for sku in theirs if sku["name"] in ours]
    assert len(both) >= 3
    for sku in both:
        mine = ours[sku["name"]]
        said = {one["name"] for one in mine["capabilities"]}
        known = {**sku, "capabilities": [one for one in sku["capabilities"] if one["name"] in said]}
        assert _capabilities(known) == _capabilities(mine)
        known, mine = ({k: v for k, v in one.items() if k != "capabilities"} for one in (known, mine))
        assert value_differences(known, mine) == []


def _capabilities(sku: Body) -> dict[str, str]:
    return {one["name"]: one["value"] for one in sku["capabilities"]}


def test_a_batch_shows_each_metric_as_it_is_recorded_for_one_machine(azure: Azure) -> None:
    record = recorded("monitor-metrics", CPU)
    theirs = record["response"]["body"]
    start, end = theirs["timespan"].split("/")
    azure.clock.now_at = datetime.fromisoformat(end).timestamp() - 3600
    Preparation(azure).put(MACHINE, Preparation(azure).machine(MACHINE, {"location": "eastus", "properties": {}}))
    azure.clock.now_at = datetime.fromisoformat(end).timestamp()
    query = "metricnamespace=microsoft.compute/virtualmachines&metricnames=Percentage CPU&interval=PT1M"
    path = f"/subscriptions/{SUBSCRIPTION}/metrics:getBatch?api-version=2024-02-01&starttime={start}&endtime={end}&{query}"
    said = azure.ask(METRICS.replace("westeurope", "eastus"), "POST", path, {"resourceids": [MACHINE]})
    assert said.status == 200, said.body
    (ours,) = json.loads(said.content)["values"]
    assert (ours["namespace"].lower(), ours["resourceregion"]) == (theirs["namespace"].lower(), theirs["resourceregion"])
    (metric,), (known,) = ours["value"], theirs["value"]
    assert paths(known).keys() - paths(metric).keys() == set()
    ends = [one.pop("id").rpartition("/providers/")[2] for one in (known, metric)]
    assert (ends[0], value_differences(known, metric)) == (ends[1], [])
    assert [point["timeStamp"] for point in metric["timeseries"][0]["data"]] == [
        point["timeStamp"] for point in known["timeseries"][0]["data"]
    ]


def test_an_unknown_metric_is_refused_in_the_recorded_words(azure: Azure) -> None:
    theirs = recorded("monitor-metrics", INVALID)["response"]
    Preparation(azure).put(MACHINE, Preparation(azure).machine(MACHINE, {"location": "eastus", "properties": {}}))
    query = "metricnamespace=microsoft.compute/virtualmachines&metricnames=InvalidMetric&interval=PT1M"
    path = f"/subscriptions/{SUBSCRIPTION}/metrics:getBatch?api-version=2024-02-01&{query}"
    said = azure.ask(METRICS.replace("westeurope", "eastus"), "POST", path, {"resourceids": [MACHINE]})
    assert (said.status, said.body["error"]["code"]) == (theirs["status"], theirs["body"]["code"])
    words = theirs["body"]["message"].partition(", Valid metrics: ")[0].lower()
    assert said.body["error"]["message"].lower().startswith(words)


def test_a_row_of_a_machine_has_the_recorded_columns_and_properties(azure: Azure) -> None:
    table = recorded("resource-graph", ROWS)["response"]["body"]["data"]
    names = [column["name"] for column in table["columns"]]
    rows = [dict(zip(names, row, strict=True)) for row in table["rows"]]
    theirs = next(row for row in rows if row["type"] == "microsoft.compute/virtualmachines")
    like = {**settable({**theirs, "type": ""}), "location": "southcentralus"}
    like["properties"]["hardwareProfile"] = {"vmSize": "Standard_D2s_v5"}
    like["properties"]["networkProfile"] = {}
    like = {name: like[name] for name in ("location", "tags", "properties")}
    prepare = Preparation(azure)
    prepare.put(MACHINE, prepare.machine(MACHINE, like))
    azure.world.index_everything()
    query = {"query": "resources | where type =~ 'microsoft.compute/virtualmachines'", "subscriptions": [SUBSCRIPTION]}
    said = azure.ask(MANAGEMENT, "POST", "/providers/Microsoft.ResourceGraph/resources?api-version=2021-03-01", query)
    (ours,) = said.body["data"]
    # Since then, rows have one more column (recorded in 2023).
    assert set(ours) == {*names, "extendedLocation"}
    missing = paths(theirs["properties"]).keys() - paths(ours["properties"]).keys()
    assert {path for path in missing if not path.startswith("diagnosticsProfile")} == set()
    kept = {name: theirs[name] for name in ("type", "location", "tags", "kind", "zones", "managedBy", "sku", "plan")}
    assert value_differences(kept, ours) == []
