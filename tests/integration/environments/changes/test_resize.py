"""Resize: what is stopped stays stopped, what runs is restarted only on request, and a rejected size is put back."""

from typing import Any

import httpx
import pytest

from tests.integration.environments.changes.test_changes_in_place import LARGE, SMALL, size_of, spec, stop
from tests.support import WORKSTATION, AzureSide, ControlPlane


def resize(control_plane: ControlPlane, name: str, size: str = LARGE, **more: Any) -> httpx.Response:
    return control_plane.client.post(f"/environments/{name}/resize", json={"size": size, **more})


def test_a_stopped_environment_is_resized_and_stays_stopped(
    control_plane: ControlPlane, azure: AzureSide, name: str
) -> None:
    control_plane.up(name, spec())
    stop(control_plane, name)
    looked = resize(control_plane, name, dry_run=True).json()
    assert (looked["would"], looked["state"], looked["size"], looked["restarts"]) == ("resize", "stopped", LARGE, False)
    assert looked["price_per_hour"]["amount"] > control_plane.get(name)["price_per_hour"]["amount"]
    assert (looked["refusals"], size_of(azure, name)) == ([], SMALL)
    ended = control_plane.follow(resize(control_plane, name))
    assert ended["outcome"] == "succeeded", ended["reason"]
    assert [step["name"] for step in ended["steps"]] == ["preflight", "resize vm"]
    assert "It is stopped, as confirmed by Azure, and its computing is not billed." in ended["reason"]
    seen = control_plane.get(name)
    assert (size_of(azure, name), seen["state"], seen["billed"], seen["spec"]["size"]) == (LARGE, "stopped", False, LARGE)
    again = resize(control_plane, name)
    assert (again.status_code, again.json()["state"]) == (200, "stopped")
    # The old file differs from the record now, and is applied as long as the environment is stopped.
    assert control_plane.put(name, spec(), dry_run="true").json()["would"] == "change"
    assert control_plane.provision(name, spec())["outcome"] == "succeeded"
    assert size_of(azure, name) == SMALL


def test_a_running_environment_is_restarted_only_on_request(
    control_plane: ControlPlane, azure: AzureSide, name: str
) -> None:
    control_plane.up(name, spec())
    refused = resize(control_plane, name)
    assert (refused.status_code, '"restart": true' in refused.json()["detail"]) == (409, True)
    assert (size_of(azure, name), control_plane.get(name)["state"]) == (SMALL, "running")
    ended = control_plane.follow(resize(control_plane, name, restart=True))
    assert ended["outcome"] == "succeeded", ended["reason"]
    steps = [step["name"] for step in ended["steps"]]
    assert steps == ["preflight", "stop vm", "verify stop", "resize vm", "start vm", "verify start", "health"]
    assert {finding["result"] for finding in ended["health_checks"]} == {"passed"}
    assert (size_of(azure, name), control_plane.get(name)["state"]) == (LARGE, "running")
    assert control_plane.put(name, spec(size=LARGE)).status_code == 200
    old = control_plane.put(name, spec())
    assert (old.status_code, [fault["pointer"] for fault in old.json()["errors"]]) == (422, ["/size"])


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ({"method": "PATCH", "code": "SkuNotAvailable"}, "SkuNotAvailable"),
        ({"method": "PATCH", "effect": "fail", "code": "InternalExecutionError"}, "InternalExecutionError"),
        ({"method": "POST", "path": "/start", "effect": "fail", "code": "AllocationFailed"}, "AllocationFailed"),
    ],
)
def test_a_size_that_azure_rejects_is_put_back_and_the_machine_started_again(
    control_plane: ControlPlane, azure: AzureSide, name: str, fault: dict[str, Any], reason: str
) -> None:
    control_plane.up(name, spec())
    azure.spoil(**{"path": f"vm-{name}", **fault, "times": 1} | {"path": f"vm-{name}{fault.get('path', '')}"})
    ended = control_plane.follow(resize(control_plane, name, restart=True))
    assert (ended["outcome"], reason in ended["reason"]) == ("failed", True), ended["reason"]
    assert f"The old size was put back: {name} is running again, and every health check passed." in ended["reason"]
    seen = control_plane.get(name)
    assert (size_of(azure, name), seen["state"], seen["spec"]["size"]) == (SMALL, "running", SMALL)
    assert control_plane.put(name, spec()).status_code == 200
    assert azure.locks(name) == []


