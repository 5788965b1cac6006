"""The setup and the health of a build agent: Docker with GPUs, and the order in which everything is installed."""

import base64
import gzip
import subprocess
from pathlib import Path

import pytest
import yaml

from dormouse.environments.results import Check
from dormouse.guest.cloud_init import cloud_config, custom_data
from dormouse.guest.features.docker import CHECK_SCRIPT, IMAGE, RULE_PATH, SYMLINKS
from dormouse.guest.features.pipelines_agent import INSTALL, UNIT
from dormouse.guest.health import expected_checks
from dormouse.guest.packaging import PIPELINES, program_archive
from dormouse.guest.setup_script import WRONG_SYSTEM, setup_script
from dormouse.resources.features import Agent, Docker, Feature, GuestSetup, NvidiaDriver, PipelinesAgent
from tests.guest.setups import URL
from tests.guest.test_health_check import HEALTHY, run
from tests.guest.test_installation import analyzed
from tests.support import ROOT

AGENT = PipelinesAgent(
    "https://dev.azure.com/contoso",
    "GPU Ubuntu 24.04",
    "ml1-1",
    "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/vm-ml1-1",
    "https://v.vault.azure.net/secrets/pipelines-token",
)
LARGEST_CUSTOM_DATA = 65_535


def build_agent(*, gpu: bool = True, docker: bool = True) -> GuestSetup:
    features: list[Feature] = [NvidiaDriver()] if gpu else []
    features += [Docker(gpu)] if docker else []
    return GuestSetup("azureuser", (*features, AGENT, Agent(URL, "api://dormouse")))


def in_order(text: str, *parts: str) -> bool:
    """Whether these parts are in a text, each after the one before."""
    place = 0
    for part in parts:
        place = text.find(part, place)
        if place < 0:
            return False
    return True


