"""The cloud-config of a machine: accepted by the real validator, and by bash, whatever was asked for."""

import base64
import gzip
import itertools
import subprocess
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from dormouse.blueprints.specs import WorkstationSpec
from dormouse.guest.cloud_init import cloud_config
from dormouse.guest.packaging import agent_archive
from dormouse.guest.setup_script import setup_script
from dormouse.resources.plan import GuestSetup

KEYS = {"package_update", "write_files", "runcmd", "ssh_pwauth"}
URL = "https://dormouse.azurewebsites.net/api"
COMBINATIONS = list(
    itertools.product((True, False), (True, False), (True, False), ((), ("torch", "jupyter"), ("numpy>=2,<3",)), ("", URL))
)


def setup(
    *, desktop: bool = True, gpu: bool = True, packages: tuple[str, ...] = ("torch", "jupyter"), control_plane: str = ""
) -> GuestSetup:
    return GuestSetup(
        "azureuser",
        "stml1abc",
        "deeplearning",
        python_packages=packages,
        desktop=desktop,
        gpu=gpu,
        control_plane=control_plane,
        audience="api://dormouse" if control_plane else "",
    )


@pytest.mark.parametrize(("desktop", "gpu", "keys_only", "packages", "control_plane"), COMBINATIONS)
def test_the_real_cloud_init_accepts_every_combination(
    cloud_init: str, tmp_path: Path, desktop: bool, gpu: bool, keys_only: bool, packages: tuple[str, ...], control_plane: str
) -> None:
    path = tmp_path / "cloud-config.yaml"
    wanted = setup(desktop=desktop, gpu=gpu, packages=packages, control_plane=control_plane)
    path.write_text(cloud_config(wanted, keys_only=keys_only))
    checked = subprocess.run([cloud_init, "schema", "--config-file", str(path)], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    assert "deprecat" not in (checked.stdout + checked.stderr).lower()


def test_the_real_cloud_init_would_see_a_mistake(cloud_init: str, tmp_path: Path) -> None:
    path = tmp_path / "cloud-config.yaml"
    path.write_text(cloud_config(setup()).replace("content: |", "contents: |", 1))
    checked = subprocess.run([cloud_init, "schema", "--config-file", str(path)], capture_output=True, text=True, check=False)
    assert checked.returncode != 0


@given(
    packages=st.lists(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,20}(==[0-9.]{1,5})?", fullmatch=True), max_size=4),
    user=st.from_regex(r"[a-z][a-z0-9_-]{0,20}", fullmatch=True),
    container=st.from_regex(r"[a-z0-9](-?[a-z0-9]){2,20}", fullmatch=True),
)
def test_whatever_a_spec_allows_gives_the_files_that_were_meant(packages: list[str], user: str, container: str) -> None:
    wanted = GuestSetup(user, "stml1abc", container, python_packages=tuple(packages))
    config = yaml.safe_load(cloud_config(wanted))
    assert set(config) <= KEYS
    files = {item["path"]: item["content"] for item in config["write_files"]}
    assert files["/usr/local/sbin/dormouse-setup"] == setup_script(wanted)
    blobs = yaml.safe_load(files["/etc/blobfuse2.yaml"])
    assert blobs["azstorage"] == {"type": "block", "account-name": "stml1abc", "container": container, "mode": "msi"}


@pytest.mark.parametrize(
    ("desktop", "gpu", "packages"), [(True, True, ("torch",)), (False, False, ()), (True, False, ("a[b]",))]
)
def test_bash_can_read_the_script(desktop: bool, gpu: bool, packages: tuple[str, ...]) -> None:
    text = setup_script(setup(desktop=desktop, gpu=gpu, packages=packages))
    checked = subprocess.run(["bash", "-n"], input=text, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr


def test_the_mount_tries_again_until_it_holds() -> None:
    files = {item["path"]: item["content"] for item in yaml.safe_load(cloud_config(setup()))["write_files"]}
    unit = files["/etc/systemd/system/dormouse-blobs.service"]
    assert "Restart=always" in unit
    assert "StartLimitIntervalSec=0" in unit
    assert "--foreground" in unit


def test_python_packages_go_into_an_environment_of_the_administrator_and_never_into_the_system() -> None:
    text = setup_script(setup(packages=("torch", "numpy", "jupyter")))
    lines = [line for line in text.splitlines() if "pip install" in line]
    assert lines
    assert all(line.startswith("venv/bin/pip") for line in lines)
    assert 'sudo -H -u "$admin"' in text


def test_a_key_closes_ssh_to_passwords() -> None:
    assert yaml.safe_load(cloud_config(setup(), keys_only=True))["ssh_pwauth"] is False
    assert "ssh_pwauth" not in yaml.safe_load(cloud_config(setup()))


def test_the_agent_comes_with_the_machine_when_there_is_somebody_to_tell() -> None:
    config = yaml.safe_load(cloud_config(setup(control_plane=URL)))
    files = {item["path"]: item for item in config["write_files"]}
    assert files["/etc/dormouse/agent.json"]["content"] == f'{{"control_plane": "{URL}", "audience": "api://dormouse"}}\n'
    assert "encoding" not in files["/etc/dormouse/agent.json"]
    packed = files["/usr/local/lib/dormouse/agent.pyz"]
    assert packed["encoding"] == "gz+b64"
    assert gzip.decompress(base64.b64decode(packed["content"])) == agent_archive()
    assert files["/usr/local/bin/dormouse-awake"]["permissions"] == "0755"
    assert "/etc/systemd/system/dormouse-agent.service" in files
    commands = config["runcmd"]
    assert commands.index(["systemctl", "daemon-reload"]) < commands.index(
        ["systemctl", "enable", "--now", "dormouse-agent.service"]
    )


def test_without_somebody_to_tell_there_is_no_agent() -> None:
    assert "dormouse-agent" not in cloud_config(setup())


def test_the_largest_spec_fits_into_custom_data() -> None:
    packages = WorkstationSpec.model_fields["python_packages"].metadata
    assert packages
    names = tuple(f"package-with-a-long-name-{number}==10.20.30" for number in range(50))
    text = cloud_config(setup(packages=names, control_plane=URL))
    # Azure decodes what it is sent, and counts bytes then: at most 65,535.
    assert len(text.encode()) < 62_000 < 65_535
