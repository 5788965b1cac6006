"""The first boot has one writer of apt at a time; a driver that a kernel update has cost is rebuilt once."""

import json
import os
import re
import subprocess
import time
from pathlib import Path

import pytest
import yaml

from dormouse.guest.cloud_init import cloud_config
from dormouse.guest.features.nvidia_driver import DRIVER_PATH, DRIVER_SCRIPT, DRIVER_UNIT, WAIT_FOR_DRIVER
from dormouse.guest.files import READY_PATH
from dormouse.guest.setup_script import APT_TIMERS, WRONG_SYSTEM, setup_script
from dormouse.resources.features import GuestSetup
from tests.guest.setups import setup as workstation

LONGEST_HELD = 300  # seconds
GPU = workstation(gpu=True)
CPU = workstation(gpu=False)
FAKES = r"""
uname() { echo 6.8.0-1030-azure; }
apt-get() { echo "apt-get ${*: -1}" >> "$LOG"; }
dkms() { echo "dkms $*" >> "$LOG"; touch "$LOG.built"; }
modprobe() { echo "modprobe $*" >> "$LOG"; }
nvidia-smi() { [ -e "$LOG.built" ] && [ ! -e "$LOG.broken" ]; }
"""
REBUILT = ["apt-get linux-headers-6.8.0-1030-azure", "dkms autoinstall -k 6.8.0-1030-azure", "modprobe nvidia"]


def repaired(folder: Path) -> tuple[int, list[str]]:
    """The exit status of the repair, and what it has done so far."""
    log = folder / "log"
    script = FAKES + DRIVER_SCRIPT
    environment = {"LOG": str(log), "DORMOUSE_STATE": str(folder), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(["bash", "-c", script], env=environment, capture_output=True, check=False)
    return done.returncode, log.read_text().splitlines() if log.exists() else []


def test_a_driver_that_works_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "log.built").touch()
    assert repaired(tmp_path) == (0, [])


def test_a_driver_that_a_new_kernel_has_cost_is_rebuilt(tmp_path: Path) -> None:
    assert repaired(tmp_path) == (0, REBUILT)
    assert repaired(tmp_path) == (0, REBUILT), "it works now"


def test_a_driver_is_rebuilt_once_for_each_kernel_and_then_left_to_people(tmp_path: Path) -> None:
    (tmp_path / "log.broken").touch()
    assert repaired(tmp_path) == (1, REBUILT)
    assert repaired(tmp_path) == (1, REBUILT)


@pytest.mark.parametrize("setup", [GPU, CPU])
def test_only_a_machine_with_a_gpu_has_the_repair(setup: GuestSetup) -> None:
    config = yaml.safe_load(cloud_config(setup))
    files = {item["path"]: item["content"] for item in config["write_files"]}
    unit = f"/etc/systemd/system/{DRIVER_UNIT}"
    assert (DRIVER_PATH in files, unit in files, ["systemctl", "enable", DRIVER_UNIT] in config["runcmd"]) == (
        setup is GPU,
    ) * 3
    assert setup is CPU or f"ConditionPathExists={READY_PATH}" in files[unit], "not beside the installation of the driver"


def test_nothing_else_uses_apt_until_the_setup_has_succeeded() -> None:
    config = yaml.safe_load(cloud_config(GPU))
    assert "package_update" not in config
    assert config["bootcmd"] == [["cloud-init-per", "once", "dormouse-apt", "systemctl", "mask", "--now", *APT_TIMERS]]
    script = setup_script(GPU)
    unmask = script.index(f"systemctl unmask {' '.join(APT_TIMERS)}")
    assert script.rindex("apt install") < unmask < script.index(f"touch {READY_PATH}")
    assert script.index("driver_settled && break") < script.index("apt update")


def report(status: str, message: str = "") -> str:
    """A status file of an extension."""
    told = {"status": status, "formattedMessage": {"lang": "en-US", "message": message}}
    return json.dumps([{"version": 1.0, "status": {"operation": "Enable", **told}}])


