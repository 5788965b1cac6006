"""The survey of a plan: whose group exists, what exists and drifted, and what Azure would refuse of the rest."""

import asyncio
import copy
from dataclasses import replace
from typing import Any, TypeAlias

import pytest

from activities.resources.costs import max_price_suffices
from activities.resources.survey import Survey, check
from dormouse.blueprints.catalog import plan_for
from dormouse.cloud.clients import Cloud
from dormouse.cloud.prices import Prices
from dormouse.cloud.sdk_errors import ReadRefused
from dormouse.environments.results import PreflightResult, RefusalReason, ResourceStatus
from dormouse.errors import CloudUnavailable
from dormouse.lifecycle import State
from dormouse.resources.compute.virtual_machines import Machine, virtual_machine
from dormouse.resources.features import GuestSetup, JupyterHub
from dormouse.resources.keyvault import password
from dormouse.resources.plan import Plan, Resource
from tests.unit.azure import Azure, PriceList, cloud_over
from tests.unit.builders import A100, SUBSCRIPTION, target, workstation_spec
from tests.unit.twins import SETTINGS, stopped_clock

PLAN = plan_for(workstation_spec(), target())
NAMES = tuple(resource.name for resource in PLAN.resources)
GROUP = PLAN.resource("group")
PROVIDERS = f"/subscriptions/{SUBSCRIPTION}/providers"
SKUS = f"{PROVIDERS}/Microsoft.Compute/skus"
USAGES = f"{PROVIDERS}/Microsoft.Compute/locations/polandcentral/usages"
VERSIONS = (
    f"{PROVIDERS}/Microsoft.Compute/locations/polandcentral/publishers/Canonical/artifacttypes/vmimage/offers/"
    "ubuntu-24_04-lts/skus/server/versions"
)
NAME_CHECK = f"POST {PROVIDERS}/Microsoft.Storage/checkNameAvailability"
A10 = "Standard_NV6ads_A10_v5"
ND = "Standard_ND96amsr_A100_v4"  # without trusted launch
FAMILY = "standardNVADSA10v5Family"
TAGS = {"dormouse": "ml1", "dormouse-deployment": "main"}
Answered: TypeAlias = tuple[int, Any, dict[str, str]]
FREE: Answered = (200, {"nameAvailable": True}, {})
TAKEN: Answered = (
    200,
    {"nameAvailable": False, "reason": "AlreadyExists", "message": "The name is taken."},
    {},
)


def sku(name: str, *restrictions: dict[str, Any], kind: str = "virtualMachines") -> dict[str, Any]:
    family, vcpus = {A10: (FAMILY, 6), A100: ("standardNCADSA100v4Family", 24)}.get(name, ("", 0))
    can = [{"name": "vCPUs", "value": str(vcpus)}]
    return {"name": name, "family": family, "resourceType": kind, "restrictions": list(restrictions), "capabilities": can}


def usage(name: str, limit: int, used: int = 0) -> dict[str, Any]:
    return {
        "name": {"value": name, "localizedValue": f"{name} vCPUs"},
        "limit": limit,
        "currentValue": used,
        "unit": "Count",
    }


def image(gib: int = 30, **properties: Any) -> dict[str, Any]:
    """The only version of the image as Azure shows it, with these properties."""
    known = {"hyperVGeneration": "V2", "architecture": "x64"}
    disk = {"operatingSystem": properties.pop("system", "Linux"), "sizeInBytes": gib * 2**30}
    return {f"{VERSIONS}/24.1": {"name": "24.1", "properties": {**known, "osDiskImage": disk, **properties}}}


def registered(**states: str) -> dict[str, Any]:
    """The resource providers as Azure shows them; those that are not named are registered."""
    known = {**dict.fromkeys(("Compute", "Network", "Storage"), "Registered"), **states}
    return {f"{PROVIDERS}/Microsoft.{name}": {"registrationState": state} for name, state in known.items()}


ROOMY = {
    **registered(),
    **image(),
    VERSIONS: [{"name": "24.1"}],
    SKUS: {"value": [sku(A10), sku(A100)]},
    USAGES: {"value": [usage("cores", 100), usage(FAMILY, 100), usage("standardNCADSA100v4Family", 100)]},
}


