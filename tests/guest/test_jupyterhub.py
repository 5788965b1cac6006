"""The files, units and scripts of a machine with JupyterHub."""

import base64
import gzip
import itertools
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from dormouse.environments.results import Check
from dormouse.guest.cloud_init import NEEDRESTART, cloud_config, custom_data
from dormouse.guest.features import jupyterhub, rstudio
from dormouse.guest.health import findings_in, health_script
from dormouse.guest.setup_script import setup_script
from dormouse.resources.features import Agent, DataDisks, Feature, GuestSetup, JupyterHub, NvidiaDriver
from tests.conftest import unchecked
from tests.guest.setups import URL
from tests.guest.setups import setup as workstation
from tests.support import ROOT

LARGEST_CUSTOM_DATA = 65_535
NAMES = tuple(f"package-with-a-long-name-{number}==10.20.30" for number in range(50))


def setup(
    *, gpu: bool = False, disks: bool = False, sudo: bool = True, packages: tuple[str, ...] = (), rstudio: bool = False
) -> GuestSetup:
    features: list[Feature] = [
        *([NvidiaDriver()] if gpu else []),
        *([DataDisks(("/data", "/srv/images"))] if disks else []),
        JupyterHub(("ana",), packages, sudo, rstudio=rstudio),
        Agent(URL, "api://dormouse"),
    ]
    return GuestSetup("ana", tuple(features))


EVERYTHING = setup(gpu=True, disks=True, packages=NAMES, rstudio=True)


def files_of(wanted: GuestSetup) -> dict[str, str]:
    return {item["path"]: item["content"] for item in yaml.safe_load(cloud_config(wanted))["write_files"]}