def test_a_rejected_size_of_a_stopped_environment_leaves_it_stopped(
    control_plane: ControlPlane, azure: AzureSide, name: str
) -> None:
    control_plane.up(name, {**WORKSTATION, "region": "westeurope", "size": "Standard_D4s_v5"})
    stop(control_plane, name)
    azure.spoil(method="PATCH", path=f"vm-{name}", code="OperationNotAllowed", times=1)
    ended = control_plane.follow(resize(control_plane, name, "Standard_E8s_v5"))
    assert ended["outcome"] == "failed"
    assert f"The old size was put back. {name} is stopped." in ended["reason"]
    seen = control_plane.get(name)
    assert (size_of(azure, name), seen["state"], seen["spec"]["size"]) == ("Standard_D4s_v5", "stopped", "Standard_D4s_v5")
    ended = control_plane.follow(resize(control_plane, name, "Standard_E8s_v5"))
    assert (ended["outcome"], size_of(azure, name)) == ("succeeded", "Standard_E8s_v5")


def test_a_size_that_cannot_be_put_back_is_said_plainly(control_plane: ControlPlane, azure: AzureSide, name: str) -> None:
    control_plane.up(name, spec())
    azure.spoil(method="PATCH", path=f"vm-{name}", code="OperationNotAllowed")
    ended = control_plane.follow(resize(control_plane, name, restart=True))
    assert ended["outcome"] == "failed"
    assert "The old size could not be put back" in ended["reason"]
    azure.behave()
    assert control_plane.follow(control_plane.post(name, "start"))["outcome"] == "succeeded"


@pytest.mark.parametrize(
    ("size", "pointer", "words"),
    [
        ("Standard_NC4as_T4_v3", "/size", "different GPU drivers"),
        ("Standard_D4ps_v5", "/size", "Arm64"),
        ("Standard_NV6", "/size", "retired"),
        ("huge", "/size", "not the name of a VM size"),
    ],
)
def test_a_size_that_does_not_fit_is_rejected_at_once(
    control_plane: ControlPlane, name: str, size: str, pointer: str, words: str
) -> None:
    control_plane.up(name, spec())
    refused = resize(control_plane, name, size, restart=True)
    assert (refused.status_code, [fault["pointer"] for fault in refused.json()["errors"]]) == (422, [pointer])
    assert words in refused.text


def test_a_size_beyond_the_quota_is_refused_before_the_machine_is_stopped(
    control_plane: ControlPlane, azure: AzureSide, name: str
) -> None:
    place = spec(region="canadacentral")
    control_plane.up(name, place)
    azure.limit("canadacentral", "StandardNVADSA10v5Family", 11)
    looked = resize(control_plane, name, restart=True, dry_run=True).json()
    assert [refusal["reason"] for refusal in looked["refusals"]] == ["quota_exceeded"]
    ended = control_plane.follow(resize(control_plane, name, restart=True))
    assert (ended["outcome"], [step["name"] for step in ended["steps"]]) == ("refused", ["preflight"])
    assert (size_of(azure, name), control_plane.get(name)["state"]) == (SMALL, "running")


def test_a_machine_that_was_shut_down_from_inside_is_deallocated_by_a_resize(
    control_plane: ControlPlane, azure: AzureSide, name: str
) -> None:
    control_plane.up(name, spec())
    azure.shut_down_from_inside(name)
    ended = control_plane.follow(resize(control_plane, name))
    assert ended["outcome"] == "succeeded", ended["reason"]
    seen = control_plane.get(name)
    assert (size_of(azure, name), seen["state"], seen["billed"]) == (LARGE, "stopped", False)


def test_another_operation_keeps_a_resize_from_starting(control_plane: ControlPlane, azure: AzureSide, name: str) -> None:
    control_plane.up(name, spec())
    azure.hold_up("POST", f"vm-{name}/deallocate")
    first = resize(control_plane, name, restart=True)
    second = resize(control_plane, name, "Standard_NV18ads_A10_v5", restart=True)
    assert (first.status_code, second.status_code) == (202, 409)
    assert second.json()["operation"] == first.json()["operation"]
    assert control_plane.follow(first)["outcome"] == "succeeded"
    assert resize(control_plane, "nobody").status_code == 404
