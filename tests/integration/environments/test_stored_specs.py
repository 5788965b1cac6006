"""An environment whose stored spec is invalid by today's rules can be shown, listed, changed, stopped and deleted."""

import json
from typing import Any

import pytest

from tests.support import WORKSTATION, AzureSide, ControlPlane

ENDLESS = {"cpu_cores": None, "window": 30}  # how older records contain an infinite number


def respecified(azure: AzureSide, name: str, **fields: Any) -> None:
    """Store some fields of the spec as another release would have."""
    row = next(row for row in azure.rows("environments") if row["RowKey"] == name)
    record = json.loads(row["properties"]["Document"][1])
    spec = {**json.loads(record["spec"]), **fields}
    azure.write_row("environments", name, json.dumps({**record, "spec": json.dumps(spec)}))


def test_an_environment_with_a_spec_that_is_now_invalid_can_be_shown_changed_and_deleted(
    control_plane: ControlPlane, azure: AzureSide, name: str
) -> None:
    control_plane.up(name)
    respecified(azure, name, idle=ENDLESS, a_field_of_tomorrow=[1])
    shown = control_plane.get(name)
    assert shown["spec"]["idle"]["cpu_cores"] is None
    assert name in {each["name"] for each in control_plane.every_environment()}
    kept = control_plane.put(name, {**WORKSTATION, "idle": {"cpu_cores": None}})
    assert kept.status_code == 422
    assert [fault["pointer"] for fault in kept.json()["errors"]] == ["/idle/cpu_cores"]
    looked = control_plane.put(name, {**WORKSTATION, "idle": {"cpu_cores": 2}}, dry_run="true")
    assert (looked.status_code, looked.json()["would"]) == (200, "change")
    assert control_plane.provision(name, {**WORKSTATION, "idle": {"cpu_cores": 2}})["outcome"] == "succeeded"
    assert control_plane.get(name)["spec"]["idle"]["cpu_cores"] == 2
    respecified(azure, name, idle=ENDLESS)
    assert control_plane.down(name)["outcome"] == "succeeded"


@pytest.mark.parametrize("number", ["1e999", "Infinity", "-1e999", "NaN"])
def test_an_infinite_number_is_rejected(control_plane: ControlPlane, name: str, number: str) -> None:
    body = json.dumps({**WORKSTATION, "idle": {"cpu_cores": 0}}).replace('"cpu_cores": 0', f'"cpu_cores": {number}')
    answer = control_plane.client.put(f"/environments/{name}", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in (400, 422), answer.text
    assert control_plane.client.get(f"/environments/{name}").status_code == 404


@pytest.mark.parametrize("message", ["x" * 100_000, "\N{GRINNING FACE}" * 20_000, '"\\' * 30_000])
def test_a_refusal_message_of_100_kb_is_truncated(
    control_plane: ControlPlane, azure: AzureSide, name: str, message: str
) -> None:
    azure.spoil(
        method="PUT", path=f"{name}/providers/Microsoft.Compute/virtualMachines", code="SkuNotAvailable", message=message
    )
    operation = control_plane.provision(name)
    assert operation["outcome"] in ("failed", "refused"), operation
    assert "characters in all)" in operation["reason"]
    assert operation["refusals"][0]["detail"].endswith("characters in all)")
    assert azure.resources(name) == []
    assert azure.locks(name) == []
