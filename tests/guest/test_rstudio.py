"""The installation of R and RStudio Server, and the parts of its check that need no hub."""

import hashlib
import re
import subprocess
from pathlib import Path

import pytest

from dormouse.guest.features import rstudio
from dormouse.guest.hub_check import rstudio as rstudio_check
from dormouse.guest.hub_check.browser import Browser
from dormouse.guest.hub_check.results import Result
from dormouse.guest.setup_script import WRONG_SYSTEM, setup_script
from tests.guest.test_jupyterhub import files_of, setup

FAKES = r"""
apt() { echo "apt $*" >> "$LOG"; }
systemctl() { echo "systemctl $*" >> "$LOG"; }
sleep() { :; }
chmod() { :; }
curl() {
  case "${*: -1}" in
    http://127.0.0.1:8787/) [ -n "$ANSWERS" ] ;;
    *) echo "curl ${*: -1}" >> "$LOG"; printf '%s' "$CONTENT" > "$LOG.deb" ;;
  esac
}
set -euo pipefail
"""
PACKAGE = "the package"


def installed(
    folder: Path, codename: str = "noble", *, content: str = PACKAGE, answers: bool = True
) -> tuple[int, str, list[str]]:
    """The exit status of the installation, its complaint, and what it has done so far."""
    log = folder / "log"
    script = FAKES + rstudio.INSTALL.replace(rstudio.SHA256, hashlib.sha256(PACKAGE.encode()).hexdigest())
    script = script.replace(rstudio.PACKAGE, f"{log}.deb").replace(rstudio.INSTALLED, f"{log}.installed")
    script = re.sub(r"(?<=[{,])/(?=etc/|var/)", f"{folder}/", script)
    environment = {"LOG": str(log), "VERSION_CODENAME": codename, "ANSWERS": "yes" if answers else "", "CONTENT": content}
    done = subprocess.run(
        ["bash", "-c", script], env={**environment, "PATH": "/usr/bin:/bin"}, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stderr.strip(), log.read_text().splitlines() if log.exists() else []


@pytest.mark.parametrize("codename", ["noble", "jammy"])
def test_the_package_for_22_04_is_installed_and_its_service_is_stopped_for_good(tmp_path: Path, codename: str) -> None:
    keys = [tmp_path / place / "session-rpc-key" for place in ("etc/rstudio", "var/lib/rstudio-server")]
    for key in keys:
        key.parent.mkdir(parents=True)
        key.write_text("of root")
    code, complaint, did = installed(tmp_path, codename)
    assert (code, complaint) == (0, "")
    assert did == [
        "apt install r-base r-base-dev curl",
        f"curl {rstudio.URL}",
        f"apt install {tmp_path}/log.deb",
        *(f"systemctl {verb} rstudio-server" for verb in ("unmask", "restart", "disable --now", "mask")),
    ]
    assert "/jammy/amd64/rstudio-server-2026.07.0-139-amd64.deb" in rstudio.URL
    assert not any(key.exists() for key in keys), "servers of users could not read them"
    assert installed(tmp_path, codename)[2] == did, "nothing is done twice"


@pytest.mark.parametrize("codename", ["focal", "resolute", ""])
def test_another_release_is_named_and_not_tried_again(tmp_path: Path, codename: str) -> None:
    assert installed(tmp_path, codename) == (
        WRONG_SYSTEM,
        f"RStudio Server has no package for Ubuntu {codename}".rstrip(),
        [],
    )


def test_a_package_with_another_checksum_is_not_installed(tmp_path: Path) -> None:
    code, complaint, did = installed(tmp_path, content="another package")
    assert code == WRONG_SYSTEM
    assert complaint.startswith(f"{rstudio.URL} has another checksum than SHA-256")
    assert not [line for line in did if "log.deb" in line]
    assert not (tmp_path / "log.deb").exists()


def test_a_service_that_does_not_answer_fails_the_step_which_is_tried_again(tmp_path: Path) -> None:
    code, complaint, _ = installed(tmp_path, answers=False)
    assert (code, complaint) == (1, "RStudio Server is installed and does not answer on 127.0.0.1:8787")
    assert installed(tmp_path)[0] == 0


def test_everything_comes_from_ubuntu_or_the_host_of_rstudio() -> None:
    hosts = set(re.findall(r"https?://([^/:\s]+)", rstudio.INSTALL))
    assert hosts == {"127.0.0.1", "download2.rstudio.org"}
    assert re.fullmatch(r"[0-9a-f]{64}", rstudio.SHA256)


def test_rstudio_is_on_a_machine_only_if_it_is_asked_for() -> None:
    without, with_it = (setup(rstudio=asked) for asked in (False, True))
    assert "rstudio" not in setup_script(without)
    assert not [path for path in files_of(without) if "rstudio" in path]
    script, files = setup_script(with_it), files_of(with_it)
    assert files["/etc/rstudio/rserver.conf"] == "www-address=127.0.0.1\n"
    assert files["/etc/rstudio/rsession.conf"] == "session-timeout-minutes=0\n", "an R session ends when its user ends it"
    assert "cull" not in files["/etc/jupyterhub/jupyterhub_config.py"], "and its server is not ended for being idle"
    assert all(package in script for package in rstudio.PYTHON_PACKAGES)
    assert script.index("systemctl mask rstudio-server") < script.index("systemctl enable --now jupyterhub.service")


HEADER = "  sl  local_address rem_address   st\n"


@pytest.mark.parametrize(
    ("place", "state", "is_open"),
    [
        ("00000000:2253", "0A", True),
        ("0400000A:2253", "0A", True),
        (f"{'0' * 32}:2253", "0A", True),
        ("0100007F:2253", "0A", False),
        (f"{'0' * 24}01000000:2253", "0A", False),
        ("00000000:2253", "01", False),
        ("00000000:1F40", "0A", False),
    ],
)
def test_rstudios_own_port_is_open_to_this_machine_only(place: str, state: str, is_open: bool) -> None:
    assert rstudio_check.is_open_to_others(listening(place, state)) is is_open


def listening(place: str, state: str = "0A") -> str:
    """The TCP sockets of a machine with a single one, as the kernel lists them."""
    return f"{HEADER}   0: {place} 00000000:0000 {state} 00000000:00000000 00:00000000 00000000 0 0 1 1\n"


def test_the_check_fails_for_an_rstudio_that_others_can_reach_past_the_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    nowhere = Browser("https://127.0.0.1:1", "")
    monkeypatch.setattr(rstudio_check, "tables", lambda: iter([listening("0100007F:2253"), listening("00000000:2253")]))
    with pytest.raises(Result, match=r"^failed RStudio listens on port 8787, past the login of the hub$"):
        rstudio_check.open_r_session(nowhere, "dormouse-check")
    monkeypatch.setattr(rstudio_check, "tables", lambda: iter([listening("0100007F:2253")]))
    with pytest.raises(OSError, match="refused"):  # it is opened
        rstudio_check.open_r_session(nowhere, "dormouse-check")
