"""The container of a host: it gets its secrets in a file that only root reads, and says whether it answers."""

import os
import subprocess
from pathlib import Path

import pytest

from dormouse.guest.cloud_init import cloud_config
from dormouse.guest.features.container import CONTAINER, PROGRAM
from dormouse.guest.health import expected_checks, health_script
from dormouse.resources.features import Container, DataDisks, Docker, GuestSetup

URL = "https://v.vault.azure.net/secrets/dormouse-rc1-queue-secret-01"
QUEUE = Container(
    "queue",
    "docker.io/library/rabbitmq:4-management",
    "10.0.0.4",
    (5672, 15672),
    "/var/lib/rabbitmq",
    "/data",
    "http://10.0.0.4:15672/api/health/checks/alarms",
    (("RABBITMQ_DEFAULT_USER", "runner"),),
    (("RABBITMQ_DEFAULT_PASS", URL),),
    ("RABBITMQ_DEFAULT_USER", "RABBITMQ_DEFAULT_PASS"),
)
STORE = Container("store", "docker.io/a/store:1", "10.0.0.5", (8333,), "/data", "/data", "http://10.0.0.5:8333/")
SETUP = GuestSetup("azureuser", (Docker(), DataDisks(("/data",)), QUEUE))
SECRET = "pw-1_EXAMPLE"
CURL = r"""#!/bin/bash
echo "curl $*" >> "$LOG"
case "$*" in
  *metadata*) [ "$IDENTITY" = yes ] && echo '{"access_token": "token-1"}' || exit 22 ;;
  *vault.azure.net*)
    read -r header
    [ "$header" = 'header = "Authorization: Bearer token-1"' ] && echo '{"value": "pw-1_EXAMPLE"}' || exit 22 ;;
  *http_code*) cat >> "$LOG.stdin"; printf '%s' "$CODE" ;;
esac
"""


def program_of(container: Container, folder: Path) -> Path:
    """The program of a host, with its files below a folder."""
    (text,) = (one.content.decode() for one in CONTAINER.files(container) if one.path == PROGRAM)
    path = folder / "dormouse-container"
    path.write_text(text.replace("/run/dormouse-container.env", str(folder / "env")).replace("/data/data", f"{folder}/data"))
    path.chmod(0o755)
    return path


def ran(container: Container, folder: Path, verb: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """What the program does on a machine with stand-ins of curl and Docker."""
    stand_ins = folder / "bin"
    stand_ins.mkdir(exist_ok=True)
    for name, text in {
        "curl": CURL,
        "docker": '#!/bin/bash\necho "docker $*" >> "$LOG"\n',
        "mountpoint": '#!/bin/bash\n[ "${MOUNTED:-yes}" = yes ]\n',
    }.items():
        (stand_ins / name).write_text(text)
        (stand_ins / name).chmod(0o755)
    known = {"PATH": f"{stand_ins}:{os.environ['PATH']}", "LOG": str(folder / "log"), "IDENTITY": "yes", **environment}
    command = ["bash", str(program_of(container, folder)), verb]
    return subprocess.run(command, env=known, capture_output=True, text=True, timeout=30, check=False)


def test_a_container_gets_its_secret_in_a_file_and_in_no_argument(tmp_path: Path) -> None:
    done = ran(QUEUE, tmp_path, "run")
    assert done.returncode == 0, done.stderr
    variables = tmp_path / "env"
    assert variables.read_text() == f"RABBITMQ_DEFAULT_USER=runner\nRABBITMQ_DEFAULT_PASS={SECRET}\n"
    assert variables.stat().st_mode & 0o077 == 0
    said = (tmp_path / "log").read_text()
    assert SECRET not in said
    assert "token-1" not in said
    (docker,) = (line for line in said.splitlines() if line.startswith("docker run"))
    assert "--publish 10.0.0.4:5672:5672 --publish 10.0.0.4:15672:15672" in docker
    assert f"--volume {tmp_path}/data:/var/lib/rabbitmq" in docker


@pytest.mark.parametrize(
    ("environment", "words"),
    [({"IDENTITY": "no"}, "the secret of RABBITMQ_DEFAULT_PASS cannot be read yet"), ({"MOUNTED": "no"}, "is not mounted")],
)
def test_a_container_does_not_run_without_its_secret_or_its_disk(
    tmp_path: Path, environment: dict[str, str], words: str
) -> None:
    done = ran(QUEUE, tmp_path, "run", **environment)
    assert done.returncode != 0
    assert words in done.stderr
    log = tmp_path / "log"
    assert "docker run" not in (log.read_text() if log.exists() else "")


@pytest.mark.parametrize(
    ("container", "code", "said"),
    [
        (QUEUE, "200", "passed queue answers at http://10.0.0.4:15672/api/health/checks/alarms (HTTP 200)"),
        (QUEUE, "403", "waiting queue answers with HTTP 403"),
        (QUEUE, "503", "waiting queue answers with HTTP 503"),
        (QUEUE, "000", "waiting queue does not answer"),
        (STORE, "403", "passed store answers"),
        (STORE, "500", "waiting store answers with HTTP 500"),
    ],
)
def test_the_check_tells_an_answer_from_a_refusal(tmp_path: Path, container: Container, code: str, said: str) -> None:
    ran(container, tmp_path, "run")
    done = ran(container, tmp_path, "status", CODE=code)
    assert done.stdout.startswith(said), done.stdout + done.stderr


def test_the_login_of_the_check_is_in_no_argument(tmp_path: Path) -> None:
    ran(QUEUE, tmp_path, "run")
    ran(QUEUE, tmp_path, "status", CODE="200")
    assert f'user = "runner:{SECRET}"' in (tmp_path / "log.stdin").read_text()
    assert SECRET not in (tmp_path / "log").read_text()


def test_the_health_check_asks_for_the_container_by_its_name() -> None:
    assert expected_checks(SETUP) == ("cloud-init", "setup", "docker", "data-disks", "queue")
    assert "dormouse-container status" in health_script(SETUP)


def test_custom_data_names_the_secret_and_holds_none() -> None:
    text = cloud_config(SETUP)
    assert URL in text
    assert SECRET not in text