@pytest.mark.parametrize(("gpu", "docker"), [(True, True), (False, True), (True, False)])
def test_the_setup_of_a_build_agent_is_valid_bash_and_fits_in_custom_data(gpu: bool, docker: bool) -> None:
    wanted = build_agent(gpu=gpu, docker=docker)
    checked = subprocess.run(["bash", "-n"], input=setup_script(wanted), capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    assert yaml.safe_load(cloud_config(wanted))
    assert len(base64.b64decode(custom_data(wanted))) < LARGEST_CUSTOM_DATA


def test_docker_knows_the_gpu_before_it_is_restarted_and_the_group_exists_before_the_agent_starts() -> None:
    text = setup_script(build_agent())
    assert in_order(
        text,
        "apt install docker-ce docker-ce-cli containerd.io",
        "apt install nvidia-container-toolkit",
        "create-dev-char-symlinks",
        "nvidia-ctk runtime configure --runtime=docker",
        "systemctl restart docker",
        f"docker pull --quiet {IMAGE}",
        'apt install "$icu" git',
        "usermod -aG docker pipelines",
        f"systemctl restart --no-block {UNIT}",
        "touch /var/lib/dormouse/ready",
    )
    assert "daemon-reload" not in text, "it would take the GPUs from running containers"


def installed(folder: Path, version: str) -> tuple[int, str, list[str]]:
    """The exit status of the agent's installation on a release of Ubuntu, its complaint, and what it has run."""
    log = folder / "log"
    names = ("apt", "id", "useradd", "getent", "usermod", "install", "systemctl")
    fakes = "\n".join(f'{name}() {{ echo "{name} $*" >> "$LOG"; }}' for name in names)
    environment = {"LOG": str(log), "VERSION_ID": version, "PRETTY_NAME": f"Ubuntu {version} LTS", "PATH": "/usr/bin:/bin"}
    command = ["bash", "-c", f"{fakes}\nset -euo pipefail\n{INSTALL}"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stderr.strip(), log.read_text().splitlines() if log.exists() else []


@pytest.mark.parametrize(("version", "icu"), [("22.04", "libicu70"), ("24.04", "libicu74")])
def test_the_agent_finds_the_icu_library_of_the_release(tmp_path: Path, version: str, icu: str) -> None:
    code, complaint, did = installed(tmp_path, version)
    assert (code, complaint) == (0, "")
    assert (did[0], did[-1]) == (f"apt install {icu} git", f"systemctl restart --no-block {UNIT}")


@pytest.mark.parametrize("version", ["20.04", "26.04"])
def test_a_release_that_the_agent_does_not_know_is_named_and_not_tried_again(tmp_path: Path, version: str) -> None:
    words = f"the agent of Azure Pipelines needs Ubuntu 22.04 or 24.04, and this is Ubuntu {version} LTS"
    assert installed(tmp_path, version) == (WRONG_SYSTEM, words, [])


def test_a_machine_without_a_gpu_has_docker_without_the_toolkit() -> None:
    text = setup_script(build_agent(gpu=False))
    assert "docker-ce" in text
    assert "nvidia" not in text
    assert expected_checks(build_agent(gpu=False)) == ("cloud-init", "setup", "docker", "pipelines", "agent")


def test_the_device_links_are_made_whenever_the_driver_is_loaded() -> None:
    files = {item["path"]: item for item in yaml.safe_load(cloud_config(build_agent()))["write_files"]}
    rule = files[RULE_PATH]["content"]
    assert rule.startswith('ACTION=="add", DEVPATH=="/bus/pci/drivers/nvidia", RUN+=')
    assert SYMLINKS in rule


def test_the_program_and_its_configuration_are_on_the_machine_without_a_token() -> None:
    files = {item["path"]: item for item in yaml.safe_load(cloud_config(build_agent()))["write_files"]}
    packed = base64.b64decode(files["/usr/local/lib/dormouse/pipelines.pyz"]["content"])
    assert gzip.decompress(packed) == program_archive(PIPELINES)
    wanted = yaml.safe_load(files["/etc/dormouse/pipelines.json"]["content"])
    assert wanted["token_url"] == AGENT.token_url
    assert (wanted["user"], wanted["name"], wanted["pool"]) == ("pipelines", "ml1-1", "GPU Ubuntu 24.04")


def test_systemd_accepts_the_unit_of_the_registration(tmp_path: Path) -> None:
    files = {item["path"]: item for item in yaml.safe_load(cloud_config(build_agent()))["write_files"]}
    path = tmp_path / UNIT
    path.write_text(files[f"/etc/systemd/system/{UNIT}"]["content"])
    done = analyzed("verify", "--man=no", path)
    ours = [line for line in done.stderr.splitlines() if f"{UNIT}:" in line and "is not executable" not in line]
    assert ours == [], "its program is not installed here"


def test_nothing_allows_the_agent_to_run_as_root_and_the_retired_host_is_nowhere() -> None:
    for path in (ROOT / "dormouse").rglob("*.py"):
        text = path.read_text()
        assert "AGENT_ALLOW_RUNASROOT" not in text
        assert "vstsagentpackage" not in text


@pytest.mark.parametrize(
    ("broken", "check", "result"),
    [
        ("", "pipelines", Check.PASSED),
        ("dormouse-pipelines() { printf 'failed the token is not accepted\\n'; }", "pipelines", Check.FAILED),
        ("dormouse-pipelines() { printf 'waiting not yet\\n'; }", "pipelines", Check.WAITING),
        ("dormouse-pipelines() { printf 'Traceback\\n'; return 1; }", "pipelines", Check.WAITING),
        ("dormouse-container-gpu() { printf 'failed Docker has no NVIDIA runtime\\n'; }", "container-gpu", Check.FAILED),
        ("systemctl() { printf 'failed\\n'; }", "docker", Check.WAITING),
    ],
)
def test_every_part_of_a_build_agent_is_checked(broken: str, check: str, result: Check) -> None:
    ours = "dormouse-pipelines() { printf 'passed fine\\n'; }\ndormouse-container-gpu() { printf 'passed fine\\n'; }\n"
    assert run(f"{HEALTHY}\n{ours}{broken}", build_agent())[check] is result


WORKING = {"nvidia-smi": "exit 0", "python3": "exit 0", "docker": "exit 0", "timeout": 'shift; exec "$@"'}


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ({}, "passed GPUs work on the machine and in containers"),
        ({"nvidia-smi": "echo No devices; exit 6"}, "waiting nvidia-smi does not work on the machine: No devices"),
        ({"python3": "exit 100"}, "waiting CUDA cannot be initialized on the machine"),
        (
            {"docker": 'echo "could not select device driver \\"\\" with capabilities: [[gpu]]." >&2; exit 125'},
            "failed Docker has no NVIDIA runtime",
        ),
        ({"docker": 'echo "manifest unknown: manifest unknown" >&2; exit 125'}, f"failed the image {IMAGE} is gone"),
        (
            {"docker": 'echo "Error response from daemon: manifest for python:x not found" >&2; exit 125'},
            f"failed the image {IMAGE} is gone",
        ),
        ({"docker": "echo Failed to initialize NVML; exit 255"}, "waiting GPUs do not work in containers yet"),
    ],
)
def test_a_gpu_that_does_not_work_is_told_from_docker_and_from_the_image(
    tmp_path: Path, broken: dict[str, str], said: str
) -> None:
    for name, text in {**WORKING, **broken}.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    done = subprocess.run(["bash", "-c", CHECK_SCRIPT], capture_output=True, text=True, env=environment, check=False)
    assert done.stdout.startswith(said), done.stdout + done.stderr
    assert len(done.stdout.splitlines()) == 1
