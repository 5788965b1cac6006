"""The scripts that install and remove the agent on a machine, executed with a fake systemd."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from dormouse.guest.installation import install_script, installed_files, remove_script
from dormouse.guest.packaging import AGENT, FOLDER, agent_archive, bare, packed_agent
from tests.conftest import unchecked
from tests.guest.fakes import Machine

URL, AUDIENCE = "https://dormouse.azurewebsites.net/api", 'api://it\'s $(a) "name"'
SYSTEMCTL = """
echo "$*" >> {log}
case "$1" in is-active) cat {state};; disable) echo inactive > {state};; enable) echo {becomes} > {state};; esac
exit 0
"""


class Site:
    """A machine on which the scripts run."""

    def __init__(self, machine: Machine, folder: Path) -> None:
        self.machine, self.log, self.state = machine, folder / "systemctl.txt", folder / "state.txt"
        self.state.write_text("inactive\n")
        self.systemd()
        machine.program("sleep", "exit 0")

    def systemd(self, becomes: str = "active") -> None:
        self.machine.program("systemctl", SYSTEMCTL.format(log=self.log, state=self.state, becomes=becomes))

    def run(self, script: str) -> tuple[int, list[str]]:
        environment = {"PATH": f"{self.machine.programs}:{os.defpath}", "DESTDIR": str(self.machine.root)}
        done = subprocess.run(["bash"], input=script, env=environment, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout.splitlines()

    def files(self) -> dict[str, int]:
        """The existing files, with permissions."""
        found = [path for path in self.machine.root.rglob("*") if path.is_file()]
        return {f"/{path.relative_to(self.machine.root)}": path.stat().st_mode & 0o777 for path in found}


@pytest.fixture
def site(tmp_path: Path) -> Site:
    machine = Machine(tmp_path / "root", tmp_path / "programs")
    machine.programs.mkdir()
    machine.root.mkdir()
    return Site(machine, tmp_path)


@pytest.mark.parametrize("script", [install_script(URL, AUDIENCE), remove_script()], ids=["install", "remove"])
def test_the_scripts_are_valid_bash_and_pass_shellcheck(script: str) -> None:
    checked = subprocess.run(["bash", "-n"], input=script, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    shellcheck = Path(sysconfig.get_path("scripts"), "shellcheck")
    checked = subprocess.run([shellcheck, "-"], input=script, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout


def test_installing_twice_is_idempotent(site: Site) -> None:
    for _ in range(2):
        code, said = site.run(install_script(URL, AUDIENCE))
        assert (code, said[-1]) == (0, "dormouse-check agent passed the agent is running")
    wanted = {file.path: int(file.permissions, 8) for file in installed_files(URL, AUDIENCE)}
    assert site.files() == wanted
    assert (site.machine.root / "usr/local/lib/dormouse/agent.pyz").read_bytes() == agent_archive()
    configuration = (site.machine.root / "etc/dormouse/agent.json").read_text()
    assert json.loads(configuration) == {"control_plane": URL, "audience": AUDIENCE}
    assert configuration in install_script(URL, AUDIENCE)
    orders = site.log.read_text().splitlines()
    assert orders.index("daemon-reload") < orders.index("try-restart dormouse-agent.service")
    assert "enable --now dormouse-agent.service" in orders


def test_the_installed_agent_runs(site: Site) -> None:
    site.run(install_script(URL, AUDIENCE))
    archive = site.machine.root / "usr/local/lib/dormouse/agent.pyz"
    done = subprocess.run([sys.executable, "-I", str(archive), "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == "1.0\n"


def test_removing_leaves_no_files_and_is_idempotent(site: Site) -> None:
    site.run(install_script(URL, AUDIENCE))
    site.machine.write("/run/dormouse/awake.d/0-a", "{}")
    site.machine.write("/usr/local/bin/somebody-elses")
    site.machine.write("/usr/local/sbin/dormouse-setup")
    for _ in range(2):
        code, said = site.run(remove_script())
        assert (code, said) == (0, ["dormouse-check agent passed the agent has been removed"])
        assert set(site.files()) == {"/usr/local/bin/somebody-elses", "/usr/local/sbin/dormouse-setup"}
    assert not (site.machine.root / "etc/dormouse").exists()
    assert not (site.machine.root / "usr/local/lib/dormouse").exists()
    assert "disable --now dormouse-agent.service" in site.log.read_text()


def test_installation_fails_if_the_agent_exits_at_once(site: Site) -> None:
    site.systemd(becomes="failed")
    code, said = site.run(install_script(URL, AUDIENCE))
    assert code == 1
    assert said[-1].startswith("dormouse-check agent failed the agent ended after its start")


def test_installation_fails_if_files_cannot_be_written(site: Site) -> None:
    site.machine.write("/etc/dormouse", "a file where a folder must be")
    code, said = site.run(install_script(URL, AUDIENCE))
    assert code == 1
    assert said[-1] == "dormouse-check agent failed /etc/dormouse/agent.json cannot be written"


@pytest.mark.parametrize("missing", ["gunzip", "base64"])
def test_installation_fails_if_the_agent_cannot_be_unpacked(site: Site, missing: str) -> None:
    site.machine.program(missing, "cat > /dev/null; exit 1")
    code, said = site.run(install_script(URL, AUDIENCE))
    assert code == 1
    assert said == ["dormouse-check agent failed /usr/local/lib/dormouse/agent.pyz cannot be written"]
    assert not site.log.exists()


def test_installation_fails_without_systemd(site: Site) -> None:
    (site.machine.programs / "systemctl").unlink()
    for name in ("bash", "mkdir"):
        (site.machine.programs / name).symlink_to(str(shutil.which(name)))
    environment = {"PATH": str(site.machine.programs), "DESTDIR": str(site.machine.root)}
    script = install_script(URL, AUDIENCE)
    done = subprocess.run(["/bin/bash"], input=script, env=environment, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == ["dormouse-check agent failed this machine has no systemd"]
    assert site.files() == {}


def test_the_agent_archive_is_reproducible(tmp_path: Path) -> None:
    script = "from guest.packaging import *; print(hash_of(agent_archive()), hash_of(packed_agent()))"
    before = "import hashlib; hash_of = lambda content: hashlib.sha256(content).hexdigest(); "
    runs = [
        subprocess.run(
            [sys.executable, "-c", before + script],
            cwd=FOLDER.parent,
            env={"PATH": os.defpath, "TZ": zone, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for zone, seed in (("UTC", "1"), ("Asia/Tokyo", "2"))
    ]
    assert runs[0] == runs[1]


def test_the_packed_agent_is_smaller_than_40_kib() -> None:
    assert len(packed_agent()) < 40 * 1024


def test_a_traceback_names_the_lines_of_the_sources() -> None:
    source = (FOLDER / AGENT / "sender.py").read_text()
    stripped = bare(source).split("\n")
    assert len(stripped) == len(source.split("\n"))
    assert all(line in ("", original) for line, original in zip(stripped, source.split("\n"), strict=True))


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The agent's unit in a folder, where systemd-analyze can read it."""
    (unit,) = (file for file in installed_files(URL, AUDIENCE) if file.path.endswith(".service"))
    path = tmp_path / "dormouse-agent.service"
    path.write_bytes(unit.content)
    return path