def group(tags: dict[str, str] | None = None, state: str = "Succeeded") -> dict[str, Any]:
    """The resource group as Azure shows it."""
    return {GROUP.id: {"id": GROUP.id, "tags": TAGS if tags is None else tags, "properties": {"provisioningState": state}}}


def everything(**changed: dict[str, Any]) -> dict[str, Any]:
    """All resources of the plan as Azure shows them, some of them with other properties."""
    secret = PLAN.resource("password").id
    shows = {**group(), f"/{secret}": {"id": f"https://v.vault.azure.net/{secret}/1", "value": "not read"}}
    for resource in PLAN.resources:
        if resource.id not in ("", secret, GROUP.id):
            known = {"provisioningState": "Succeeded", **resource.body.get("properties", {})}
            shows[resource.id] = {"id": resource.id, "properties": {**known, **changed.get(resource.name, {})}}
    return shows


def surveyed(
    shows: dict[str, Any], plan: Plan = PLAN, *, new: bool = False, name: Any = FREE, deployment: str = "main"
) -> tuple[PreflightResult, Azure]:
    azure = Azure({**ROOMY, **shows}, {NAME_CHECK: name})
    cloud = cloud_over(azure, settings=replace(SETTINGS, deployment_id=deployment))
    return asyncio.run(Survey(cloud).of(plan, new=new)), azure


def fleet(*sizes: str, **fields: Any) -> Plan:
    """A plan with one machine of each of these sizes."""
    place = target(region="polandcentral")
    ubuntu = {"publisher": "Canonical", "offer": "ubuntu-24_04-lts", "sku": "server", "version": "latest"}
    secret, setup = password(place), GuestSetup("azureuser")
    machines = [
        virtual_machine(place, Machine(size, ubuntu, 64, "Premium_LRS", **fields), setup, secret, f"m{number}")
        for number, size in enumerate(sizes)
    ]
    return replace(PLAN, resources=(GROUP, secret, *machines))


def test_nothing_exists_without_its_group_and_only_secrets_are_looked_for_elsewhere() -> None:
    found, azure = surveyed({})
    assert found == PreflightResult()
    asked = [request for request in azure.asked if request.startswith("GET") and "/providers/" not in request]
    assert len(asked) == 2, "the group and the secret"
    assert not [request for request in azure.asked if f"{GROUP.id}/providers/".lower() in request.lower()]


@pytest.mark.parametrize(
    ("tags", "deployment", "foreign"),
    [
        (TAGS, "main", False),
        ({"Dormouse": "ml1"}, "main", False),
        ({"dormouse": "ml1"}, "prod", False),
        ({}, "main", True),
        ({"dormouse": "ml2"}, "main", True),
        (TAGS, "prod", True),
    ],
)
def test_the_group_of_a_recorded_environment_must_name_it_and_its_deployment(
    tags: dict[str, str], deployment: str, foreign: bool
) -> None:
    found, azure = surveyed(group(tags), deployment=deployment)
    reasons = [(refusal.reason, refusal.step) for refusal in found.refusals]
    assert reasons == ([(RefusalReason.NAME_TAKEN, "group")] if foreign else [])
    assert found.existing == (() if foreign else ("group",))
    looked_inside = [request for request in azure.asked if "virtualMachines/" in request]
    assert bool(looked_inside) is not foreign


def test_every_group_is_foreign_to_a_new_environment_whatever_its_tags() -> None:
    found, _ = surveyed(group(), new=True)
    (refusal,) = found.refusals
    assert (refusal.reason, refusal.step, found.existing) == (RefusalReason.NAME_TAKEN, "group", ())
    assert "rg-dormouse-ml1 exists, but the control plane has no record of it" in refusal.detail


def test_a_group_that_is_being_deleted_is_a_conflict() -> None:
    found, _ = surveyed(group(state="Deleting"))
    (refusal,) = found.refusals
    assert (refusal.reason, refusal.step) == (RefusalReason.CONFLICT, "group")
    assert "still being deleted; retry later" in refusal.detail


