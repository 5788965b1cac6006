"""Start, stop, restart: complete when Azure shows it, and idempotent."""

import pytest

from tests.support import AzureSide, ControlPlane, eventually


def test_stop_means_deallocated_and_start_means_running(control_plane: ControlPlane, azure: AzureSide, name: str) -> None:
    control_plane.up(name)
    stopped = control_plane.follow(control_plane.post(name, "stop"))
    assert stopped["outcome"] == "succeeded"
    assert [step["name"] for step in stopped["steps"]] == ["stop vm", "verify"]
    seen = control_plane.get(name)
    assert (seen["state"], seen["billed"], seen["endpoints"]) == ("stopped", False, [])

    for verb in ("start", "restart"):
        done = control_plane.follow(control_plane.post(name, verb))
        assert (done["outcome"], [step["name"] for step in done["steps"]]) == (
            "succeeded",
            [f"{verb} vm", "verify", "health"],
        )
        assert {finding["result"] for finding in done["health_checks"]} == {"passed"}
        assert control_plane.get(name)["state"] == "running"


@pytest.mark.parametrize(
    ("lost", "verb", "check"),
    [
        ("driver", "start", "gpu: nvidia-smi does not work yet"),
        ("driver", "restart", "gpu: nvidia-smi does not work yet"),
        ("mount", "start", "blob-mount: /mnt/blob_storage is not mounted"),
        ("desktop", "start", "xrdp: remote desktop is not running"),
    ],
)
def test_features_lost_in_a_later_boot_are_reported(
    control_plane: ControlPlane, azure: AzureSide, name: str, lost: str, verb: str, check: str
) -> None:
    control_plane.up(name)
    azure.next_boot_loses(name, lost)
    if verb == "start":
        assert control_plane.follow(control_plane.post(name, "stop"))["outcome"] == "succeeded"
    begun = control_plane.follow(control_plane.post(name, verb))
    assert (begun["outcome"], begun["steps"][-1]["name"], begun["steps"][-1]["state"]) == ("unhealthy", "health", "refused")
    assert check in begun["reason"]
    assert begun["steps"][-1]["duration_seconds"] >= 900, "a driver may be built for a new kernel at boot"
    assert "is billed" in begun["reason"]
    assert {finding["name"] for finding in begun["health_checks"] if finding["result"] != "passed"} == {
        check.partition(":")[0]
    }
    assert control_plane.get(name)["state"] == "running"


def test_a_machine_that_cannot_be_checked_after_a_start_is_unhealthy(
    control_plane: ControlPlane, azure: AzureSide, name: str
) -> None:
    control_plane.up(name)
    control_plane.follow(control_plane.post(name, "stop"))
    azure.spoil(method="POST", path=f"vm-{name}/runCommand", status=403, code="AuthorizationFailed", times=1)
    begun = control_plane.follow(control_plane.post(name, "start"))
    assert (begun["outcome"], "AuthorizationFailed" in begun["reason"]) == ("unhealthy", True)


def test_a_machine_with_an_ephemeral_disk_is_not_stopped_and_the_reason_is_told(
    control_plane: ControlPlane, azure: AzureSide, name: str
) -> None:
    control_plane.up(name)
    azure.make_ephemeral(name)
    for dry_run in ("true", "false"):
        refused = control_plane.client.post(f"/environments/{name}/stop", params={"dry_run": dry_run})
        assert (refused.status_code, "its OS disk is ephemeral" in refused.json()["detail"]) == (409, True)
        assert "Delete it, or let it run" in refused.json()["detail"]
    body = {"size": "Standard_NV12ads_A10_v5", "restart": True}
    assert control_plane.client.post(f"/environments/{name}/resize", json=body).status_code == 422
    assert control_plane.get(name)["state"] == "running"
    assert control_plane.follow(control_plane.post(name, "restart"))["outcome"] == "succeeded"