@pytest.mark.parametrize(("gpu", "disks", "sudo", "rstudio"), list(itertools.product((True, False), repeat=4)))
def test_the_real_cloud_init_accepts_every_combination(
    cloud_init: str, tmp_path: Path, gpu: bool, disks: bool, sudo: bool, rstudio: bool
) -> None:
    path = tmp_path / "cloud-config.yaml"
    packages = ("torch", "x; python_version > '3'")
    path.write_text(cloud_config(setup(gpu=gpu, disks=disks, sudo=sudo, packages=packages, rstudio=rstudio)))
    checked = subprocess.run([cloud_init, "schema", "--config-file", str(path)], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr


def test_the_real_cloud_init_reads_compressed_custom_data(cloud_init: str) -> None:
    content = base64.b64decode(custom_data(EVERYTHING))
    script = "import sys; from cloudinit import user_data; print(user_data.convert_string(sys.stdin.buffer.read()))"
    interpreter = Path(cloud_init).read_text().splitlines()[0].removeprefix("#!").split()[0]
    done = subprocess.run([interpreter, "-c", script], input=content, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert b"#cloud-config" in done.stdout or b"I2Nsb3VkLWNvbmZpZ" in done.stdout, "plain, or as base64"


def test_the_largest_spec_fits_into_custom_data_and_has_the_same_bytes_every_time() -> None:
    text = custom_data(EVERYTHING)
    assert len(base64.b64decode(text)) < 57_000 < LARGEST_CUSTOM_DATA
    assert text == custom_data(EVERYTHING)
    assert gzip.decompress(base64.b64decode(text)).decode() == cloud_config(EVERYTHING)


def test_the_setup_is_valid_bash_and_leaves_no_placeholder() -> None:
    for text in (setup_script(EVERYTHING), health_script(EVERYTHING)):
        checked = subprocess.run(["bash", "-n"], input=text, capture_output=True, text=True, check=False)
        assert checked.returncode == 0, checked.stderr
        assert not re.search(r"@[A-Z_]+@", text)


def test_systemd_accepts_the_units(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        unchecked(
            "systemd-analyze", "that systemd understands the units of JupyterHub (Debian, Ubuntu: apt install systemd)"
        )
    units = {Path(path).name: text for path, text in files_of(setup()).items() if "jupyterhub" in path or "hub-cert" in path}
    units = {name: text for name, text in units.items() if name.endswith((".service", ".timer"))}
    assert len(units) == 3
    for name, text in units.items():
        # The programs do not exist on this computer.
        (tmp_path / name).write_text(re.sub(r"(Exec\w+=-?)\S+", r"\1/bin/true", text))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *(str(tmp_path / name) for name in units)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert not [line for line in done.stderr.splitlines() if any(name in line for name in units)], done.stderr


def test_servers_outlive_the_hub_and_nothing_hides_the_gpus_from_them() -> None:
    lines = dict(line.split("=", 1) for line in jupyterhub.SERVICE.splitlines() if "=" in line)
    assert lines["KillMode"] == "process"
    assert lines["OOMPolicy"] == "continue"
    assert (lines["StateDirectory"], lines["StateDirectoryMode"]) == ("jupyterhub", "0700")
    hidden = {"PrivateDevices", "DevicePolicy", "DeviceAllow", "ProtectHome", "NoNewPrivileges", "PrivateTmp", "User"}
    assert not lines.keys() & hidden
    assert lines["ExecStartPre"].startswith("-"), "a hub with a good certificate starts without the metadata service"


def test_users_are_named_and_the_settings_have_no_secret() -> None:
    config = files_of(setup())[f"{jupyterhub.FOLDER}/jupyterhub_config.py"]
    assert "allowed_users" in config
    assert "allow_all" not in config
    settings = jupyterhub.settings_of(JupyterHub(("ana",)))
    assert settings["users"] == ["ana"]
    assert not [name for name in settings if "password" in name or "secret" in name]


def test_sudo_in_notebooks_follows_the_spec() -> None:
    assert "/etc/sudoers.d/91-dormouse" in setup_script(setup(sudo=True))
    assert "sudoers" not in setup_script(setup(sudo=False))
    assert jupyterhub.settings_of(JupyterHub(("ana",), sudo=False))["sudo"] is False


def test_the_machine_and_the_tests_install_the_same_versions() -> None:
    lines = (ROOT / "requirements-jupyterhub.txt").read_text().splitlines()
    wanted = (*jupyterhub.PYTHON_PACKAGES, *rstudio.PYTHON_PACKAGES)
    assert tuple(line for line in lines if not line.startswith("#")) == wanted
    assert f"HUB_PROXY := {jupyterhub.PROXY}\n" in (ROOT / "Makefile").read_text()
    assert all(package in setup_script(setup()) for package in (*jupyterhub.PYTHON_PACKAGES, jupyterhub.PROXY))


@pytest.mark.parametrize("wanted", [setup(), workstation()])
def test_updates_restart_nothing_that_people_work_in(wanted: GuestSetup) -> None:
    files = files_of(wanted)
    assert files["/etc/needrestart/conf.d/dormouse.conf"] == NEEDRESTART
    assert files["/etc/apt/apt.conf.d/52dormouse"] == 'Unattended-Upgrade::Automatic-Reboot "false";\n'


def test_needrestart_can_read_its_configuration() -> None:
    if shutil.which("perl") is None:
        unchecked("perl", "that Perl understands the configuration of needrestart")
    named = "jupyterhub.service xrdp.service xrdp-sesman.service dormouse-blobs.service docker.service ssh.service"
    script = f"our %nrconf; {NEEDRESTART} my @regex = keys %{{$nrconf{{override_rc}}}};"
    script += f' print join(" ", $nrconf{{restart}}, grep {{ /$regex[0]/ }} qw({named}));'
    done = subprocess.run(["perl", "-we", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"l {named.removesuffix(' ssh.service')}"


HUB = r"""
timeout() { shift; "$@"; }
cloud-init() { printf 'status: done\n'; }
systemctl() { printf 'active\n'; }
test() { return 0; }
mountpoint() { return 0; }
nvidia-smi() { printf 'NVIDIA T4\n'; }
"""


@pytest.mark.parametrize(
    ("says", "result", "detail"),
    [
        ("passed it works", Check.PASSED, "it works"),
        ("waiting the hub is starting", Check.WAITING, "the hub is starting"),
        ("failed no user is allowed to log in", Check.FAILED, "no user is allowed to log in"),
        ("Traceback (most recent call last)", Check.WAITING, "the hub is not installed yet"),
        ("", Check.WAITING, "the hub is not installed yet"),
    ],
)
def test_the_health_check_says_what_the_program_says(says: str, result: Check, detail: str) -> None:
    command = f"dormouse-hub-check() {{ printf '%s\\n' '{says}'; }}\n" if says else ""
    done = subprocess.run(
        ["/bin/bash", "--restricted", "-c", f"{HUB}{command}{health_script(setup())}"],
        capture_output=True, text=True, env={"PATH": "/nonexistent"}, check=False,
    )  # fmt: skip
    found = {one.name: (one.result, one.detail) for one in findings_in(done.stdout, setup())}
    assert found["jupyterhub"] == found["https"] == (result, detail)