def analyzed(*words: str | Path) -> subprocess.CompletedProcess[str]:
    if shutil.which("systemd-analyze") is None:
        unchecked("systemd-analyze", "that systemd understands the agent's unit (Debian, Ubuntu: apt install systemd)")
    return subprocess.run(["systemd-analyze", *words], capture_output=True, text=True, check=False)


def test_systemd_accepts_the_unit(unit: Path) -> None:
    done = analyzed("verify", "--man=no", unit)
    assert "dormouse-agent.service:" not in done.stderr, done.stderr


def test_systemd_rates_the_unit_as_sandboxed(unit: Path) -> None:
    """The exposure level is at most 3.5 of 10."""
    done = analyzed("security", "--offline=true", "--threshold=35", "--no-pager", unit)
    assert done.returncode == 0, done.stdout[-500:] + done.stderr


def test_the_agent_can_write_only_to_its_folder_and_read_what_it_needs(unit: Path) -> None:
    lines = dict(line.split("=", 1) for line in unit.read_text().splitlines() if "=" in line)
    assert (lines["ProtectSystem"], lines["ReadWritePaths"], lines["ProtectHome"]) == (
        "strict",
        "/run/dormouse",
        "read-only",
    )
    assert set(lines["CapabilityBoundingSet"].split()) == {
        "CAP_DAC_READ_SEARCH", "CAP_DAC_OVERRIDE", "CAP_SYS_PTRACE", "CAP_MKNOD",
    }  # fmt: skip
    # Each of these would hide GPUs, terminals or the processes of users.
    assert not lines.keys() & {
        "PrivateDevices",
        "DevicePolicy",
        "DeviceAllow",
        "ProtectClock",
        "ProtectProc",
        "PrivateUsers",
    }
