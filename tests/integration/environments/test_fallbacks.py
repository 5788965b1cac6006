"""When Azure has no capacity: what the spec allows is tried in order, what cannot stay is taken back, and it is told."""

from typing import Any

import pytest

from tests.support import FEES, WORKSTATION, AzureSide, ControlPlane

MACHINE = "Microsoft.Compute/virtualMachines"
A10, LARGER, T4, A100 = (
    "Standard_NV6ads_A10_v5",
    "Standard_NV12ads_A10_v5",
    "Standard_NC4as_T4_v3",
    "Standard_NC24ads_A100_v4",
)
CODES = ("AllocationFailed", "OverconstrainedAllocationRequest", "SkuNotAvailable")


def spec(region: str = "polandcentral", zone: str | None = None, **fallback: Any) -> dict[str, Any]:
    return {**WORKSTATION, "region": region, "zone": zone, "fallback": fallback}


def tried(operation: dict[str, Any]) -> list[tuple[Any, ...]]:
    return [tuple(each[name] for name in ("region", "size", "zone", "code", "tried")) for each in operation["attempts"]]


def states(operation: dict[str, Any]) -> dict[str, str]:
    return {step["name"]: step["state"] for step in operation["steps"]}


def assert_settled(control_plane: ControlPlane, name: str, requested: dict[str, Any], placement: dict[str, Any]) -> None:
    """The record says where it is, and the same file changes nothing."""
    seen = control_plane.get(name)
    assert (seen["placement"], seen["region"], seen["ready"]) == (placement, placement["region"], True)
    (vm,) = (one for one in seen["resources"] if one["kind"] == "virtual_machine")
    assert vm["size"] == placement["size"]
    assert seen["spec"]["size"] == requested.get("size", A10)
    assert control_plane.put(name, requested, dry_run="true").json()["would"] == "nothing"
    assert control_plane.put(name, requested).status_code == 200


@pytest.fixture
def azure(azure: AzureSide) -> Any:
    yield azure
    azure.refill()


def test_a_zone_without_capacity_is_dropped_before_the_size_changes(
    control_plane: ControlPlane, azure: AzureSide, name: str
) -> None:
    how = {"code": "OverconstrainedZonalAllocationRequest", "constraints": ["Availability Zone", "VM Size"]}
    azure.exhaust("polandcentral", A10, zone="2", **how)
    requested = spec(zone="2", zones=["any"], sizes=[LARGER])
    operation = control_plane.up(name, requested)
    assert tried(operation) == [("polandcentral", A10, "2", "OverconstrainedZonalAllocationRequest", True)]
    assert operation["reason"].endswith(
        f"Azure had no capacity for {A10} in zone 2 of polandcentral (OverconstrainedZonalAllocationRequest). "
        f"It was built as {A10} in polandcentral instead."
    )
    assert "Availability Zone" in operation["attempts"][0]["detail"]
    (machine,) = azure.of_type(name, MACHINE)
    assert "zones" not in machine
    assert_settled(control_plane, name, requested, {"region": "polandcentral", "size": A10, "zone": None})


def test_only_what_cannot_stay_is_built_again(control_plane: ControlPlane, azure: AzureSide, name: str) -> None:
    azure.exhaust("polandcentral", A10)
    operation = control_plane.up(name, spec(sizes=[LARGER]))
    shown = states(operation)
    # The failed machine had its network interface and its address deleted along with it.
    again = {"vm(2)", "nic(2)", "address(2)", "preflight(2)"}
    assert {step for step in shown if step.endswith("(2)")} == again
    assert {shown[step] for step in again} == {"done"}
    assert (shown["vm"], shown["roll back vm"], shown["verify"]) == ("refused", "done", "done")
    assert set(shown.values()) == {"done", "refused"}, "no step of the first attempt is still waiting"
    assert {shown[step] for step in ("group", "network", "firewall", "storage", "password", "driver", "role")} == {"done"}
    assert len(azure.disks(name)) == 1
    assert {finding["result"] for finding in operation["health_checks"]} == {"passed"}
    assert len(azure.secrets(name)) == 1