def test_all_that_exists_is_found_and_what_has_no_id_yet_is_not_looked_for() -> None:
    found, azure = surveyed(everything())
    assert found.existing == tuple(name for name in NAMES if name != "role")
    assert (found.drifted, found.refusals) == ((), ())
    assert not [request for request in azure.asked if "roleAssignments" in request]
    assert [request for request in azure.asked if "virtualMachines/vm-ml1" in request and "extensions" not in request]


def test_failed_and_drifted_resources_are_named_and_a_vm_is_never_one_of_them() -> None:
    failed = {"provisioningState": "Failed"}
    found, _ = surveyed(everything(network=failed, firewall={"securityRules": []}, vm=failed, driver=failed))
    assert set(found.drifted) == {"network", "firewall", "driver"}


def test_the_power_state_and_the_problem_of_a_vm_are_part_of_the_survey() -> None:
    statuses = [
        {"code": "ProvisioningState/failed/AllocationFailed", "message": "No capacity."},
        {"code": "PowerState/deallocated"},
    ]
    found, _ = surveyed(everything(vm={"instanceView": {"statuses": statuses}}))
    assert found.statuses == (ResourceStatus("vm", True, state=State.STOPPED, problem="No capacity."),)


@pytest.mark.parametrize(
    ("usages", "steps"),
    [
        ([usage("cores", 6), usage(FAMILY, 6)], []),
        (
            [usage("cores", 6, 1), usage(FAMILY, 6)],
            ["cores vCPUs in polandcentral: 1 of 6 are in use, and 6 more are needed."],
        ),
        (
            [usage("cores", 100), usage(FAMILY, 0)],
            [f"{FAMILY} vCPUs in polandcentral: 0 of 0 are in use, and 6 more are needed."],
        ),
        ([usage("standardDSv5Family", 0)], []),
    ],
)
def test_the_quota_of_the_region_and_of_the_family_must_suffice(usages: list[dict[str, Any]], steps: list[str]) -> None:
    found, _ = surveyed({USAGES: {"value": usages}})
    assert [refusal.detail for refusal in found.refusals] == steps
    assert {(refusal.reason, refusal.step) for refusal in found.refusals} <= {(RefusalReason.QUOTA_EXCEEDED, "vm")}


def test_a_check_that_azure_does_not_answer_is_a_warning() -> None:
    busy: Answered = (503, {"error": {"code": "ServerTimeout", "message": "later"}}, {})
    azure = Azure(ROOMY, {NAME_CHECK: FREE, f"GET {USAGES}": busy})
    found = asyncio.run(Survey(cloud_over(azure)).of(PLAN))
    assert found.refusals == ()
    (warning,) = found.warnings
    assert warning.startswith("Not checked before: sizes can be had (Azure is temporarily unavailable")


def in_zones(*zones: str) -> Plan:
    """The plan with its machine in these zones."""
    vm = PLAN.resource("vm")
    placed = replace(vm, body={**vm.body, "zones": list(zones)})
    return replace(PLAN, resources=tuple(placed if one.name == "vm" else one for one in PLAN.resources))


@pytest.mark.parametrize(
    ("zones", "restricted", "details"),
    [
        (["1", "2", "3"], [], []),
        (["1", "3"], [], [f"{A10} is not offered in zone 2 of polandcentral; its zones are 1, 3."]),
        (["1", "2"], ["2"], [f"{A10} is not offered in zone 2 of polandcentral; its zones are 1."]),
        ([], [], [f"{A10} is not offered in zone 2 of polandcentral; it has no zones there."]),
    ],
)
def test_a_size_must_be_offered_in_the_zone(zones: list[str], restricted: list[str], details: list[str]) -> None:
    closed = {"type": "Zone", "reasonCode": "NotAvailableForSubscription", "restrictionInfo": {"zones": restricted}}
    row = {**sku(A10, closed), "locationInfo": [{"location": "polandcentral", "zones": zones}]}
    found, _ = surveyed({SKUS: {"value": [row]}}, in_zones("2"))
    assert [refusal.detail for refusal in found.refusals] == details


GIB = 2**30


