"""What real Azure refuses of machines, rules, names and providers, the simulation refuses with the same code and words."""

import itertools
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from local.azure.core.world import SUBSCRIPTION
from tests.simulator.test_simulated_azure import COMPUTE, GROUP, NETWORK, STORAGE, Azure, error, running_azure

REGION = "westeurope"
UBUNTU = {"publisher": "Canonical", "offer": "ubuntu-24_04-lts", "sku": "server", "version": "latest"}
DSVM = {"publisher": "microsoft-dsvm", "offer": "ubuntu-2204", "sku": "2204-gen2", "version": "latest"}
TRUSTED = {"securityType": "TrustedLaunch", "uefiSettings": {"secureBootEnabled": False, "vTpmEnabled": True}}
PREMIUM, STANDARD_SSD = ({"managedDisk": {"storageAccountType": kind}} for kind in ("Premium_LRS", "StandardSSD_LRS"))
PROVIDERS = f"/subscriptions/{SUBSCRIPTION}/providers"


_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def azure() -> Iterator[Azure]:
    with running_azure() as running:
        yield running


def machine(azure: Azure, size: str, disk: dict[str, Any] | None = None, **profile: Any) -> httpx.Response:
    """The response to a PUT of a machine without a network interface, which is checked last."""
    security = profile.pop("security", None)
    image = {**UBUNTU, **profile.pop("image", {})}
    body = {
        "location": REGION,
        "properties": {
            "hardwareProfile": {"vmSize": size},
            **({"securityProfile": security} if security else {}),
            "storageProfile": {"imageReference": image, "osDisk": {"createOption": "FromImage", **(disk or {})}},
            "osProfile": {"computerName": "m", "adminUsername": "ana", "adminPassword": "Pass-word-1234"},
            "networkProfile": {"networkInterfaces": [{"id": f"{NETWORK}/networkInterfaces/none"}]},
        },
    }
    # Each is another machine: a computer that is fast enough would exceed what Azure takes for one of them.
    return azure.manage("PUT", f"{COMPUTE}/virtualMachines/m{next(_numbers)}", body)


@pytest.mark.parametrize(
    ("size", "asked", "refused", "words"),
    [
        ("Standard_D4s_v5", {}, (404, "NotFound"), "networkInterfaces/none"),
        (
            "Standard_D4_v5",
            {"disk": PREMIUM},
            (400, "InvalidParameter"),
            "Premium",
        ),
        ("Standard_D4_v5", {"disk": STANDARD_SSD}, (404, "NotFound"), ""),
        ("Standard_D4ps_v5", {}, (400, "InvalidParameter"), "CPU Architecture of 'Arm64'"),
        ("Standard_D4ps_v5", {"image": {"sku": "server-arm64"}}, (404, "NotFound"), ""),
        (
            "Standard_D4s_v5",
            {"image": {"sku": "server-arm64"}},
            (400, "InvalidParameter"),
            "CPU Architecture of 'x64'",
        ),
        ("Standard_D4_v3", {}, (400, "BadRequest"), "cannot boot Hypervisor Generation '2'"),
        ("Standard_D4_v3", {"image": {"sku": "server-gen1"}}, (404, "NotFound"), ""),
        ("Standard_NC24ads_A100_v4", {"image": {"sku": "server-gen1"}}, (400, "BadRequest"), "Hypervisor Generation '1'"),
        ("Standard_D4s_v5", {"image": {"sku": "server-gen1"}, "security": TRUSTED}, (400, "BadRequest"), "TrustedLaunch"),
        ("Standard_ND96asr_v4", {"security": TRUSTED}, (409, "OperationNotAllowed"), "quota"),
        ("Standard_D4s_v5", {"image": DSVM, "disk": {"diskSizeGB": 64}}, (409, "OperationNotAllowed"), "VM image: 150 GB"),
        ("Standard_D4s_v5", {"image": DSVM, "disk": {"diskSizeGB": 150}}, (404, "NotFound"), ""),
        ("Standard_D4s_v5", {"image": DSVM}, (404, "NotFound"), ""),
        ("Standard_D4s_v5", {"image": {"version": "24.04.202610010"}}, (404, "NotFound"), "networkInterfaces/none"),
        ("Standard_D4s_v5", {"image": {"version": "24.04.1"}}, (404, "PlatformImageNotFound"), "server:24.04.1"),
        ("Standard_D4s_v5", {"image": {"sku": "none"}}, (404, "PlatformImageNotFound"), "ubuntu-24_04-lts:none"),
    ],
)
def test_size_image_disk_and_security_type_must_fit(
    azure: Azure, size: str, asked: dict[str, Any], refused: tuple[int, str], words: str
) -> None:
    answer = machine(azure, size, **asked)
    assert error(answer) == refused
    assert words in answer.json()["error"]["message"]


