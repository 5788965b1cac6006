"""hibernate: the memory is kept and resumed; what Azure does not support is refused early; a failure ends as declared."""

from typing import Any

import pytest

from dormouse.blueprints.catalog import BLUEPRINTS
from tests.support import WORKSTATION, AzureSide, ControlPlane

JAMMY = {"publisher": "Canonical", "offer": "0001-com-ubuntu-server-jammy", "sku": "22_04-lts-gen2"}
ABLE: dict[str, Any] = {**WORKSTATION, "image": JAMMY, "disk": {"size_gib": 128}, "hibernation": {"fallback": "keep"}}
NOT_READY = {"code": "VMHibernateFailed", "message": "Hibernating the VM failed due to an internal error. Retry later."}


def sleeping(name: str) -> str:
    return f"vm-{name}/deallocate"


def test_a_hibernated_environment_is_shown_as_such_and_resumes_with_everything_checked(
    control_plane: ControlPlane, azure: AzureSide, name: str
) -> None:
    control_plane.up(name, ABLE)
    looked = control_plane.client.post(f"/environments/{name}/hibernate", params={"dry_run": "true"})
    assert (looked.status_code, looked.json()["would"]) == (200, "hibernate")
    assert control_plane.get(name)["hibernated"] is None
    ended = control_plane.follow(control_plane.post(name, "hibernate"))
    assert (ended["outcome"], ended["verb"]) == ("succeeded", "hibernate"), ended["reason"]
    assert [step["name"] for step in ended["steps"]] == ["hibernate vm", "verify"]
    assert "its memory is kept" in ended["reason"]
    seen = control_plane.get(name)
    assert (seen["state"], seen["hibernated"], seen["billed"]) == ("stopped", True, False)
    assert [one["hibernated"] for one in seen["resources"] if one["kind"] == "virtual_machine"] == [True]

    for again in ("hibernate", "stop"):
        same = control_plane.post(name, again)
        assert (same.status_code, same.json()["state"]) == (200, "stopped"), "its memory stays"
    started = control_plane.follow(control_plane.post(name, "start"))
    assert started["outcome"] == "succeeded", started["reason"]
    assert [step["name"] for step in started["steps"]] == ["start vm", "verify", "health"]
    assert control_plane.get(name)["hibernated"] is None
    assert control_plane.follow(control_plane.post(name, "stop"))["outcome"] == "succeeded"
    assert control_plane.get(name)["hibernated"] is False
    refused = control_plane.post(name, "hibernate")
    assert (refused.status_code, "stopped cannot hibernate" in refused.json()["detail"]) == (409, True)
    assert control_plane.down(name)["outcome"] == "succeeded"


@pytest.mark.parametrize("fault", [{"status": 409}, {"effect": "fail"}])
@pytest.mark.parametrize("fallback", ["keep", "deallocate"])
def test_what_does_not_hibernate_ends_as_the_spec_declares(
    control_plane: ControlPlane, azure: AzureSide, name: str, fallback: str, fault: dict[str, Any]
) -> None:
    control_plane.up(name, {**ABLE, "hibernation": {"fallback": fallback}})
    azure.spoil(method="POST", path=sleeping(name), times=1, **NOT_READY, **fault)
    ended = control_plane.follow(control_plane.post(name, "hibernate"))
    assert "VMHibernateFailed" in ended["reason"]
    assert [refusal["code"] for refusal in ended["refusals"]] == ["VMHibernateFailed"]
    seen = control_plane.get(name)
    if fallback == "keep":
        assert (ended["outcome"], seen["state"]) == ("failed", "running")
        assert "vm is running" in ended["reason"]
    else:
        assert (ended["outcome"], seen["state"], seen["hibernated"]) == ("succeeded", "stopped", False)
        assert "but its memory was not kept" in ended["reason"]