@pytest.mark.parametrize(
    ("capabilities", "placement", "words"),
    [
        ({"CachedDiskBytes": str(64 * GIB)}, "", ""),
        ({"CachedDiskBytes": str(50 * GIB)}, "", "has 50 GiB for an ephemeral OS disk (CacheDisk), and 64 GiB are needed."),
        ({"CachedDiskBytes": str(50 * GIB), "MaxResourceVolumeMB": "65536"}, "ResourceDisk", ""),
        ({"MaxResourceVolumeMB": "51200"}, "", "has 50 GiB for an ephemeral OS disk (ResourceDisk), and 64 GiB are needed."),
        ({"NvmeDiskSizeInMiB": "65536"}, "", ""),
        ({"EphemeralOSDiskSupported": "False"}, "", "does not support ephemeral OS disks."),
        ({}, "", ""),
    ],
)
def test_an_ephemeral_disk_needs_room_in_the_size(capabilities: dict[str, str], placement: str, words: str) -> None:
    vm = PLAN.resource("vm")
    body = copy.deepcopy(vm.body)
    settings = {"option": "Local", **({"placement": placement} if placement else {})}
    body["properties"]["storageProfile"]["osDisk"]["diffDiskSettings"] = settings
    resources = tuple(replace(vm, body=body) if one.name == "vm" else one for one in PLAN.resources)
    row = {**sku(A10), "capabilities": [{"name": name, "value": value} for name, value in capabilities.items()]}
    found, _ = surveyed({SKUS: {"value": [row]}}, replace(PLAN, resources=resources))
    assert [refusal.detail for refusal in found.refusals] == ([f"{A10} {words}"] if words else [])


def test_the_quota_is_summed_over_all_machines_of_a_plan() -> None:
    plan = fleet(A10, A10, A100)
    usages = [usage("cores", 36), usage(FAMILY, 12), usage("standardNCADSA100v4Family", 24)]
    assert surveyed({USAGES: {"value": usages}}, plan)[0].refusals == ()
    tight = [usage("cores", 35), usage(FAMILY, 11), usage("standardNCADSA100v4Family", 24)]
    details = [refusal.detail for refusal in surveyed({USAGES: {"value": tight}}, plan)[0].refusals]
    assert [detail.rpartition(" and ")[2] for detail in details] == ["36 more are needed.", "12 more are needed."]


def test_spot_vms_need_their_own_quota_and_no_other() -> None:
    plan = fleet(A10, A100, spot=True)
    full = [usage("cores", 0), usage(FAMILY, 0)]
    assert surveyed({USAGES: {"value": [*full, usage("lowPriorityCores", 30)]}}, plan)[0].refusals == ()
    (refusal,) = surveyed({USAGES: {"value": [*full, usage("lowPriorityCores", 30, 1)]}}, plan)[0].refusals
    assert (refusal.reason, refusal.quota and refusal.quota.needed) == (RefusalReason.QUOTA_EXCEEDED, 30)
    assert refusal.detail == "lowPriorityCores vCPUs in polandcentral: 1 of 30 are in use, and 30 more are needed."


@pytest.mark.parametrize(
    ("capable", "spot", "details"),
    [
        ("False", True, [f"{A10} cannot be used for Spot VMs."]),
        ("False", False, []),
        ("True", True, []),
        ("", True, []),
    ],
)
def test_a_size_must_be_capable_of_spot_vms(capable: str, spot: bool, details: list[str]) -> None:
    can = [{"name": "LowPriorityCapable", "value": capable}] if capable else []
    row = {**sku(A10), "capabilities": can}
    found, _ = surveyed({SKUS: {"value": [row]}}, fleet(A10, spot=spot))
    assert [refusal.detail for refusal in found.refusals] == details


@pytest.mark.parametrize(
    ("known", "max_price", "reasons"),
    [
        ({A10: 0.1}, 0.1, []),
        ({A10: 0.1}, -1.0, []),
        ({}, 0.05, []),
        (None, 0.05, []),
        ({A10: 0.1}, 0.05, [RefusalReason.TOO_EXPENSIVE]),
    ],
)
def test_the_maximum_price_of_a_spot_vm_must_suffice_now(
    known: dict[str, float] | None, max_price: float, reasons: list[RefusalReason]
) -> None:
    class Priced(Cloud):
        """A cloud with these prices of Spot VMs."""

        @property
        def prices(self) -> Prices:
            return PriceList(known)

    plan = fleet(A10, spot=True, max_price=max_price)
    found = asyncio.run(max_price_suffices(plan, plan.resources, Priced(SETTINGS, stopped_clock(0.0))))
    assert [refusal.reason for refusal in found] == reasons
    assert all("costs 0.1 USD per hour in polandcentral, and max_price is 0.05" in refusal.detail for refusal in found)