@pytest.mark.parametrize("code", CODES)
def test_a_size_without_capacity_is_followed_by_the_next_size(
    control_plane: ControlPlane, azure: AzureSide, name: str, code: str
) -> None:
    for size in (A10, LARGER):
        azure.exhaust("polandcentral", size, code=code, constraints=["VM Size"])
    # A regional refusal is one of all zones, too: they are not tried.
    requested = spec(zone="1", zones=["2", "any"], sizes=[LARGER, T4])
    operation = control_plane.up(name, requested)
    first = [("polandcentral", size, "1", code, True) for size in (A10, LARGER)]
    assert tried(operation) == first
    assert_settled(control_plane, name, requested, {"region": "polandcentral", "size": T4, "zone": "1"})


def test_a_region_without_capacity_is_left_with_everything_in_it(
    control_plane: ControlPlane, azure: AzureSide, name: str
) -> None:
    azure.exhaust("polandcentral", A10)
    requested = spec(regions=["swedencentral"])
    operation = control_plane.up(name, requested)
    assert tried(operation) == [("polandcentral", A10, None, "AllocationFailed", True)]
    assert states(operation)["roll back group"] == "done"
    assert {one["location"] for one in azure.resources(name) if "location" in one} == {"swedencentral"}
    assert_settled(control_plane, name, requested, {"region": "swedencentral", "size": A10, "zone": None})
    control_plane.follow(control_plane.post(name, "stop"))
    assert control_plane.down(name)["outcome"] == "succeeded"
    assert (azure.resources(name), azure.secrets(name)) == ([], [])


def test_when_nothing_is_left_to_try_everything_is_rolled_back(
    control_plane: ControlPlane, azure: AzureSide, name: str
) -> None:
    for region in ("polandcentral", "swedencentral"):
        azure.exhaust(region, A10)
    azure.restrict("swedencentral", LARGER)
    azure.exhaust("polandcentral", LARGER, code="SkuNotAvailable")
    operation = control_plane.provision(name, spec(sizes=[LARGER], regions=["swedencentral"]))
    assert (operation["outcome"], operation["leftovers"]) == ("failed", [])
    assert tried(operation) == [
        ("polandcentral", A10, None, "AllocationFailed", True),
        ("polandcentral", LARGER, None, "SkuNotAvailable", True),
        ("swedencentral", A10, None, "AllocationFailed", True),
        ("swedencentral", LARGER, None, "NotAvailableForSubscription", False),
    ]
    assert f"Not tried: {LARGER} in swedencentral, because: {LARGER} in swedencentral is restricted" in operation["reason"]
    assert "nothing is left" in operation["reason"]
    assert (azure.resources(name), azure.secrets(name)) == ([], [])
    assert control_plane.client.get(f"/environments/{name}").status_code == 404


@pytest.mark.parametrize(
    "fault",
    [
        {"code": "OperationNotAllowed", "message": "exceeding approved Total Regional Cores quota"},
        {"code": "QuotaExceeded", "message": "Current Limit: 24"},
        {"status": 403, "code": "RequestDisallowedByPolicy"},
        {"status": 400, "code": "InvalidParameter"},
    ],
)
def test_what_is_no_lack_of_capacity_never_leads_elsewhere(
    control_plane: ControlPlane, azure: AzureSide, name: str, fault: dict[str, Any]
) -> None:
    azure.spoil(method="PUT", kind=MACHINE, path=f"rg-dormouse-{name}", **fault)
    operation = control_plane.provision(name, spec(zones=["1"], sizes=[LARGER], regions=["swedencentral"]))
    assert (operation["outcome"], operation["attempts"]) == ("failed", [])
    assert azure.resources(name) == []


def test_a_restriction_of_the_first_choice_is_a_refusal(control_plane: ControlPlane, azure: AzureSide, name: str) -> None:
    azure.restrict("uksouth", A10)
    operation = control_plane.provision(name, spec("uksouth", sizes=[LARGER]))
    assert (operation["outcome"], operation["attempts"]) == ("refused", [])
    assert azure.resources(name) == []


