"""The program that registers an agent of Azure Pipelines, with stand-ins of the agent's scripts and of the services."""

import contextlib
import hashlib
import io
import json
import os
import pwd
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from dormouse.guest.packaging import PIPELINES, program_archive
from dormouse.guest.pipelines import agent
from dormouse.guest.pipelines.agent import BuildAgent
from dormouse.guest.pipelines.processes import docker_problem
from dormouse.guest.pipelines.service import Rejected, Wanted
from dormouse.guest.pipelines.state import NO_RIGHT, NOT_ACCEPTED, meaning_of, state_of_log
from tests.guest.fakes import Answer, Request, answered, serving
from tests.support import eventually

TOKEN, MACHINE = "tok-EXAMPLE-123", "/subscriptions/0d0e/resourceGroups/rg/providers/Microsoft.Compute/virtualMachines/vm-1"
IDENTITY = "/subscriptions/0d0e/resourceGroups/rg/providers/Microsoft.ManagedIdentity/userAssignedIdentities/ci"
# The scripts of the agent, as far as they refuse: as root or without a home, without a token, and while the service is
# configured. They write down what they were given, except the token.
CONFIG = """#!/bin/bash
echo "config.sh $*" >> log
tr '\\0' ' ' < /proc/$PPID/cmdline >> seen; tr '\\0' ' ' < /proc/$$/cmdline >> seen
if [ "$(id -u)" = 0 ]; then echo "Must not run with sudo"; exit 1; fi
if [ -z "$HOME" ]; then echo "HOME is not set"; exit 1; fi
if [ -z "$VSTS_AGENT_INPUT_TOKEN" ]; then echo "Invalid configuration. Terminating unattended configuration."; exit 1; fi
if [ -e answer ]; then cat answer; exit 1; fi
if [ "$1" = remove ]; then
  if grep -qs remove endless; then sleep 600; fi
  if [ -e .service ]; then echo "Uninstall service first"; exit 1; fi
  rm -f .agent; exit 0
fi
if [ -e .agent ]; then echo "Cannot configure the agent because it is already configured."; exit 1; fi
while [ $# -gt 0 ]; do case "$1" in --url) url=$2 ;; --agent) name=$2 ;; esac; shift; done
printf '\\xef\\xbb\\xbf{"poolId": 7, "agentName": "%s", "serverUrl": "%s"}' "$name" "$url" > .agent
"""
SERVICE = """#!/bin/bash
echo "svc.sh $*" >> log
case "$1" in
  install) echo vsts.agent.contoso.gpu.service > .service ;;
  uninstall) rm -f .service ;;
  stop) if [ -e stuck ]; then exit 1; fi; if grep -qs stop endless; then sleep 600 & echo $! > waiting; wait; fi ;;
esac
"""


def archive_of_the_agent() -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as packed:
        for name, text in (("config.sh", CONFIG), ("svc.sh", SERVICE)):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(text), 0o755
            packed.addfile(entry, io.BytesIO(text.encode()))
    return content.getvalue()


START = "systemctl start vsts.agent.contoso.gpu.service"
ARCHIVE = archive_of_the_agent()
SHA256 = hashlib.sha256(ARCHIVE).hexdigest()