def test_what_exists_needs_no_more_quota() -> None:
    plan = fleet(A10, A10)
    first = plan.resource("vm-m0")
    shows = {**group(), first.id: {"id": first.id, "properties": {"provisioningState": "Succeeded"}}}
    usages = [usage("cores", 12, 6), usage(FAMILY, 12, 6)]
    assert surveyed({**shows, USAGES: {"value": usages}}, plan)[0].refusals == ()


@pytest.mark.parametrize(
    ("skus", "detail", "code"),
    [
        ([], f"{A10} is not offered in polandcentral.", ""),
        (
            [sku("Standard_NV6ads_A10_v4"), sku("Standard_D4s_v5")],
            f"{A10} is not offered in polandcentral. Similar sizes there: Standard_NV6ads_A10_v4.",
            "",
        ),
        ([sku(A10, kind="disks")], f"{A10} is not offered in polandcentral.", ""),
        (
            [sku(A10, {"type": "Location", "reasonCode": "NotAvailableForSubscription"})],
            f"{A10} in polandcentral is restricted for this subscription.",
            "NotAvailableForSubscription",
        ),
    ],
)
def test_a_size_must_be_offered_to_the_subscription(skus: list[dict[str, Any]], detail: str, code: str) -> None:
    found, _ = surveyed({SKUS: {"value": skus}})
    (refusal,) = found.refusals
    assert (refusal.reason, refusal.detail, refusal.code) == (RefusalReason.NOT_OFFERED, detail, code)
    assert refusal.step == "vm"


def test_a_restriction_of_zones_is_none_of_the_region_and_capitals_do_not_matter() -> None:
    assert surveyed({SKUS: {"value": [sku(A10.upper(), {"type": "Zone", "reasonCode": "x"})]}})[0].refusals == ()


def test_every_size_that_is_not_offered_is_named_once() -> None:
    found, _ = surveyed({SKUS: {"value": []}}, fleet(A10, A10, A100))
    assert sorted(refusal.detail.partition(" ")[0] for refusal in found.refusals) == [A100, A10]


def test_a_region_that_azure_does_not_know_is_not_offered() -> None:
    error = {"error": {"code": "LocationNotFound", "message": "No such region."}}
    azure = Azure(ROOMY, {NAME_CHECK: FREE, f"GET {USAGES}": (400, error, {})})
    found = asyncio.run(Survey(cloud_over(azure)).of(PLAN))
    (refusal,) = found.refusals
    assert (refusal.reason, refusal.code, refusal.azure) == (RefusalReason.NOT_OFFERED, "LocationNotFound", True)


def test_a_storage_account_needs_a_free_name_unless_it_is_the_environments_own() -> None:
    found, azure = surveyed({}, name=TAKEN)
    (refusal,) = found.refusals
    assert (refusal.reason, refusal.code, refusal.step) == (RefusalReason.NAME_TAKEN, "AlreadyExists", "storage")
    assert azure.sent[azure.asked.index(NAME_CHECK)] == {
        "name": PLAN.resource("storage").id.rpartition("/")[2],
        "type": "Microsoft.Storage/storageAccounts",
    }
    own, asked = surveyed(everything(), name=TAKEN)
    assert (own.refusals, NAME_CHECK in asked.asked) == ((), False)


def test_a_look_without_checks_asks_for_no_quota_size_or_name() -> None:
    azure = Azure(group())
    found = asyncio.run(Survey(cloud_over(azure)).of(PLAN, checks=False))
    assert (found.existing, found.refusals) == (("group",), ())
    assert not [request for request in azure.asked if request.startswith("POST") or request.endswith(("skus", "usages"))]


def test_checks_are_made_once_for_the_whole_plan() -> None:
    _, azure = surveyed({}, fleet(A10, A10, A100))
    assert [azure.asked.count(f"GET {path}") for path in (SKUS, USAGES)] == [1, 1]