SUCCESS, RUNNING, MISSING = report("success"), report("transitioning"), report("error", "no such driver")
LOCKED = report("error", "DPKG frontend (/var/lib/dpkg/lock-frontend) is locked by another process")


@pytest.mark.parametrize(
    ("reports", "settled"),
    [
        ([], False),
        ([(RUNNING, 0)], False),
        ([(SUCCESS, 0)], True),
        ([(MISSING, 0)], True),
        ([(LOCKED, 60)], False),
        ([(LOCKED, 8 * 60)], False),
        ([(LOCKED, 11 * 60)], True),
        ([(LOCKED, 660), (RUNNING, 0)], False),
        ([(LOCKED, 300), (SUCCESS, 0)], True),
    ],
)
def test_a_driver_that_met_the_package_lock_has_the_lock_to_itself_until_it_is_installed_once_more(
    tmp_path: Path, reports: list[tuple[str, int]], settled: bool
) -> None:
    folder = tmp_path / "Microsoft.HpcCompute.NvidiaGpuDriverLinux-1.11.0/status"
    folder.mkdir(parents=True)
    for number, (text, seconds_ago) in enumerate(reports):
        (folder / f"{number}.status").write_text(text)
        moment = time.time() - seconds_ago
        os.utime(folder / f"{number}.status", (moment, moment))
    function = WAIT_FOR_DRIVER.replace("/var/lib/waagent", str(tmp_path)).partition("\nfor ")[0]
    script = f"set -euo pipefail\n{function}\nif driver_settled; then echo yes; fi"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("yes\n" if settled else "", "")


def test_every_installation_waits_for_the_package_lock_for_longer_than_the_first_updates_hold_it(tmp_path: Path) -> None:
    script = setup_script(GPU)
    begin, end = script.index("apt() {"), script.index("\n", script.index("apt() {"))
    (tmp_path / "apt-get").write_text('#!/bin/sh\necho "$*"\n')
    (tmp_path / "apt-get").chmod(0o755)
    shown = subprocess.run(
        ["bash", "-c", f"{script[begin:end]}\napt install xrdp"],
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    waits = re.search(r"DPkg::Lock::Timeout=(\d+)", shown)
    assert waits
    assert int(waits[1]) > LONGEST_HELD
    assert shown.endswith("install xrdp\n")
    calls = [line for text in (script, DRIVER_SCRIPT) for line in text.splitlines() if "apt-get" in line.partition("#")[0]]
    assert len(calls) > 1
    for line in calls:
        assert int((re.search(r"DPkg::Lock::Timeout=(\d+)", line) or ["", "0"])[1]) > LONGEST_HELD, line


@pytest.mark.parametrize(("release", "codename"), [("22.04", "jammy"), ("24.04", "noble")])
def test_packages_come_from_the_repository_of_the_machines_release(release: str, codename: str) -> None:
    (line,) = (line for line in setup_script(CPU).splitlines() if "packages.microsoft.com/ubuntu" in line)
    command = f"VERSION_ID={release}; VERSION_CODENAME={codename}; keyring=k; {line.rstrip(' >').rstrip(chr(92))}"
    shown = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True).stdout
    assert f"https://packages.microsoft.com/ubuntu/{release}/prod {codename} main" in shown


def test_another_system_than_ubuntu_fails_at_once_and_for_good(tmp_path: Path) -> None:
    release = tmp_path / "os-release"
    release.write_text('ID=debian\nPRETTY_NAME="Debian 13"\n')
    script = setup_script(CPU).replace("/etc/os-release", str(release))
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == WRONG_SYSTEM
    assert "the setup needs Ubuntu, and this is Debian 13" in done.stderr
    units = {item["path"]: item["content"] for item in yaml.safe_load(cloud_config(CPU))["write_files"]}
    assert f"RestartPreventExitStatus={WRONG_SYSTEM}" in units["/etc/systemd/system/dormouse-setup.service"]