@dataclass(slots=True)
class Services:
    """The metadata service, Key Vault, Azure DevOps and the host of the archives, all at one address."""

    asked: list[Request] = field(default_factory=list)
    may_read: bool = True
    refusal: tuple[int, str] | None = None
    agents: list[dict[str, Any]] = field(default_factory=list)
    pools: list[str] = field(default_factory=lambda: ["gpu"])
    sha256: str = SHA256
    host: str = ""
    elsewhere: str = ""

    def __call__(self, request: Request) -> Answer:
        self.asked.append(request)
        match request.path.strip("/").split("/"):
            case ["metadata", *_]:
                assert request.headers["metadata"] == "true"
                return self.token({name: values[0] for name, values in request.query.items()})
            case ["secrets", "pipelines-token"]:
                assert request.headers["authorization"] == "Bearer own"
                return answered({"value": f"{TOKEN}\n"} if self.may_read else {"error": {}}, 200 if self.may_read else 403)
            case ["contoso", *_] if self.refusal:
                return self.refusal[0], {}, self.refusal[1].encode()
            case ["contoso" | "fabrikam", "_apis", "distributedtask", "pools"]:
                return answered({"value": [{"id": 7, "name": name} for name in self.pools]})
            case ["contoso" | "fabrikam", "_apis", "distributedtask", "pools", "7", "agents"]:
                return answered({"value": self.agents})
            case ["contoso" | "fabrikam", "_apis", "distributedtask", "packages", "agent"]:
                url = self.elsewhere or f"{self.host}/agent/5.277.0/vsts-agent-linux-x64-5.277.0.tar.gz"
                return answered({"value": [{"downloadUrl": url, "hashValue": self.sha256}]})
            case ["agent", *_]:
                return 200, {}, ARCHIVE
        return answered({}, 404)

    def token(self, query: dict[str, str]) -> Answer:
        """A token of the machine's own identity for Key Vault, or of the user-assigned one for Azure DevOps."""
        if "msi_res_id" not in query:
            return answered({"access_token": "own"})
        assert query["resource"] == "499b84ac-1321-427f-aa17-267ca6975798"
        known = query["msi_res_id"] == IDENTITY and self.may_read
        return answered({"access_token": TOKEN} if known else {"error": "invalid_request"}, 200 if known else 400)


@dataclass(slots=True)
class Ground:
    """A machine with the program, and its services."""

    root: Path
    services: Services
    wanted: dict[str, str]
    archive: Path

    @property
    def folder(self) -> Path:
        return self.root / "opt/pipelines-agent"

    def want(self, **changes: str) -> None:
        self.wanted |= changes
        (self.root / "etc/dormouse/pipelines.json").write_text(json.dumps(self.wanted))

    def run(self, verb: str) -> subprocess.CompletedProcess[str]:
        programs = self.root / "bin"
        environment = {"PATH": f"{programs}:{os.defpath}"}
        command = [sys.executable, "-I", str(self.archive), verb, str(self.root)]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)

    @property
    def log(self) -> list[str]:
        file = self.folder / "log"
        return [line.split(" --")[0] for line in file.read_text().splitlines()] if file.exists() else []

    @property
    def status(self) -> str:
        return self.run("status").stdout.strip()

    def journal(self, text: str) -> None:
        program = self.root / "bin/journalctl"
        program.write_text(f"#!/bin/sh\ncat <<'X'\n{text}\nX\n")
        program.chmod(0o755)


@contextmanager
def a_ground() -> Iterator[Ground]:
    # The agent's user, who is not root, must reach the folder: pytest's own is closed to others.
    with tempfile.TemporaryDirectory() as home, serving(services := Services()) as port:
        root, services.host = Path(home), f"http://127.0.0.1:{port}"
        root.chmod(0o755)
        user = "nobody" if os.getuid() == 0 else pwd.getpwuid(os.getuid()).pw_name
        for folder in ("etc/dormouse", "opt/pipelines-agent", "bin"):
            (root / folder).mkdir(parents=True)
        if os.getuid() == 0:
            os.chown(root / "opt/pipelines-agent", pwd.getpwnam(user).pw_uid, -1)
        archive = root / "pipelines.pyz"
        archive.write_bytes(program_archive(PIPELINES))
        wanted = {
            "organization": f"{services.host}/contoso",
            "pool": "gpu",
            "name": "ml1-1",
            "machine": MACHINE,
            "token_url": f"{services.host}/secrets/pipelines-token",
            "folder": str(root / "opt/pipelines-agent"),
            "user": user,
            "metadata": services.host,
            "archives": f"{services.host}/",
        }
        made = Ground(root, services, wanted, archive)
        made.want()
        made.journal("")
        (root / "bin/systemctl").write_text('#!/bin/sh\necho "systemctl $*" >> log\n')
        (root / "bin/systemctl").chmod(0o755)
        yield made


@pytest.fixture
def ground() -> Iterator[Ground]:
    with a_ground() as made:
        yield made


def test_the_agent_is_configured_as_its_own_user_and_its_service_is_started(ground: Ground) -> None:
    done = ground.run("register")
    assert (done.returncode, done.stderr) == (0, "")
    assert ground.log == ["config.sh", f"svc.sh install {ground.wanted['user']}", START]
    assert "--replace" not in (ground.folder / "log").read_text()
    assert (ground.folder / ".env").read_text() == f"DORMOUSE_MACHINE={MACHINE}\n"
    owners = {(ground.folder / name).owner() for name in ("config.sh", "svc.sh", ".env", ".agent")}
    assert owners == {ground.wanted["user"]}, "also if the boot step runs as root"
    assert ground.status == "waiting the agent has not connected yet"
    ground.journal("Connect to the server\nListening for Jobs")
    assert ground.status == "passed the agent listens for jobs"