def test_a_resource_outside_of_the_group_is_always_looked_for() -> None:
    elsewhere = Resource(
        "shared", "disk", f"/subscriptions/{SUBSCRIPTION}/resourceGroups/g/providers/Microsoft.Compute/disks/d"
    )
    plan = replace(PLAN, resources=(*PLAN.resources, elsewhere))
    found, _ = surveyed({elsewhere.id: {"id": elsewhere.id, "properties": {}}}, plan)
    assert found.existing == ("shared",)


@pytest.mark.parametrize(
    ("shown", "words"),
    [
        (image(), ""),
        (image(64), ""),
        (image(65), "The OS disk of 64 GiB is smaller than the image"),
        (image(system="Windows"), "is Windows, and the setup of the machine needs Linux"),
        (image(architecture="Arm64"), "is for Arm64 processors"),
        (image(hyperVGeneration="V1"), "is of generation 1, and trusted launch needs generation 2"),
        (image(plan={"name": "terms"}), "requires the acceptance of marketplace terms (terms)"),
        ({f"{VERSIONS}/24.1": {"name": "24.1"}}, ""),
    ],
)
def test_the_image_must_fit_size_disk_and_trusted_launch(shown: dict[str, Any], words: str) -> None:
    refusals = surveyed(shown)[0].refusals
    assert [(one.reason, one.step) for one in refusals] == [(RefusalReason.INCOMPATIBLE, "vm")] * bool(words)
    assert words in "".join(one.detail for one in refusals)


@pytest.mark.parametrize(
    ("image_is", "boots", "words"),
    [
        ("V1", "V2", f"is of generation 1, and {ND} boots images of generation 2 only; choose an image of generation 2"),
        ("V2", "V1", f"is of generation 2, and {ND} boots images of generation 1 only; choose an image of generation 1"),
        ("V1", "V1,V2", ""),
        ("V2", "V1,V2", ""),
        ("V1", "", ""),
        ("", "V2", ""),
    ],
)
def test_a_size_must_boot_the_generation_of_the_image_without_trusted_launch_too(
    image_is: str, boots: str, words: str
) -> None:
    can = [{"name": "HyperVGenerations", "value": boots}] if boots else []
    found, _ = surveyed({**image(hyperVGeneration=image_is), SKUS: {"value": [{**sku(ND), "capabilities": can}]}}, fleet(ND))
    assert [(one.reason, one.step) for one in found.refusals] == [(RefusalReason.INCOMPATIBLE, "vm-m0")] * bool(words)
    assert words in "".join(one.detail for one in found.refusals)


def test_a_machine_that_hibernates_must_fit_its_image_too() -> None:
    able = [{"name": "HibernationSupported", "value": "True"}, {"name": "HyperVGenerations", "value": "V2"}]
    shown = image(hyperVGeneration="V1", features=[{"name": "IsHibernateSupported", "value": "True"}])
    found, _ = surveyed({**shown, SKUS: {"value": [{**sku(A10), "capabilities": able}]}}, fleet(A10, hibernates=True))
    (refusal,) = found.refusals
    assert f"and {A10} boots images of generation 2 only" in refusal.detail


def test_an_image_is_not_refused_while_the_sizes_cannot_be_read_but_other_misfits_are() -> None:
    throttled: Answered = (429, {"error": {"code": "TooManyRequests", "message": "later"}}, {})
    plan = fleet(ND)
    for gib, refused in ((30, 0), (65, 1)):
        azure = Azure({**ROOMY, **image(gib, hyperVGeneration="V1")}, {NAME_CHECK: FREE, f"GET {SKUS}": throttled})
        found = asyncio.run(Survey(cloud_over(azure)).of(plan))
        assert [one.reason for one in found.refusals] == [RefusalReason.INCOMPATIBLE] * refused
        assert ("Not checked before: images fit" in " ".join(found.warnings)) is not bool(refused)


PINNED = "The image Canonical:ubuntu-24_04-lts:server:23.9 does not exist in polandcentral."


@pytest.mark.parametrize(
    ("version", "listed", "said"),
    [
        ("24.1", True, []),
        ("23.9", True, [f"{PINNED} The newest version there is 24.1: write it, or `latest`."]),
        ("23.9", False, [PINNED]),
    ],
)
def test_a_version_that_is_gone_is_told_with_the_newest_one(version: str, listed: bool, said: list[str]) -> None:
    plan = plan_for(workstation_spec(image={"version": version}), target())
    found, _ = surveyed({VERSIONS: [{"name": "24.1"}] if listed else []}, plan)
    assert [one.detail for one in found.refusals] == said
    assert {one.reason for one in found.refusals} <= {RefusalReason.NOT_FOUND}