def test_without_a_fallback_a_lack_of_capacity_ends_the_operation(
    control_plane: ControlPlane, azure: AzureSide, name: str
) -> None:
    azure.exhaust("polandcentral", A10, zone="2")
    operation = control_plane.provision(name, spec(zone="2"))
    assert (operation["outcome"], operation["attempts"]) == ("failed", [])
    assert operation["refusals"][0]["code"] == "ZonalAllocationFailed"


def test_a_dry_run_shows_the_alternatives_with_their_prices(control_plane: ControlPlane, name: str) -> None:
    preview = control_plane.put(name, spec(zone="1", zones=["any"], regions=["swedencentral"]), dry_run="true").json()
    price = {"amount": pytest.approx(0.59 + FEES, abs=1e-6), "currency": "USD"}
    assert preview["alternatives"] == [
        {"region": "polandcentral", "size": A10, "zone": None, "price_per_hour": price},
        {"region": "swedencentral", "size": A10, "zone": "1", "price_per_hour": price},
        {"region": "swedencentral", "size": A10, "zone": None, "price_per_hour": price},
    ]


def test_an_alternative_above_the_cost_limit_is_not_tried(control_plane: ControlPlane, azure: AzureSide, name: str) -> None:
    azure.exhaust("polandcentral", A10)
    requested = {**spec(sizes=[A100, T4]), "max_hourly_cost": 1.0}
    operation = control_plane.up(name, requested)
    assert tried(operation)[1] == ("polandcentral", A100, None, "too_expensive", False)
    assert control_plane.get(name)["placement"]["size"] == T4


def test_a_cancellation_during_a_fallback_rolls_back_all_of_it(
    control_plane: ControlPlane, azure: AzureSide, name: str
) -> None:
    azure.exhaust("polandcentral", A10, code="SkuNotAvailable")
    azure.hold_up("PUT", f"vm-{name}/extensions")
    accepted = control_plane.put(name, spec(sizes=[LARGER])).json()["operation"]
    control_plane.until_step(accepted, "driver", "running")
    control_plane.cancel(accepted)
    operation = control_plane.wait(accepted)
    assert (operation["outcome"], operation["leftovers"]) == ("cancelled", [])
    assert (azure.resources(name), azure.secrets(name)) == ([], [])


def test_a_machine_deleted_by_hand_is_rebuilt_where_it_was(control_plane: ControlPlane, azure: AzureSide, name: str) -> None:
    azure.exhaust("polandcentral", A10)
    requested = spec(sizes=[LARGER])
    control_plane.up(name, requested)
    azure.refill()
    azure.vanish(name, "virtualMachines")
    operation = control_plane.up(name, requested)
    assert operation["attempts"] == []
    assert_settled(control_plane, name, requested, {"region": "polandcentral", "size": LARGER, "zone": None})


def test_what_existed_before_is_not_moved(control_plane: ControlPlane, azure: AzureSide, name: str) -> None:
    requested = spec(regions=["swedencentral"])
    control_plane.up(name, requested)
    azure.vanish(name, "virtualMachines")
    azure.detach_card(name)
    kept = {one["id"] for one in azure.resources(name) if "roleAssignments" not in one["id"]} - azure.disks(name)
    azure.exhaust("polandcentral", A10)
    operation = control_plane.provision(name, requested)
    assert (operation["outcome"], operation["attempts"]) == ("failed", [])
    assert kept <= {one["id"] for one in azure.resources(name)}
    assert control_plane.get(name)["placement"] is None


def stopped(control_plane: ControlPlane, name: str, requested: dict[str, Any]) -> None:
    control_plane.up(name, requested)
    assert control_plane.follow(control_plane.post(name, "stop"))["outcome"] == "succeeded"


def size_of(azure: AzureSide, name: str) -> str:
    (machine,) = azure.of_type(name, MACHINE)
    return str(machine["properties"]["hardwareProfile"]["vmSize"])