def test_the_token_is_nowhere_but_in_the_environment_of_the_configuration(ground: Ground) -> None:
    done = ground.run("register")
    left = "".join(path.read_text("utf-8", "replace") for path in ground.root.rglob("*") if path.is_file())
    assert "config.sh" in (ground.folder / "seen").read_text(), "command lines were looked at"
    assert TOKEN not in left + done.stdout + done.stderr
    assert all(TOKEN not in request.path and TOKEN not in str(request.query) for request in ground.services.asked)


def test_a_second_run_configures_nothing_and_asks_for_no_token(ground: Ground) -> None:
    ground.run("register")
    ground.services.asked.clear()
    assert ground.run("register").returncode == 0
    (ground.folder / ".agent").write_text('{"poolId": 7, "agentName": "ml1-1"}')
    assert ground.run("register").returncode == 0, "without a URL to compare"
    assert ground.log[3:] == [START, START]
    assert ground.services.asked == []


def test_no_other_service_is_started_and_no_script_of_the_agent_is_run_again_as_root(ground: Ground) -> None:
    ground.run("register")
    (ground.folder / "svc.sh").write_text("#!/bin/sh\necho changed by a job >> log\n")
    assert ground.run("register").returncode == 0
    assert ground.log[-1] == START
    (ground.folder / ".service").write_text("ssh.service")
    assert ground.run("register").returncode == 1
    assert "is not the name of the service of an agent" in ground.status
    assert ground.log[-1] == START


@pytest.mark.parametrize("change", [{"pool": "gpu2"}, {"name": "ml1-2"}, {"organization": "{host}/fabrikam"}], ids=str)
def test_an_agent_for_another_organization_pool_or_name_leaves_first(ground: Ground, change: dict[str, str]) -> None:
    ground.run("register")
    ground.services.pools.append("gpu2")
    ground.want(**{name: value.format(host=ground.services.host) for name, value in change.items()})
    assert ground.run("register").returncode == 0
    assert ground.log[3:7] == ["svc.sh stop", "svc.sh uninstall", "config.sh remove", "config.sh"]
    known = json.loads((ground.folder / ".agent").read_text("utf-8-sig"))
    assert (known["agentName"], known["serverUrl"]) == (ground.wanted["name"], ground.wanted["organization"])


def test_an_agent_leaves_in_the_order_that_its_scripts_accept_even_if_it_cannot_be_stopped(ground: Ground) -> None:
    ground.run("register")
    (ground.folder / "stuck").touch()
    assert ground.run("leave").returncode == 0
    assert ground.log[3:] == ["svc.sh stop", "svc.sh uninstall", "config.sh remove"]
    assert not (ground.folder / ".agent").exists()