def hub(**fields: Any) -> GuestSetup:
    return GuestSetup("azureuser", (JupyterHub(("azureuser",), **fields),))


@pytest.mark.parametrize(
    ("publisher", "setup", "missing"),
    [
        ("microsoft-dsvm", GuestSetup("azureuser"), "brings no JupyterHub on port 8000 and no RStudio, nor"),
        ("Microsoft-DSVM", hub(), "brings no RStudio, nor"),
        ("microsoft-dsvm", hub(rstudio=True), ""),
        ("Canonical", GuestSetup("azureuser"), ""),
    ],
)
def test_a_data_science_image_is_told_with_what_it_lacks_until_the_machine_exists(
    publisher: str, setup: GuestSetup, missing: str
) -> None:
    vm = PLAN.resource("vm")
    body = copy.deepcopy(vm.body)
    body["properties"]["storageProfile"]["imageReference"]["publisher"] = publisher
    other = replace(vm, body=body, setup=setup)
    plan = replace(PLAN, resources=tuple(other if one is vm else one for one in PLAN.resources))
    told = " ".join(surveyed({}, plan)[0].warnings)
    assert (missing in told) if missing else not told
    assert surveyed(everything(), plan)[0].warnings == ()


def test_everything_that_does_not_fit_is_named_at_once_for_each_machine_and_asked_once() -> None:
    found, azure = surveyed(image(65, architecture="Arm64"), fleet(A10, A10))
    assert [one.step for one in found.refusals] == ["vm-m0", "vm-m0", "vm-m1", "vm-m1"]
    assert len([request for request in azure.asked if VERSIONS in request]) == 2


def test_an_image_that_the_region_does_not_have_is_named() -> None:
    absent: list[dict[str, Any]] = [{VERSIONS: []}, {f"{VERSIONS}/24.1": None}]
    for shown in absent:
        azure = Azure({name: value for name, value in {**ROOMY, **shown}.items() if value is not None}, {NAME_CHECK: FREE})
        (refusal,) = asyncio.run(Survey(cloud_over(azure)).of(PLAN)).refusals
        assert refusal.detail == "The image Canonical:ubuntu-24_04-lts:server:latest does not exist in polandcentral."


@pytest.mark.parametrize(
    ("can", "words"),
    [
        ({"PremiumIO": "False"}, "cannot use Premium_LRS disks"),
        ({"CpuArchitectureType": "Arm64"}, "has Arm64 processors"),
        ({"HyperVGenerations": "V1"}, "cannot boot images of generation 2"),
        ({"TrustedLaunchDisabled": "True"}, "does not support trusted launch"),
        ({"PremiumIO": "True", "CpuArchitectureType": "x64", "HyperVGenerations": "V1,V2"}, ""),
        ({}, ""),
    ],
)
def test_what_azure_says_of_a_size_must_fit_the_machine(can: dict[str, str], words: str) -> None:
    shown = {**sku(A10), "capabilities": [{"name": name, "value": value} for name, value in can.items()]}
    found, _ = surveyed({SKUS: {"value": [shown]}}, fleet(A10))
    assert [one.reason for one in found.refusals] == [RefusalReason.INCOMPATIBLE] * bool(words)
    assert words in "".join(one.detail for one in found.refusals)


@pytest.mark.parametrize("state", ["NotRegistered", "Unregistered", "Unregistering"])
def test_a_provider_that_is_not_registered_is_named_with_the_command(state: str) -> None:
    found, _ = surveyed(registered(Network=state, Storage="Registering"))
    (refusal,) = found.refusals
    assert (refusal.reason, refusal.step) == (RefusalReason.NOT_REGISTERED, "network")
    assert "run `az provider register --namespace Microsoft.Network` once" in refusal.detail


