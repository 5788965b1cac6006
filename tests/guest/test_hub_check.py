"""The check of JupyterHub as a program, with stand-ins of the hub, of the metadata service and of the accounts."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from dormouse.guest.features import jupyterhub
from dormouse.guest.packaging import HUB_CHECK, program_archive
from dormouse.resources.features import JupyterHub
from tests.conftest import unchecked
from tests.guest.fakes import Answer, Request, answered, serving

ADDRESS = "203.0.113.7"


@dataclass(slots=True)
class Hub:
    """A machine with a hub that refuses every login: its next answers about its health, and the passwords tried."""

    folder: Path
    health: list[int] = field(default_factory=list)
    tried: list[str] = field(default_factory=list)

    def __call__(self, request: Request) -> Answer:
        match request.method, request.path.strip("/").split("/"):
            case _, ["metadata", "instance", *_]:
                return answered([{"ipv4": {"ipAddress": [{"publicIpAddress": ADDRESS}]}}])
            case _, ["hub", "health"] if self.health:
                return answered({}, self.health.pop(0))
            case "GET", ["hub", "login"]:
                return answered({}, 200, **{"Set-Cookie": "_xsrf=t0k; Path=/hub/"})
            case "POST", ["hub", "login"]:
                self.tried += parse_qs(request.content.decode())["password"]
                return answered({}, 403)
        return answered({})

    def check(self, what: str) -> str:
        """What the check prints."""
        environment = {
            "PATH": f"{self.folder}/bin:{os.defpath}",
            "DORMOUSE_HUB": str(self.folder / "hub.json"),
            "DORMOUSE_SBIN": str(self.folder / "bin"),
        }
        command = [sys.executable, "-I", str(self.folder / "hub-check.pyz"), what]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    @property
    def passwords(self) -> list[str]:
        """The passwords that the account of the check has had."""
        file = self.folder / "passwords"
        return [line.removeprefix("dormouse-check:") for line in file.read_text().splitlines()] if file.exists() else []


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Callable[[str], Hub]]:
    """Start a hub whose certificate is for these names."""
    if shutil.which("openssl") is None:
        unchecked("openssl", "that the check of JupyterHub reads certificates")
    with ExitStack() as stack:

        def started(names: str) -> Hub:
            hub, tls = Hub(tmp_path), tmp_path / "tls"
            tls.mkdir()
            kind = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "90"]
            place = ["-keyout", str(tls / "key.pem"), "-out", str(tls / "certificate.pem")]
            command = ["openssl", "req", *kind, "-subj", "/CN=hub", "-addext", f"subjectAltName={names}", *place]
            subprocess.run(command, capture_output=True, check=True)
            (tmp_path / "ready").touch()
            (tmp_path / "hub-check.pyz").write_bytes(program_archive(HUB_CHECK))
            programs = {
                "chpasswd": f"#!/bin/sh\ncat >> {tmp_path}/passwords; echo >> {tmp_path}/passwords\n",
                "passwd": "#!/bin/sh\n",
                "dormouse-hub-certificate": jupyterhub.program("certificate.py", sys.executable),
            }
            (tmp_path / "bin").mkdir()
            for name, text in programs.items():
                (tmp_path / "bin" / name).write_text(text)
                (tmp_path / "bin" / name).chmod(0o755)
            settings = {
                **jupyterhub.settings_of(JupyterHub(("ana",), port=stack.enter_context(serving(hub, tls=tls)))),
                "metadata": f"http://127.0.0.1:{stack.enter_context(serving(hub))}",
                "tls": str(tls),
                "ready": str(tmp_path / "ready"),
            }
            (tmp_path / "hub.json").write_text(json.dumps(settings))
            return hub

        yield started


@pytest.mark.parametrize(
    ("names", "says"),
    [
        ("DNS:localhost", f"failed the certificate is not for this address: {ADDRESS}"),
        (f"DNS:localhost,IP:{ADDRESS}", "passed self-signed certificate (browsers warn), valid until "),
    ],
)
def test_a_certificate_must_be_for_the_public_address(served: Callable[[str], Hub], names: str, says: str) -> None:
    assert served(names).check("certificate").startswith(says)


def test_a_hub_that_answers_404_after_a_boot_is_starting_and_no_password_is_guessed(served: Callable[[str], Hub]) -> None:
    hub = served("DNS:localhost")
    hub.health = [404, 404]
    assert [hub.check("login") for _ in range(2)] == ["waiting the hub is starting: the hub answers 404"] * 2
    assert (hub.tried, hub.passwords) == ([], [])
    assert hub.check("login").startswith("failed the hub refuses a correct password"), "it is used as soon as it is up"
    assert hub.tried == hub.passwords
    assert len(hub.tried) == 1


def test_a_hub_that_answers_404_long_after_its_setup_is_broken(served: Callable[[str], Hub]) -> None:
    hub = served("DNS:localhost")
    hub.health = [404]
    os.utime(hub.folder / "ready", (0, 0))
    assert hub.check("login") == "failed the hub answers 404; see journalctl -u jupyterhub"
