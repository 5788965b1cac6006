"""JupyterHub in simulated machines: its check passes only for what would work on a real one."""

import asyncio
import base64
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dormouse.guest.cloud_init import cloud_config
from dormouse.guest.health import findings_in, health_script
from dormouse.resources.features import DataDisks, GuestSetup, JupyterHub, NvidiaDriver
from local.azure.services.key_vault import SECRETS
from local.azure.vms.guest import Guest
from tests.simulator.served import served
from tests.simulator.services.test_graph import machine

SETUP = GuestSetup("ana", (NvidiaDriver(), DataDisks(("/data",)), JupyterHub(("ana",))))
A10 = "Standard_NV72ads_A10_v5"


def found(
    folder: Path,
    config: str,
    *,
    setup_seconds: float = 600.0,
    attached: bool = True,
    identities: tuple[str, ...] = (),
    secrets: tuple[str, ...] = (),
) -> dict[str, str]:
    """The results on a machine with this cloud-config, so many seconds after its first boot and its driver."""

    async def story() -> dict[str, str]:
        async with served(folder) as azure:
            world = azure.world
            made: dict[str, Any] = machine("vm")
            nic = f"{made['id'].partition('/providers/')[0]}/providers/Microsoft.Network/networkInterfaces/n"
            address = nic.replace("networkInterfaces", "publicIPAddresses")
            place = {"configurations": [{"properties": {"publicIPAddress": {"id": address}}}]}
            world.keep({"id": address, "type": "x", "properties": {"ipAddress": "203.0.113.7"}})
            world.keep({"id": nic, "type": "x", "properties": {"ipConfigurations": place["configurations"]}})
            properties = {**made["properties"], "vmId": "one", "hardwareProfile": {"vmSize": A10}}
            properties["networkProfile"] = {"networkInterfaces": [{"id": nic}]}
            properties["storageProfile"] = {"dataDisks": [{"lun": 0}] if attached else []}
            made |= {"properties": properties, "_power": "running"}
            made["identity"] = {"userAssignedIdentities": {key: {} for key in identities}}
            for secret in secrets:
                world.store.put(SECRETS, secret, {"name": secret})
            made["_custom_data"] = base64.b64encode(config.encode()).decode()
            began = world.seconds() - setup_seconds
            booted = Guest(world, Guest(world, made).first_boot(began)).driver_settled(began, installed=True)
            output, _ = Guest(world, booted).run(health_script(SETUP))
            return {one.name: f"{one.result} {one.detail}" for one in findings_in(output, SETUP)}

    return asyncio.run(story())


def test_a_hub_that_has_all_it_needs_passes(tmp_path: Path) -> None:
    results = found(tmp_path, cloud_config(SETUP))
    assert results["jupyterhub"] == "passed a login started a server; its kernel runs cells and sees 2 GPUs"
    assert results["https"].startswith("passed self-signed certificate")
    assert results["data-disks"] == "passed 1 mounted"


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        ('"users": ["ana"]', '"users": []', "failed no user is allowed to log in"),
        ("c.Authenticator.allowed_users", "c.Authenticator.blocked_users", "failed no user is allowed to log in"),
        ("KillMode=process", "PrivateDevices=yes", "failed no GPU in notebooks: 0 of 2 GPUs are visible in a kernel"),
        ("/etc/jupyterhub/hub.json", "/etc/jupyterhub/other.json", "failed no user is allowed to log in"),
        ("ExecStartPre=-/usr/local/sbin/dormouse-hub-certificate", "", "failed the hub answers 404"),
        ("path: \"/etc/jupyterhub/jupyterhub_config.py\"", "path: \"/etc/other.py\"", "failed no user is allowed to log in"),
        ("path: \"/usr/local/sbin/dormouse-hub-check\"", "path: \"/x\"", "waiting the hub is not installed yet"),
    ],
)  # fmt: skip
def test_a_hub_that_lacks_something_does_not(tmp_path: Path, before: str, after: str, says: str) -> None:
    config = cloud_config(SETUP)
    assert before in config
    assert found(tmp_path, config.replace(before, after))["jupyterhub"].startswith(says)


@pytest.mark.parametrize(
    ("identities", "secrets", "result"),
    [
        (("/Identities/Hub",), ("hub",), "passed certificate from Key Vault"),
        ((), ("hub",), "waiting the certificate cannot be read from Key Vault yet"),
        (("/identities/hub",), ("other",), "waiting the certificate cannot be read from Key Vault yet"),
    ],
)
def test_a_certificate_of_key_vault_needs_an_identity_and_a_secret(
    tmp_path: Path, identities: tuple[str, ...], secrets: tuple[str, ...], result: str
) -> None:
    hub = JupyterHub(("ana",), certificate="https://contoso.vault.azure.net/secrets/hub", identity="/identities/hub")
    config = cloud_config(replace(SETUP, features=(*SETUP.features[:2], hub)))
    results = found(tmp_path, config, identities=identities, secrets=secrets)
    assert results["https"].startswith(result)
    assert results["jupyterhub"].startswith("passed" if result.startswith("passed") else result)


RSTUDIO = replace(SETUP, features=(*SETUP.features[:2], JupyterHub(("ana",), rstudio=True)))
DOES_NOT_START = "failed the login worked, but RStudio does not start: 500"


def test_a_hub_with_rstudio_opens_an_r_session(tmp_path: Path) -> None:
    said = found(tmp_path, cloud_config(RSTUDIO))["jupyterhub"]
    assert said == "passed a login started a server; its kernel runs cells and sees 2 GPUs; RStudio opens an R session"


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        (("systemctl mask rstudio-server", "www-address=127.0.0.1"), "true", "failed RStudio listens on port 8787"),
        (("systemctl mask rstudio-server",), "true", DOES_NOT_START),
        (("jupyter-rsession-proxy",), "another", DOES_NOT_START),
        (("session-rpc-key",), "another-key", DOES_NOT_START),
        (("apt install r-base r-base-dev curl",), "", DOES_NOT_START),
    ],
)
def test_an_rstudio_that_lacks_something_does_not_pass(
    tmp_path: Path, before: tuple[str, ...], after: str, says: str
) -> None:
    config = cloud_config(RSTUDIO)
    for text in before:
        assert text in config
        config = config.replace(text, after)
    assert found(tmp_path, config)["jupyterhub"].startswith(says)


def test_nothing_passes_before_the_setup_is_done(tmp_path: Path) -> None:
    results = found(tmp_path, cloud_config(SETUP), setup_seconds=60.0)
    assert results["jupyterhub"] == "waiting the hub is not installed yet"
    assert results["https"] == "waiting the hub is not installed yet"


def test_a_disk_that_is_not_attached_is_not_mounted(tmp_path: Path) -> None:
    assert found(tmp_path, cloud_config(SETUP), attached=False)["data-disks"] == "waiting not mounted yet: /data"