def test_registrations_are_asked_once_and_only_for_a_new_environment() -> None:
    azure = Azure(ROOMY, {NAME_CHECK: FREE})
    cloud = cloud_over(azure)
    for _ in range(2):
        asyncio.run(Survey(cloud).of(PLAN))
    asked = [request for request in azure.asked if request.rpartition("/")[2].startswith("Microsoft.")]
    assert sorted(asked) == [f"GET {PROVIDERS}/Microsoft.{name}" for name in ("Compute", "Network", "Storage")]
    assert not [one for one in surveyed(everything())[1].asked if one.rpartition("/")[2].startswith("Microsoft.")]


def test_a_retry_asks_only_for_the_registrations_that_could_not_be_read() -> None:
    throttled: Answered = (429, {"error": {"code": "TooManyRequests", "message": "later"}}, {})
    azure = Azure(ROOMY, {NAME_CHECK: FREE, f"GET {PROVIDERS}/Microsoft.Compute": throttled})
    cloud = cloud_over(azure)
    with pytest.raises(CloudUnavailable):
        asyncio.run(check("providers_are_registered", PLAN, NAMES, cloud))
    azure.answers.clear()
    azure.asked.clear()
    assert asyncio.run(check("providers_are_registered", PLAN, NAMES, cloud)) == []
    assert azure.asked == [f"GET {PROVIDERS}/Microsoft.Compute"]


def test_a_registration_that_may_not_be_read_is_no_refusal() -> None:
    denied: Answered = (403, {"error": {"code": "AuthorizationFailed", "message": "no"}}, {})
    azure = Azure(ROOMY, {NAME_CHECK: FREE, f"GET {PROVIDERS}/Microsoft.Compute": denied})
    assert asyncio.run(Survey(cloud_over(azure)).of(PLAN)).refusals == ()


def test_a_read_that_azure_rejects_is_one_more_refusal_of_the_plan() -> None:
    denied: Answered = (403, {"error": {"code": "AuthorizationFailed", "message": "not allowed"}}, {})
    azure = Azure(ROOMY, {NAME_CHECK: FREE, f"GET {SKUS}": denied})
    (refusal,) = asyncio.run(Survey(cloud_over(azure)).of(PLAN)).refusals
    assert (refusal.reason, refusal.azure) == (RefusalReason.FORBIDDEN, True)
    both = Azure({**ROOMY, **registered(Network="NotRegistered")}, azure.answers | {f"GET {SKUS}": denied})
    found = asyncio.run(Survey(cloud_over(both)).of(PLAN)).refusals
    assert {one.reason for one in found} == {RefusalReason.FORBIDDEN, RefusalReason.NOT_REGISTERED}
    with pytest.raises(ReadRefused):
        asyncio.run(Survey(cloud_over(Azure({}, {f"GET {GROUP.id}": denied}))).of(PLAN, checks=False))


PERMISSIONS = f"{PROVIDERS}/Microsoft.Authorization/permissions"


def rights(*actions: str, without: tuple[str, ...] = (), **more: Any) -> dict[str, Any]:
    """The permissions of the control plane's identity as Azure shows them: one role."""
    return {PERMISSIONS: {"value": [{"actions": list(actions), "notActions": list(without)}], **more}}


def test_a_plan_that_needs_more_rights_is_refused_with_the_names_of_all_of_them() -> None:
    result, _ = surveyed(rights("*", without=("Microsoft.Authorization/*/Write", "Microsoft.Compute/*/deallocate/action")))
    (refusal,) = result.refusals
    assert refusal.reason is RefusalReason.FORBIDDEN
    assert "Microsoft.Authorization/roleAssignments/write" in refusal.detail
    assert "Microsoft.Compute/virtualMachines/deallocate/action" in refusal.detail
    assert "roleAssignments/read" not in refusal.detail


@pytest.mark.parametrize(
    "shows",
    [
        rights("*"),
        rights("*/read", nextLink="https://management.azure.com/more"),
        {PERMISSIONS: {"value": None}},
        {},
    ],
)
def test_permissions_that_suffice_or_are_not_known_refuse_nothing(shows: dict[str, Any]) -> None:
    assert surveyed(shows)[0].refusals == ()


def test_a_plan_that_only_changes_what_exists_needs_no_rights_to_create() -> None:
    assert surveyed({**rights("*/read"), **everything()})[0].refusals == ()
