"""The spec of a data science machine: what it takes, what it refuses, and the plan that follows."""

import json
from typing import Any

import pytest

from dormouse.blueprints.catalog import plan_for
from dormouse.blueprints.data_science import DataScienceSpec
from dormouse.blueprints.specs import read_spec
from dormouse.errors import InvalidSpec
from dormouse.resources.compute.virtual_machines import VIRTUAL_MACHINE
from dormouse.resources.features import DataDisks, JupyterHub, NvidiaDriver
from dormouse.resources.naming import name_of
from dormouse.resources.plan import Plan
from dormouse.resources.registry import kind_of
from tests.support import ROOT
from tests.unit.builders import SUBSCRIPTION, target

EXAMPLE: dict[str, Any] = json.loads((ROOT / "examples" / "data-science.json").read_text())
DISK = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/old/providers/Microsoft.Compute/disks/data"


def read(**body: Any) -> DataScienceSpec:
    given = {"blueprint": "data-science", "region": "westeurope", **body}
    found = read_spec("ml1", given, caller_address="203.0.113.7", caller="ana")
    assert isinstance(found, DataScienceSpec)
    return found


def faults(**body: Any) -> dict[str, str]:
    with pytest.raises(InvalidSpec) as caught:
        read(**body)
    return {fault.pointer: fault.detail for fault in caught.value.faults}


def plan(**body: Any) -> Plan:
    return plan_for(read(**body), target(secrets={"password": "secret1"}))


def test_the_example_is_the_largest_machine_of_a_free_trial() -> None:
    spec = read(**EXAMPLE)
    assert (spec.size, spec.disk.size_gib, spec.disk.type) == ("Standard_E4s_v5", 1024, "Premium_LRS")
    assert not [one for one in plan(**EXAMPLE).resources if one.kind == "machine_extension"]


def test_a_machine_of_its_own_group_is_reached_over_ssh_and_https_only() -> None:
    built = plan()
    assert {one.name for one in built.resources} == {
        "group",
        "network",
        "firewall",
        "address",
        "nic",
        "password",
        "vm",
        "users",
    }
    rules = built.resource("firewall").body["properties"]["securityRules"]
    ports = [(rule["properties"]["destinationPortRange"], rule["properties"]["sourceAddressPrefixes"]) for rule in rules]
    assert ports == [("22", ["203.0.113.7/32"]), ("8000", ["203.0.113.7/32"])]
    assert built.resource("address").settings == {"ssh": "azureuser", "https:8000": "azureuser"}


def test_the_administrator_is_the_user_of_the_hub() -> None:
    setup = plan(admin_username="ana", sudo=False, python_packages=["pandas"]).resource("vm").setup
    assert setup is not None
    assert setup.admin_username == "ana"
    assert setup.features == (JupyterHub(("ana",), ("pandas",), sudo=False),)


def test_named_users_have_secrets_accounts_and_a_place_in_the_list_of_the_hub() -> None:
    users = [{"name": "ben"}, {"name": "eve-2", "sudo": True}]
    built = plan(admin_username="ana", users=users, size="Standard_NC4as_T4_v3")
    names = [name_of(built.resource(f"password-{user}").id) for user in ("ben", "eve-2")]
    assert names[0].startswith("dormouse-ml1-password-ben-")
    assert [built.resource(f"password-{user}").settings for user in ("ben", "eve-2")] == [
        {"username": "ben"},
        {"username": "eve-2"},
    ]
    accounts = built.resource("users")
    assert accounts.body == {"users": [{"name": "ben", "sudo": False}, {"name": "eve-2", "sudo": True}]}
    assert kind_of(accounts).login_secrets(accounts) == tuple(names)
    assert accounts.needs == ("vm", "password-ben", "password-eve-2", "driver"), "one thing at a time inside a machine"
    (hub,) = [one for one in built.resource("vm").setup.features if isinstance(one, JupyterHub)]  # type: ignore[union-attr]
    assert (hub.users, hub.sudoers) == (("ana", "ben", "eve-2"), ("eve-2",))
    assert plan().resource("users").body == {"users": []}, "the last one can be removed"