def test_the_capabilities_of_sizes_are_those_that_decide(azure: Azure) -> None:
    skus = azure.manage("GET", f"{PROVIDERS}/Microsoft.Compute/skus", **{"$filter": f"location eq '{REGION}'"}).json()[
        "value"
    ]
    can = {sku["name"]: {one["name"]: one["value"] for one in sku["capabilities"]} for sku in skus}
    shown = ("PremiumIO", "CpuArchitectureType", "HyperVGenerations", "TrustedLaunchDisabled")
    assert [[can[f"Standard_{size}"].get(name) for name in shown] for size in ("D4s_v5", "D4_v3", "D4ps_v5")] == [
        ["True", "x64", "V1,V2", None],
        ["False", "x64", "V1", None],
        ["True", "Arm64", "V2", "True"],
    ]


def test_images_show_what_decides_and_missing_ones_are_404(azure: Azure) -> None:
    publisher = f"{PROVIDERS}/Microsoft.Compute/locations/{REGION}/publishers/microsoft-dsvm"
    offer = f"{publisher}/artifacttypes/vmimage/offers/ubuntu-2204"
    (newest,) = azure.manage("GET", f"{offer}/skus/2204-gen2/versions?$top=1&$orderby=name desc").json()
    properties = azure.manage("GET", f"{offer}/skus/2204-gen2/versions/{newest['name']}").json()["properties"]
    assert (properties["hyperVGeneration"], properties["architecture"]) == ("V2", "x64")
    assert properties["osDiskImage"] == {"operatingSystem": "Linux", "sizeInBytes": 150 * 2**30}
    assert error(azure.manage("GET", f"{offer}/skus/none/versions")) == (404, "NotFound")
    assert error(azure.manage("GET", f"{offer}/skus/2204-gen2/versions/0.0.1")) == (404, "NotFound")
    assert error(azure.manage("GET", f"{offer.replace('ubuntu-2204', 'other')}/skus/x/versions")) == (501, "NotSimulated")


@pytest.mark.parametrize(
    ("sources", "mixed"),
    [
        (["198.51.100.7/32", "2001:db8::/32"], True),
        (["198.51.100.7/32", "203.0.113.0/24"], False),
        (["2001:db8::/32", "2001:db8:1::1"], False),
    ],
)
def test_a_rule_has_addresses_of_one_family(azure: Azure, sources: list[str], mixed: bool) -> None:
    rule = {
        "priority": 100,
        "direction": "Inbound",
        "access": "Allow",
        "protocol": "Tcp",
        "sourcePortRange": "*",
        "destinationPortRange": "22",
        "sourceAddressPrefixes": sources,
        "destinationAddressPrefix": "*",
    }
    body = {"location": REGION, "properties": {"securityRules": [{"name": "ssh", "properties": rule}]}}
    answer = azure.manage("PUT", f"{NETWORK}/networkSecurityGroups/mixed", body)
    if mixed:
        assert error(answer) == (400, "ResourceCannotContainAddressPrefixesFromDifferentAddressFamilies")
    else:
        assert answer.status_code in (200, 201)


@pytest.mark.parametrize("name", ["windowsalgo", "stmicrosoftml", "loginstore", "azure", "xbox"])
def test_a_storage_account_has_no_reserved_word_in_its_name(azure: Azure, name: str) -> None:
    body = {"location": REGION, "sku": {"name": "Standard_LRS"}, "kind": "StorageV2"}
    assert error(azure.manage("PUT", f"{STORAGE}/storageAccounts/{name}", body)) == (400, "ReservedResourceName")
    assert azure.manage("PUT", f"{STORAGE}/storageAccounts/st{name[-3:]}login", body).status_code == 202


def test_a_provider_that_is_not_registered_takes_no_writes(azure: Azure) -> None:
    path = f"{PROVIDERS}/Microsoft.Network"
    assert azure.manage("GET", path).json()["registrationState"] == "Registered"
    with azure.ground.simulation() as simulation:
        for state in ("NotRegistered", "Registered"):
            simulation.put("/registrations", json={"namespace": "microsoft.network", "state": state}).raise_for_status()
            assert azure.manage("GET", path).json()["registrationState"] == state
            body = {"location": REGION, "properties": {}}
            answer = azure.manage("PUT", f"{NETWORK}/publicIPAddresses/p", body)
            refused = (409, "MissingSubscriptionRegistration")
            assert error(answer) == refused if state == "NotRegistered" else answer.status_code == 201
            assert azure.manage("GET", GROUP).status_code == 200
    assert error(azure.manage("GET", f"{PROVIDERS}/Microsoft.Sql")) == (501, "NotSimulated")


def test_subnets_of_a_network_share_no_addresses(azure: Azure) -> None:
    def subnets(*prefixes: str) -> dict[str, Any]:
        parts = [{"name": f"s{number}", "properties": {"addressPrefix": one}} for number, one in enumerate(prefixes)]
        return {"location": REGION, "properties": {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}, "subnets": parts}}

    path = f"{NETWORK}/virtualNetworks/overlaps"
    refused = azure.manage("PUT", path, subnets("10.0.0.0/24", "10.0.0.128/28"))
    assert error(refused) == (400, "NetcfgSubnetRangesOverlap")
    assert azure.manage("PUT", path, subnets("10.0.0.0/24", "10.0.1.0/28")).status_code == 201