def runs(pid: int) -> bool:
    """Whether a process has not ended, although nothing may wait for it any more."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def test_a_service_that_does_not_stop_in_time_is_uninstalled_all_the_same(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    ground.run("register")
    (ground.folder / "endless").write_text("stop")
    monkeypatch.setattr(agent, "SECONDS_TO_STOP", 1)
    began = time.monotonic()
    BuildAgent(Wanted(**ground.wanted)).leave()
    assert time.monotonic() - began < 20
    assert ground.log[3:] == ["svc.sh stop", "svc.sh uninstall", "config.sh remove"]
    started = int((ground.folder / "waiting").read_text())
    assert eventually(lambda: not runs(started)), "what the script has started runs on"


def test_a_removal_that_does_not_end_in_time_is_named(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    ground.run("register")
    (ground.folder / ".service").unlink()
    (ground.folder / "endless").write_text("remove")
    monkeypatch.setattr(agent, "SECONDS_TO_CONFIGURE", 0.3)
    with pytest.raises(Rejected, match=r"^\./config\.sh did not end within 0\.3 seconds$"):
        BuildAgent(Wanted(**ground.wanted)).leave()


def test_the_agent_of_another_machine_is_not_replaced(ground: Ground) -> None:
    ground.services.agents = [{"id": 31, "name": "ml1-1", "createdOn": "2026-11-01T08:00:00Z"}]
    assert ground.run("register").returncode == 1
    assert ground.status.startswith(
        "failed another agent of the pool has this name (name taken: ml1-1 was created on 2026-11-01"
    )
    assert ground.log == []


def test_the_agent_of_this_machine_is_replaced(ground: Ground) -> None:
    ground.services.agents = [{"id": 31, "name": "ml1-1", "systemCapabilities": {"dormouse_machine": MACHINE.upper()}}]
    assert ground.run("register").returncode == 0
    assert "--replace" in (ground.folder / "log").read_text()


@pytest.mark.parametrize("sha256", [SHA256[:-1] + ("0" if SHA256[-1] != "0" else "1"), ""], ids=["one digit", "none"])
@pytest.mark.parametrize("pinned", [False, True])
def test_an_archive_with_another_checksum_is_not_unpacked(ground: Ground, sha256: str, *, pinned: bool) -> None:
    ground.services.sha256 = SHA256 if pinned else sha256
    ground.want(**({"version": "5.277.0", "sha256": sha256} if pinned else {}))
    assert ground.run("register").returncode == 1
    assert "not installed, because the SHA-256 of the archive is not" in ground.status
    assert list(ground.folder.iterdir()) == []


def test_a_pinned_version_is_installed(ground: Ground) -> None:
    ground.want(version="5.277.0", sha256=SHA256)
    assert ground.run("register").returncode == 0
    assert not any("packages" in request.path for request in ground.services.asked)


def test_an_archive_at_another_host_is_not_downloaded(ground: Ground) -> None:
    ground.services.elsewhere = "https://vstsagentpackage.example/agent.tar.gz"
    assert ground.run("register").returncode == 1
    assert "the archive of the agent is not at" in ground.status


def test_a_token_that_may_not_be_read_yet_is_waited_for(ground: Ground) -> None:
    ground.services.may_read = False
    assert ground.run("register").returncode == 1
    assert ground.status.startswith("waiting the token cannot be read from Key Vault yet (HTTP 403")
    ground.services.may_read = True
    assert ground.run("register").returncode == 0


def test_an_identity_registers_with_its_own_token_and_without_a_secret(ground: Ground) -> None:
    ground.want(identity=IDENTITY, token_url="")
    assert ground.run("register").returncode == 0, ground.status
    asked = [request for request in ground.services.asked if request.path.startswith("/contoso")]
    assert {request.headers["authorization"] for request in asked} == {f"Bearer {TOKEN}"}
    assert not any(request.path.startswith("/secrets") for request in ground.services.asked)
    assert (ground.folder / ".agent").exists()


def test_an_identity_that_the_machine_does_not_have_yet_is_waited_for(ground: Ground) -> None:
    ground.services.may_read = False
    ground.want(identity=IDENTITY, token_url="")
    assert ground.run("register").returncode != 0
    assert ground.status.startswith("waiting the metadata service gives no token of the identity yet")


def test_a_pool_that_does_not_exist_is_named(ground: Ground) -> None:
    ground.services.pools = ["Default"]
    ground.run("register")
    assert ground.status == "failed there is no such agent pool, or the token may not see it (pool not found: gpu)"


@pytest.mark.parametrize(
    ("status", "state"), [(503, "waiting"), (429, "waiting"), (401, "failed"), (203, "failed"), (302, "failed")]
)
def test_an_organization_that_does_not_answer_is_waited_for_and_one_that_refuses_is_not(
    ground: Ground, status: int, state: str
) -> None:
    ground.services.refusal = (status, "<html>Sign in</html>")
    assert ground.run("register").returncode == 1
    assert ground.status.startswith(f"{state} ")
    assert state == "waiting" or NOT_ACCEPTED in ground.status


def test_what_the_configuration_says_is_shown_without_the_token(ground: Ground) -> None:
    (ground.folder / "answer").write_text(f"Connecting\nVS30063: You are not authorized to access https://x with {TOKEN}.\n")
    assert ground.run("register").returncode == 1
    assert ground.status == f"failed {NOT_ACCEPTED} (VS30063: You are not authorized to access https://x with ***.)"
    waited = ground.run("wait")
    assert (waited.returncode, waited.stderr.strip()) == (1, ground.status.removeprefix("failed "))


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("VS30063: You are not authorized to access https://dev.azure.com", NOT_ACCEPTED),
        ("TF400813: Resource not available for anonymous access. Client authentication required.", NOT_ACCEPTED),
        (
            "POST request to https://dev.azure.com/x/_apis/distributedtask/pools/3/agents failed. HTTP Status: Forbidden",
            NO_RIGHT,
        ),
        ("Access denied. Ana needs Manage permissions for pool gpu to perform the action.", NO_RIGHT),
        ("Agent pool not found: 'gpu'", "there is no such agent pool"),
        ("Invalid configuration provided for token. Terminating unattended configuration.", "an option is empty"),
        ("Cannot prompt: --unattended was given", "an option is empty"),
        ("Something else", "Something else"),
        ("", "nothing was said"),
    ],
)
def test_the_words_of_the_service_have_a_meaning(text: str, meaning: str) -> None:
    assert meaning_of(text).startswith(meaning)


@pytest.mark.parametrize(
    ("log", "result"),
    [
        ("Listening for Jobs\nAgent connect error: timeout. Retrying until reconnected.", "waiting"),
        ("Agent connect error: timeout\nAgent reconnected.", "passed"),
        ("Listening for Jobs\nRunning job: build", "passed"),
        ("A session for this agent already exists: session conflict", "waiting"),
        ("Listening for Jobs\n401 Unauthorized\n401 Unauthorized", "passed"),
        ("", "waiting"),
    ],
)
def test_the_log_of_the_agent_says_whether_it_is_connected(log: str, result: str) -> None:
    assert state_of_log(log)[0] == result


LISTENER = "Name:\tAgent.Listener\nUid:\t{user}\t{user}\t{user}\t{user}\nGid:\t990\t990\t990\t990\nGroups:\t{groups} \n"
WITHOUT = "failed the agent runs without the group docker, so its jobs cannot use Docker; restart the machine"
LISTENS = "passed the agent listens for jobs"


@pytest.mark.parametrize(
    ("groups", "accounts", "name", "said"),
    [
        ("4 989 990", {}, "Agent.Listener", LISTENS),
        ("4 990", {}, "Agent.Listener", WITHOUT),
        ("", {}, "Agent.Listener", WITHOUT),
        ("4 990", {"group": "root:x:0:\n"}, "Agent.Listener", LISTENS),
        ("4 990", {"passwd": ""}, "Agent.Listener", LISTENS),
        ("4 990", {}, "Agent.Worker", LISTENS),
        ("4 1989", {}, "Agent.Listener", WITHOUT),
    ],
    ids=["member", "before the membership", "no groups", "no Docker", "no such user", "not seen", "a longer number"],
)
def test_an_agent_that_was_started_before_its_user_could_use_docker_is_not_healthy(
    ground: Ground, groups: str, accounts: dict[str, str], name: str, said: str
) -> None:
    ground.run("register")
    ground.journal("Listening for Jobs")
    known = {"group": "root:x:0:\ndocker:x:989:ana\n", "passwd": f"{ground.wanted['user']}:x:998:990::/home:/bin/sh\n"}
    for file, text in {**known, **accounts}.items():
        (ground.root / "etc" / file).write_text(text)
    process = ground.root / "proc/4711"
    process.mkdir(parents=True)
    (process / "comm").write_text(f"{name}\n")
    (process / "status").write_text(LISTENER.format(user=998, groups=groups))
    (ground.root / "proc/4712").mkdir()
    assert ground.status == said


def test_the_listener_of_another_user_does_not_count(ground: Ground) -> None:
    (ground.root / "etc/group").write_text("docker:x:989:\n")
    (ground.root / "etc/passwd").write_text("pipelines:x:998:990::/home:/bin/sh\n")
    (ground.root / "proc/1").mkdir(parents=True)
    (ground.root / "proc/1/comm").write_text("Agent.Listener\n")
    (ground.root / "proc/1/status").write_text(LISTENER.format(user=0, groups="0"))
    assert docker_problem(ground.root, "pipelines") == ""
    (ground.root / "proc/1/status").write_text(LISTENER.format(user=998, groups="998"))
    assert "without the group docker" in docker_problem(ground.root, "pipelines")