def test_a_lost_response_never_discards_the_memory(control_plane: ControlPlane, azure: AzureSide, name: str) -> None:
    control_plane.up(name, {**ABLE, "hibernation": {"fallback": "deallocate"}})
    azure.spoil(effect="lose", method="POST", path=sleeping(name), times=1)
    ended = control_plane.follow(control_plane.post(name, "hibernate"))
    assert ended["outcome"] == "succeeded", ended["reason"]
    assert control_plane.get(name)["hibernated"] is True


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"image": WORKSTATION["image"]}, "Azure does not say that the image Canonical:ubuntu-24_04-lts:server:latest"),
        ({"size": "Standard_NC4as_T4_v3"}, "Standard_NC4as_T4_v3 does not support hibernation"),
        ({"disk": {"size_gib": 64}}, "at least 85 GiB are needed, and 64 GiB are asked for"),
    ],
)
def test_what_azure_does_not_support_is_refused_before_anything_is_built(
    control_plane: ControlPlane, azure: AzureSide, name: str, changes: dict[str, Any], words: str
) -> None:
    refusals = control_plane.put(name, {**ABLE, **changes}, dry_run="true").json()["refusals"]
    assert words in " ".join(refusal["detail"] for refusal in refusals)
    assert control_plane.provision(name, {**ABLE, **changes})["outcome"] == "refused"
    assert azure.resources(name) == []


def test_hibernation_is_enabled_when_a_machine_is_created_and_only_then(
    control_plane: ControlPlane, azure: AzureSide, name: str
) -> None:
    control_plane.up(name)
    refused = control_plane.post(name, "hibernate")
    assert (refused.status_code, "its spec has no `hibernation`" in refused.json()["detail"]) == (409, True)
    later = control_plane.put(name, {**WORKSTATION, "hibernation": {}})
    assert later.status_code == 422
    assert [fault["pointer"] for fault in later.json()["errors"]] == ["/hibernation"]
    wrong = control_plane.put(name, {**WORKSTATION, "hibernation": {"fallback": "none", "when": "idle"}})
    assert {fault["pointer"] for fault in wrong.json()["errors"]} == {"/hibernation/fallback", "/hibernation/when"}
    assert control_plane.post("nobody", "hibernate").status_code == 404


def test_the_fallback_can_change_in_place(control_plane: ControlPlane, azure: AzureSide, name: str) -> None:
    control_plane.up(name, ABLE)
    changed = control_plane.put(name, {**ABLE, "hibernation": {"fallback": "deallocate"}})
    assert (
        control_plane.follow(changed)["outcome"] == "succeeded" if changed.status_code == 202 else changed.status_code == 200
    )
    assert control_plane.get(name)["spec"]["hibernation"] == {"fallback": "deallocate"}


def test_a_hibernated_machine_is_neither_resized_nor_loses_its_memory_for_it(
    control_plane: ControlPlane, azure: AzureSide, name: str
) -> None:
    large = {**ABLE, "disk": {"size_gib": 256}}
    control_plane.up(name, large)
    control_plane.follow(control_plane.post(name, "hibernate"))
    body = {"size": "Standard_NV12ads_A10_v5"}
    refused = control_plane.client.post(f"/environments/{name}/resize", json=body)
    assert (refused.status_code, "is hibernated" in refused.json()["detail"]) == (409, True)
    other = control_plane.put(name, {**large, **body, "disk": {"size_gib": 512}})
    assert {fault["pointer"] for fault in other.json()["errors"]} == {"/size", "/disk/size_gib"}
    assert all("while the machine is hibernated" in fault["detail"] for fault in other.json()["errors"])
    assert control_plane.get(name)["hibernated"] is True


def test_a_start_without_capacity_keeps_the_memory_and_tries_no_other_size(
    control_plane: ControlPlane, azure: AzureSide, name: str
) -> None:
    other = {"sizes": ["Standard_NV12ads_A10_v5"], "resize_at_start": True}
    control_plane.up(name, {**ABLE, "fallback": other, "disk": {"size_gib": 256}})
    control_plane.follow(control_plane.post(name, "hibernate"))
    code = "OverconstrainedResumeFromHibernatedStateAllocationRequest"
    azure.spoil(effect="fail", method="POST", path=f"vm-{name}/start", times=1, code=code, message="Allocation failed.")
    failed = control_plane.follow(control_plane.post(name, "start"))
    assert (failed["outcome"], failed["attempts"]) == ("failed", [])
    assert failed["refusals"][0]["reason"] == "no_capacity"
    assert "Its memory stays on its disk." in failed["reason"]
    assert control_plane.get(name)["hibernated"] is True
    assert control_plane.follow(control_plane.post(name, "start"))["outcome"] == "succeeded"


def test_every_blueprint_with_machines_can_hibernate() -> None:
    sized = {name for name, each in BLUEPRINTS.items() if "size" in each.spec.model_fields}
    assert sized == {name for name, each in BLUEPRINTS.items() if "hibernation" in each.spec.model_fields}