def test_a_finished_operation_releases_its_lock(control_plane: ControlPlane, name: str) -> None:
    control_plane.up(name)
    control_plane.follow(control_plane.post(name, "stop"))
    # The list shows every lock, even one whose operation is gone and that would be taken over.
    holders = {item["name"]: item["operation"] for item in control_plane.every_environment()}
    assert holders[name] is None


def test_a_command_for_a_state_already_reached_returns_200(control_plane: ControlPlane, name: str) -> None:
    control_plane.up(name)
    assert control_plane.post(name, "start").status_code == 200
    control_plane.follow(control_plane.post(name, "stop"))
    again = control_plane.post(name, "stop")
    assert (again.status_code, again.json()["state"]) == (200, "stopped")
    refused = control_plane.post(name, "restart")
    assert refused.status_code == 409
    assert "start" in refused.json()["detail"]


def test_concurrent_identical_commands_start_one_operation(control_plane: ControlPlane, azure: AzureSide, name: str) -> None:
    control_plane.up(name)
    azure.hold_up("POST", f"vm-{name}/deallocate")
    first, second = control_plane.post(name, "stop"), control_plane.post(name, "stop")
    assert (first.status_code, second.status_code) == (202, 202)
    assert first.json()["operation"] == second.json()["operation"]
    busy = control_plane.post(name, "start")
    assert (busy.status_code, busy.json()["operation"]) == (409, first.json()["operation"])
    control_plane.follow(first)


def listed_state(control_plane: ControlPlane, name: str) -> str:
    return next(str(item["state"]) for item in control_plane.every_environment() if item["name"] == name)


def test_a_machine_shut_down_from_inside_is_shown_as_stopped_billed(
    control_plane: ControlPlane, azure: AzureSide, name: str
) -> None:
    control_plane.up(name)
    azure.shut_down_from_inside(name)
    seen = control_plane.get(name)
    assert (seen["state"], seen["billed"]) == ("stopped_billed", True)
    # The list comes from Resource Graph, which is some seconds behind.
    assert eventually(lambda: listed_state(control_plane, name) == "stopped_billed")
    assert control_plane.follow(control_plane.post(name, "stop"))["outcome"] == "succeeded"
    assert control_plane.get(name)["billed"] is False


def test_a_start_without_capacity_reports_no_capacity(control_plane: ControlPlane, azure: AzureSide, name: str) -> None:
    control_plane.up(name)
    control_plane.follow(control_plane.post(name, "stop"))
    azure.spoil(effect="fail", method="POST", path=f"vm-{name}/start", code="AllocationFailed", message="no capacity")
    operation = control_plane.follow(control_plane.post(name, "start"))
    assert (operation["outcome"], operation["refusals"][0]["reason"]) == ("failed", "no_capacity")
    assert control_plane.get(name)["state"] == "stopped"


def test_a_command_for_an_unknown_environment_is_404(control_plane: ControlPlane) -> None:
    for verb in ("start", "stop", "restart"):
        assert control_plane.post("nobody", verb).status_code == 404


def test_who_may_not_start_it_learns_why(control_plane: ControlPlane, azure: AzureSide, name: str) -> None:
    control_plane.up(name)
    azure.hold_up("POST", f"vm-{name}/deallocate")
    stopping = control_plane.post(name, "stop")
    busy = control_plane.client.get(f"/environments/{name}/opening").json()
    assert (busy["phase"], busy["may_start"], busy["obstacle"]["code"]) == ("busy", False, "busy")
    assert busy["operation"]["id"] == stopping.json()["operation"] in busy["obstacle"]["detail"]
    assert control_plane.post(name, "open").status_code == 409
    control_plane.follow(stopping)
    azure.vanish(name, "virtualMachines")
    gone = control_plane.client.get(f"/environments/{name}/opening").json()
    assert (gone["phase"], gone["may_start"], gone["obstacle"]["code"], gone["ways_in"]) == (
        "unavailable",
        False,
        "state",
        [],
    )
    assert control_plane.post(name, "open").status_code == 409
