"""The agent of Azure Pipelines on this machine: its archive, its configuration, its service, and how it leaves."""

from __future__ import annotations

import hashlib
import json
import os
import pwd
import re
import shutil
import signal
import subprocess
import tarfile
from pathlib import Path
from typing import Any

from .service import Organization, Rejected, Wanted, ask, token_of

SECONDS_TO_CONFIGURE = 300
# Its unit takes up to five minutes to stop.
SECONDS_TO_STOP = 330
TIMED_OUT = 124
UNIT = re.compile(r"vsts\.agent\.[\w.@\\ -]+\.service")


class BuildAgent:
    """The agent that the configuration wants, in its folder."""

    def __init__(self, wanted: Wanted) -> None:
        self._wanted, self._folder = wanted, Path(wanted.folder)

    def register(self) -> None:
        """Configure the agent once, and make its service run; raises NotYet or Rejected."""
        if not self._is_as_wanted():
            if (self._folder / ".agent").exists():
                self.leave()
            token = token_of(self._wanted)
            organization = Organization(self._wanted, token)
            known = organization.is_registered(self._wanted)
            self._unpack(*organization.package(self._wanted))
            self._configure(token, ["--replace"] if known else [])
        if not (self._folder / ".service").exists():
            self._must("./svc.sh", "install", self._wanted.user)
        # Not by the agent's own script: later jobs can change it, and this runs as root at every boot.
        if not UNIT.fullmatch(self.unit):
            raise Rejected(f"{self.unit[:80]!r} is not the name of the service of an agent")
        self._must("systemctl", "start", self.unit)

    def leave(self) -> None:
        """Stop and uninstall the service, then remove the registration, which the agent refuses before; raises Rejected."""
        if (self._folder / ".service").exists():
            run(["./svc.sh", "stop"], self._folder, SECONDS_TO_STOP)
            self._must("./svc.sh", "uninstall")
        if (self._folder / ".agent").exists():
            secret = {"VSTS_AGENT_INPUT_TOKEN": token_of(self._wanted)}
            self._must("./config.sh", "remove", "--unattended", "--auth", "pat", user=self._wanted.user, **secret)

    @property
    def unit(self) -> str:
        """The name of its systemd unit; raises OSError if its service is not installed."""
        return (self._folder / ".service").read_text().strip()

    def _is_as_wanted(self) -> bool:
        """Whether the agent is configured for this organization, pool and name."""
        file, pool = self._folder / ".agent", self._folder / ".dormouse-pool"
        if not file.exists():
            return False
        known = json.loads(file.read_text("utf-8-sig"))  # the agent writes a byte order mark
        wanted = {"agentName": self._wanted.name, "serverUrl": self._wanted.organization}
        told = all(_plain(known[key]) == _plain(value) for key, value in wanted.items() if key in known)
        return told and pool.exists() and pool.read_text() == self._wanted.pool

    def _unpack(self, url: str, sha256: str) -> None:
        """Download an archive, verify it, and only then unpack it; once for each archive."""
        done = self._folder / ".dormouse-archive"
        if sha256 and done.exists() and done.read_text() == sha256:
            return
        if not url.startswith(self._wanted.archives):
            raise Rejected(f"the archive of the agent is not at {self._wanted.archives}, but at {url}")
        content = ask(url, {"Accept": "*/*"})
        if not sha256 or hashlib.sha256(content).hexdigest() != sha256.lower():
            raise Rejected(f"not installed, because the SHA-256 of the archive is not {sha256 or 'known'}: {url}")
        archive = self._folder / ".archive.tar.gz"
        archive.write_bytes(content)
        with tarfile.open(archive) as packed:
            packed.extractall(self._folder, filter="data")
        archive.unlink()
        for path in (self._folder, *self._folder.rglob("*")):
            if not path.is_symlink():
                shutil.chown(path, self._wanted.user)
        done.write_text(sha256)

    def _configure(self, token: str, options: list[str]) -> None:
        """Run the agent's configuration as its own user."""
        # The agent reports its environment as capabilities: by this one the control plane knows its own.
        capability = f"DORMOUSE_MACHINE={self._wanted.machine}"
        (self._folder / ".env").write_text(f"{capability}\n")
        shutil.chown(self._folder / ".env", self._wanted.user)
        # A Microsoft Entra token is given like a personal access token: there is no option of its own for it.
        # https://github.com/MicrosoftDocs/azure-devops-docs/issues/13363
        names = ["--url", self._wanted.organization, "--pool", self._wanted.pool, "--agent", self._wanted.name]
        usual = ["--unattended", "--acceptTeeEula", "--auth", "pat", "--work", "_work"]
        secret = {"VSTS_AGENT_INPUT_TOKEN": token, "DORMOUSE_MACHINE": self._wanted.machine}
        self._must("./config.sh", *usual, *names, *options, user=self._wanted.user, **secret)
        (self._folder / ".dormouse-pool").write_text(self._wanted.pool)

    def _must(self, *command: str, user: str = "", **environment: str) -> None:
        """Run a command; raises Rejected with its output, without secrets."""
        status, said = run(list(command), self._folder, SECONDS_TO_CONFIGURE, user, environment)
        if status:
            raise Rejected(said.replace(environment.get("VSTS_AGENT_INPUT_TOKEN") or "\0", "***"))


def run(
    command: list[str], folder: Path, seconds: int, user: str = "", environment: dict[str, str] | None = None
) -> tuple[int, str]:
    """Run a command with a limit of time, as root or as a user with its home; returns its status and output.

    When the time is over, it is killed with all that it has started: a script must not go on while it is tried again.
    """
    owner = pwd.getpwnam(user) if user else pwd.getpwuid(os.getuid())
    known = {"HOME": owner.pw_dir, "PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8", "USER": owner.pw_name}
    more: dict[str, Any] = {}
    if owner.pw_uid != os.getuid():
        groups = os.getgrouplist(owner.pw_name, owner.pw_gid)
        more = {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": groups}
    with subprocess.Popen(
        command,
        cwd=folder,
        env={**known, **(environment or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        **more,
    ) as started:
        try:
            said, _ = started.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            os.killpg(started.pid, signal.SIGKILL)
            return TIMED_OUT, f"{command[0]} did not end within {seconds} seconds"
    return started.returncode, said.decode("utf-8", "replace")


def _plain(text: object) -> str:
    return str(text).rstrip("/").lower()
