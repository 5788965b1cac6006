"""The cloud-config of a machine: accepted by the real validator and by bash for every spec."""

import base64
import gzip
import itertools
import subprocess
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from dormouse.blueprints.workstation import WorkstationSpec
from dormouse.guest.cloud_init import cloud_config, custom_data
from dormouse.guest.packaging import agent_archive
from dormouse.guest.setup_script import setup_script
from tests.guest.setups import URL, setup

KEYS = {"bootcmd", "write_files", "runcmd", "ssh_pwauth"}
COMBINATIONS = list(
    itertools.product((True, False), (True, False), (True, False), ((), ("torch", "jupyter"), ("numpy>=2,<3",)), ("", URL))
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


def test_the_real_cloud_init_rejects_an_invalid_key(cloud_init: str, tmp_path: Path) -> None:
    path = tmp_path / "cloud-config.yaml"
    path.write_text(cloud_config(setup()).replace("content: |", "contents: |", 1))
    checked = subprocess.run([cloud_init, "schema", "--config-file", str(path)], capture_output=True, text=True, check=False)
    assert checked.returncode != 0


@given(
    packages=st.lists(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,20}(==[0-9.]{1,5})?", fullmatch=True), max_size=4),
    user=st.from_regex(r"[a-z][a-z0-9_-]{0,20}", fullmatch=True),
    container=st.from_regex(r"[a-z0-9](-?[a-z0-9]){2,20}", fullmatch=True),
)
def test_every_valid_spec_produces_the_intended_files(packages: list[str], user: str, container: str) -> None:
    wanted = setup(user=user, container=container, packages=tuple(packages))
    config = yaml.safe_load(cloud_config(wanted))
    assert set(config) <= KEYS
    files = {item["path"]: item["content"] for item in config["write_files"]}
    assert files["/usr/local/sbin/dormouse-setup"] == setup_script(wanted)
    blobs = yaml.safe_load(files["/etc/blobfuse2.yaml"])
    assert blobs["azstorage"] == {"type": "block", "account-name": "stml1abc", "container": container, "mode": "msi"}


@pytest.mark.parametrize(
    ("desktop", "gpu", "packages"),
    [(True, True, ("torch",)), (False, False, ()), (True, False, ("a[b]", 'x; python_version < "3.12"', "it's"))],
)
def test_the_setup_script_is_valid_bash(desktop: bool, gpu: bool, packages: tuple[str, ...]) -> None:
    text = setup_script(setup(desktop=desktop, gpu=gpu, packages=packages))
    checked = subprocess.run(["bash", "-n"], input=text, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr


def test_the_blob_mount_is_retried_until_it_succeeds() -> None:
    files = {item["path"]: item["content"] for item in yaml.safe_load(cloud_config(setup()))["write_files"]}
    unit = files["/etc/systemd/system/dormouse-blobs.service"]
    assert "Restart=always" in unit
    assert "StartLimitIntervalSec=0" in unit
    assert "--foreground" in unit


def test_python_packages_are_installed_into_a_virtual_environment_of_the_administrator() -> None:
    text = setup_script(setup(packages=("torch", "numpy", "jupyter")))
    lines = [line for line in text.splitlines() if "pip install" in line]
    assert lines
    assert all(line.startswith("venv/bin/pip") for line in lines)
    assert 'sudo -H -u "$admin"' in text


def pip_arguments(*packages: str) -> list[list[str]]:
    """The arguments of each `pip install` that bash passes on for these packages of a spec."""
    spec = WorkstationSpec.model_validate({"blueprint": "workstation", "region": "x1x", "python_packages": packages})
    script = setup_script(setup(packages=spec.python_packages))
    inner = script.partition("<<'DORMOUSE'\n")[2].partition("\nDORMOUSE\n")[0]
    lines = "\n".join(line.replace("venv/bin/pip", "show") for line in inner.splitlines() if "pip install" in line)
    show = "show() { printf '%s\\0' \"$@\"; printf '\\n'; }\n"
    done = subprocess.run(["bash", "-c", show + lines], capture_output=True, text=True, check=True)
    return [line.rstrip("\0").split("\0") for line in done.stdout.splitlines()]


def test_packages_with_conditions_and_markers_reach_pip_as_single_arguments() -> None:
    first, last = pip_arguments("numpy >= 1.24, < 2.0", "tensorflow; python_version<'3.12'", "uvicorn [standard]")
    assert first[-1] == "pip"
    assert last[3:] == ["numpy>=1.24,<2.0", 'tensorflow; python_version < "3.12"', "uvicorn[standard]"]


def test_a_build_of_pytorch_selects_its_index() -> None:
    index = "https://download.pytorch.org/whl"
    _, torch, others = pip_arguments("torch==2.3.0+cu121", "torchvision ; python_version>'3'", "numpy")
    assert torch[3:] == ["--index-url", f"{index}/cu121", "torch==2.3.0+cu121", 'torchvision; python_version > "3"']
    assert others[3:] == ["numpy"]
    assert pip_arguments("torch", "torchvision>=0.20")[1][3:-2] == ["--index-url", f"{index}/cu126"]
    assert f"{index}/cpu" in pip_arguments("torch==2.3.0+cpu")[1]


def test_an_exact_version_of_pytorch_may_come_from_pypi_if_the_index_of_the_build_lacks_it() -> None:
    indexes = ["--index-url", "https://download.pytorch.org/whl/cu126", "--extra-index-url", "https://pypi.org/simple"]
    assert pip_arguments("torch==2.3.0")[1][3:] == [*indexes, "torch==2.3.0"]
    for newest in ("torch>=2.3", "torch==2.*", "torch~=2.3"):
        assert "--extra-index-url" not in pip_arguments(newest)[1]


def test_an_ssh_key_disables_password_login_over_ssh() -> None:
    assert yaml.safe_load(cloud_config(setup(), keys_only=True))["ssh_pwauth"] is False
    assert "ssh_pwauth" not in yaml.safe_load(cloud_config(setup()))


def test_the_agent_is_installed_if_a_control_plane_is_configured() -> None:
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


def test_no_agent_is_installed_without_a_control_plane() -> None:
    assert "dormouse-agent" not in cloud_config(setup())


def test_the_largest_spec_fits_into_custom_data() -> None:
    packages = WorkstationSpec.model_fields["python_packages"].metadata
    assert packages
    names = tuple(f"package-with-a-long-name-{number}==10.20.30" for number in range(50))
    wanted = setup(packages=names, control_plane=URL)
    data = base64.b64decode(custom_data(wanted))
    assert gzip.decompress(data).decode() == cloud_config(wanted)
    # Azure limits the decoded custom data to 65,535 bytes.
    assert len(data) < 62_000 < 65_535