def test_every_user_that_cannot_be_is_named_at_once() -> None:
    names = ["ben", "ben", "root", "admin", "a_b", "Ben", "x" * 33, "a--b", "dormouse-check", "eve-", "1st", "systemd-x", ""]
    found = faults(users=[{"name": name} for name in names], sudo="perhaps")
    wrong = {f"/users/{place}/name" for place, name in enumerate(names) if name != "ben"}
    assert set(found) == {"/users", "/sudo", *wrong}
    assert found["/users"] == "must list every user once, and lists ben several times"
    assert found["/users/2/name"] == "'root' is the name of an account or group of the system; choose another name"
    assert "lower-case letters, digits and single hyphens" in found["/users/4/name"]


def test_users_fit_the_administrator_the_sudo_of_notebooks_and_a_limit() -> None:
    found = faults(admin_username="ana", users=[{"name": "ana"}, {"name": "eve", "sudo": True}], sudo=False)
    assert set(found) == {"/users/0/name", "/users/1/sudo"}
    assert found["/users/0/name"] == "ana is the administrator already; list the other users only"
    assert set(faults(users=[{"name": f"user-{number}"} for number in range(21)])) == {"/users"}
    assert len(read(users=[{"name": f"user-{number}"} for number in range(20)]).users) == 20
    assert set(faults(users=[{"name": "ben", "password": "x"}])) == {"/users/0/password"}


def test_rstudio_is_installed_behind_the_hub_and_opens_no_port() -> None:
    built = plan(rstudio=True, admin_username="ana")
    setup = built.resource("vm").setup
    assert setup is not None
    (hub,) = setup.features
    assert isinstance(hub, JupyterHub)
    assert (hub.users, hub.rstudio) == (("ana",), True)
    rules = built.resource("firewall").body["properties"]["securityRules"]
    assert [rule["properties"]["destinationPortRange"] for rule in rules] == ["22", "8000"]
    assert built.resource("address").settings == {"ssh": "ana", "https:8000": "ana", "rstudio:8000": "ana"}


@pytest.mark.parametrize(
    "image",
    [
        {},
        {"offer": "0001-com-ubuntu-server-jammy", "sku": "22_04-lts-gen2"},
        {"publisher": "microsoft-dsvm", "offer": "ubuntu-2204", "sku": "2204-gen2"},
        {"publisher": "contoso", "offer": "noble-with-tools", "sku": "gen2"},
    ],
)
def test_rstudio_has_a_package_for_ubuntu_22_04_and_24_04(image: dict[str, str]) -> None:
    assert read(rstudio=True, image=image).rstudio


@pytest.mark.parametrize(
    ("offer", "sku"),
    [
        ("0001-com-ubuntu-server-focal", "20_04-lts-gen2"),
        ("ubuntu-26_04-lts", "server"),
        ("ubuntu-resolute", "server"),
        ("debian-13", "13-gen2"),
        ("our-image", "2024-0400"),
    ],
)
def test_rstudio_is_refused_for_other_images_together_with_every_other_fault(offer: str, sku: str) -> None:
    found = faults(rstudio=True, image={"offer": offer, "sku": sku}, size="Standard_D4_v5", disk={"type": "Premium_LRS"})
    assert set(found) == {"/rstudio", "/disk/type"}
    assert f"the image is Canonical {offer} {sku}; choose the offer ubuntu-24_04-lts" in found["/rstudio"]
    assert not read(image={"offer": offer, "sku": sku}).rstudio, "without RStudio it may be tried"


def test_a_gpu_size_gets_its_driver_before_everything_else() -> None:
    built = plan(size="Standard_NC4as_T4_v3", driver_version="550.90.07")
    setup = built.resource("vm").setup
    assert setup is not None
    assert setup.features[0] == NvidiaDriver()
    assert built.resource("driver").body["properties"]["settings"] == {"driverVersion": "550.90.07"}


@pytest.mark.parametrize(
    ("size", "trusted"),
    [
        ("Standard_M416ms_v2", False),
        ("Standard_E96s_v5", True),
        ("Standard_L80s_v3", True),
        ("Standard_B4as_v2", True),
        ("Standard_NC96ads_A100_v4", True),
        ("Standard_ND96asr_v4", False),
    ],
)
def test_small_and_very_large_machines_can_be_asked_for(size: str, trusted: bool) -> None:
    vm = plan(size=size.lower()).resource("vm")
    assert vm.body["properties"]["hardwareProfile"]["vmSize"] == size
    assert VIRTUAL_MACHINE.sizes(vm) == {size: 1}
    assert ("securityProfile" in vm.body["properties"]) is trusted