@pytest.mark.parametrize("code", CODES)
def test_a_stopped_machine_without_capacity_is_resized_and_started(
    control_plane: ControlPlane, azure: AzureSide, name: str, code: str
) -> None:
    requested = spec(sizes=[LARGER], resize_at_start=True)
    stopped(control_plane, name, requested)
    disks = azure.disks(name)
    azure.exhaust("polandcentral", A10, code=code)
    operation = control_plane.follow(control_plane.post(name, "start"))
    assert operation["outcome"] == "succeeded"
    assert tried(operation) == [("polandcentral", A10, None, code, True)]
    words = f"Azure had no capacity for {A10} in polandcentral ({code}). It was resized to {LARGER} instead."
    assert operation["reason"].endswith(words)
    shown = states(operation)
    assert (shown["start vm"], shown["resize vm(2)"], shown["start vm(2)"]) == ("refused", "done", "done")
    assert {finding["result"] for finding in operation["health_checks"]} == {"passed"}
    assert azure.disks(name) == disks
    assert control_plane.get(name)["price_per_hour"]["amount"] == pytest.approx(1.18 + FEES, abs=1e-6)
    assert_settled(control_plane, name, requested, {"region": "polandcentral", "size": LARGER, "zone": None})


def test_a_machine_that_has_no_capacity_in_any_size_keeps_its_size(
    control_plane: ControlPlane, azure: AzureSide, name: str
) -> None:
    stopped(control_plane, name, spec(sizes=[LARGER], resize_at_start=True))
    for size in (A10, LARGER):
        azure.exhaust("polandcentral", size)
    operation = control_plane.follow(control_plane.post(name, "start"))
    assert operation["outcome"] == "failed"
    assert [each["size"] for each in operation["attempts"]] == [A10, LARGER]
    assert operation["reason"].endswith("It has the size that it had before.")
    assert (size_of(azure, name), control_plane.get(name)["state"]) == (A10, "stopped")
    assert control_plane.get(name)["placement"] is None


@pytest.mark.parametrize(
    ("fallback", "cost"),
    [
        ({"sizes": [LARGER]}, None),
        # T4 needs another driver than the one on the disk.
        ({"sizes": [T4], "resize_at_start": True}, None),
        ({"sizes": [LARGER], "resize_at_start": True}, 1.0),
    ],
    ids=["not asked for", "another driver", "too expensive"],
)
def test_a_machine_is_resized_only_if_it_may_be_and_its_disk_can_boot(
    control_plane: ControlPlane, azure: AzureSide, name: str, fallback: dict[str, Any], cost: float | None
) -> None:
    stopped(control_plane, name, {**spec(**fallback), "max_hourly_cost": cost})
    azure.exhaust("polandcentral", A10)
    operation = control_plane.follow(control_plane.post(name, "start"))
    assert (operation["outcome"], operation["attempts"]) == ("failed", [])
    assert size_of(azure, name) == A10


def test_a_quota_at_a_resize_ends_the_start_and_the_machine_keeps_its_size(
    control_plane: ControlPlane, azure: AzureSide, name: str
) -> None:
    stopped(control_plane, name, spec(sizes=[LARGER, "Standard_NV18ads_A10_v5"], resize_at_start=True))
    azure.exhaust("polandcentral", A10)
    azure.spoil(method="PATCH", path=f"vm-{name}", code="QuotaExceeded", message="Current Limit: 12", times=1)
    operation = control_plane.follow(control_plane.post(name, "start"))
    assert (operation["outcome"], operation["refusals"][0]["reason"]) == ("failed", "quota_exceeded")
    assert [each["size"] for each in operation["attempts"]] == [A10]
    assert size_of(azure, name) == A10


def test_a_resized_machine_is_started_again_and_deleted_like_any_other(
    control_plane: ControlPlane, azure: AzureSide, name: str
) -> None:
    requested = spec(sizes=[LARGER], resize_at_start=True)
    stopped(control_plane, name, requested)
    azure.exhaust("polandcentral", A10)
    control_plane.follow(control_plane.post(name, "start"))
    control_plane.follow(control_plane.post(name, "stop"))
    azure.refill()
    azure.exhaust("polandcentral", LARGER)
    # It may go back to the size that was asked for.
    operation = control_plane.follow(control_plane.post(name, "start"))
    assert operation["reason"].endswith(f"It was resized to {A10} instead.")
    assert control_plane.get(name)["placement"] is None
    assert control_plane.down(name)["outcome"] == "succeeded"
    assert azure.resources(name) == []