def test_an_os_disk_that_is_too_large_points_to_data_disks() -> None:
    assert read(disk={"size_gib": 4095}).disk.size_gib == 4095
    found = faults(disk={"size_gib": 32767})["/disk/size_gib"]
    assert "an OS disk has at most 4,095 GiB; for more space, add `data_disks` of up to 32,767 GiB each" in found
    assert set(faults(disk={"size_gib": 29})) == {"/disk/size_gib"}


def test_data_disks_keep_the_order_of_the_spec_and_an_existing_one_is_only_attached() -> None:
    disks = [{"size_gib": 32767, "keep": True}, {"disk_id": DISK, "mount_path": "/srv/old"}, {"mount_path": "/data2"}]
    built = plan(data_disks=disks)
    vm = built.resource("vm")
    attached = vm.body["properties"]["storageProfile"]["dataDisks"]
    assert [(disk["lun"], disk["managedDisk"]["id"].rpartition("/")[2]) for disk in attached] == [
        (0, "data-ml1-0"),
        (1, "data"),
        (2, "data-ml1-2"),
    ]
    assert {"data-0", "data-2"} <= set(vm.needs)
    assert [one.name for one in built.resources if one.kind == "disk"] == ["data-0", "data-2"]
    assert vm.setup is not None
    assert vm.setup.features[0] == DataDisks(("/data", "/srv/old", "/data2"))


def test_a_certificate_of_key_vault_comes_with_the_identity_that_may_read_it() -> None:
    identity = DISK.replace("Microsoft.Compute/disks/data", "Microsoft.ManagedIdentity/userAssignedIdentities/hub")
    vault = "https://contoso.vault.azure.net"
    vm = plan(certificate={"secret": f"{vault}/certificates/hub", "identity": identity}).resource("vm")
    assert vm.body["identity"] == {"type": "SystemAssigned, UserAssigned", "userAssignedIdentities": {identity: {}}}
    assert vm.setup is not None
    (hub,) = vm.setup.features
    assert isinstance(hub, JupyterHub)
    assert (hub.certificate, hub.identity) == (f"{vault}/secrets/hub", identity)
    assert plan().resource("vm").body["identity"] == {"type": "SystemAssigned"}


@pytest.mark.parametrize("secret", ["http://contoso.vault.azure.net/secrets/hub", "https://contoso.com/secrets/hub", "hub"])
def test_a_certificate_is_read_from_key_vault_only(secret: str) -> None:
    found = faults(certificate={"secret": secret, "identity": DISK})
    assert set(found) == {"/certificate/secret", "/certificate/identity"}


def test_every_fault_of_the_disks_is_reported_at_once() -> None:
    found = faults(
        size="Standard_D4_v5",
        disk={"type": "Premium_LRS"},
        data_disks=[
            {"size_gib": 1024, "type": "Premium_LRS"},
            {"mount_path": "/data/deeper"},
            {"mount_path": "/srv/x"},
            {"mount_path": "/srv/x"},
        ],
    )
    assert set(found) == {
        "/disk/type",
        "/data_disks/0/type",
        "/data_disks/1/mount_path",
        "/data_disks/3/mount_path",
    }
    assert "/data/deeper is in the way of /data" in found["/data_disks/1/mount_path"]


@pytest.mark.parametrize("path", ["/", "/etc", "/home/ana", "/mnt", "/data/../etc", "/srv", "data", "/var/data", "/data;x"])
def test_a_data_disk_hides_no_folder_of_the_system(path: str) -> None:
    assert set(faults(data_disks=[{"mount_path": path}])) == {"/data_disks/0/mount_path"}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("admin_username", "JamesB"),  # a hub looks for the name in lower case and finds no account
        ("admin_username", "root"),
        ("size", "Standard_D4ps_v5"),
        ("size", "Standard_D4_v3"),
        ("size", "Standard_NV12s_v3"),
        ("allow_from", ["*"]),
        ("data_disks", [{"size_gib": 32768}]),
        ("data_disks", [{"size_gib": 0}]),
        ("data_disks", [{"disk_id": "/subscriptions/x"}]),
        ("data_disks", [{}] * 17),
        ("password", "secret"),
    ],
)
def test_what_cannot_work_is_refused(field: str, value: Any) -> None:
    assert all(pointer.startswith(f"/{field}") for pointer in faults(**{field: value}))
