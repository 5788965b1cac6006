import subprocess

import pytest

from dormouse.environments.results import Check
from dormouse.guest.files import READY_PATH
from dormouse.guest.health import expected_checks, findings_in, health_script
from dormouse.resources.features import GuestSetup
from tests.guest.setups import URL
from tests.guest.setups import setup as workstation

SETUP = workstation(control_plane=URL)

HEALTHY = r"""
timeout() { shift; "$@"; }
cloud-init() { printf 'status: done\n'; }
mountpoint() { return 0; }
systemctl() { printf 'active\n'; }
test() { return 1; }
nvidia-smi() { printf 'NVIDIA A10-4Q, 570.211.01, 4096 MiB\n'; }
"""


def run(commands: str, setup: GuestSetup = SETUP) -> dict[str, Check]:
    """Run the script in a shell that has only these commands."""
    text = f"{commands}\n{health_script(setup)}"
    done = subprocess.run(
        ["/bin/bash", "--restricted", "-c", text], capture_output=True, text=True, env={"PATH": "/nonexistent"}, check=False
    )
    assert done.returncode == 0, done.stderr
    assert len(done.stdout) < 4096
    return {finding.name: finding.result for finding in findings_in(done.stdout, setup)}


def test_a_healthy_machine_passes_every_check() -> None:
    assert run(HEALTHY) == dict.fromkeys(expected_checks(SETUP), Check.PASSED)


@pytest.mark.parametrize(
    ("broken", "check", "result"),
    [
        ("cloud-init() { printf 'status: running\\n'; }", "cloud-init", Check.WAITING),
        ("cloud-init() { printf 'status: degraded done\\n'; return 2; }", "cloud-init", Check.PASSED),
        ("mountpoint() { return 1; }", "blob-mount", Check.WAITING),
        ("nvidia-smi() { printf 'No devices were found\\n'; return 6; }", "gpu", Check.WAITING),
        ("systemctl() { printf 'failed\\n'; return 3; }", "setup", Check.FAILED),
        ("systemctl() { printf 'activating\\n'; return 3; }", "xrdp", Check.WAITING),
        ("systemctl() { printf 'failed\\n'; return 3; }", "agent", Check.WAITING),
    ],
)
def test_every_broken_feature_fails_its_check(broken: str, check: str, result: Check) -> None:
    assert run(HEALTHY + broken)[check] is result


@pytest.mark.parametrize(
    ("setup", "result"),
    [("activating", Check.WAITING), ("active", Check.PASSED), ("failed", Check.FAILED), ("inactive", Check.FAILED)],
)
def test_an_error_of_cloud_init_is_final_only_if_the_setup_does_not_run(setup: str, result: Check) -> None:
    error = f"cloud-init() {{ printf 'status: error\\n'; }}\nsystemctl() {{ printf '{setup}\\n'; }}\n"
    assert run(HEALTHY + error)["cloud-init"] is result
    ready = f'test() {{ [ "$1 $2" = "-e {READY_PATH}" ]; }}\n'
    assert run(HEALTHY + error + ready)["cloud-init"] is Check.PASSED


def test_an_inactive_setup_service_passes_after_a_later_boot() -> None:
    inactive = 'systemctl() { case "$2" in dormouse-setup.service) printf "inactive\n" ;; *) printf "active\n" ;; esac; }\n'
    done = f'test() {{ [ "$1 $2" = "-e {READY_PATH}" ]; }}\n'
    assert run(HEALTHY + inactive)["setup"] is Check.WAITING
    assert run(HEALTHY + inactive + done) == dict.fromkeys(expected_checks(SETUP), Check.PASSED)


def test_no_check_passes_if_the_commands_are_missing() -> None:
    assert Check.PASSED not in run("").values()


def test_a_check_without_output_has_not_passed() -> None:
    found = findings_in("Enable succeeded: \n[stdout]\n\n[stderr]\n", SETUP)
    assert {finding.result for finding in found} == {Check.WAITING}


def test_the_agent_is_not_checked_without_a_control_plane() -> None:
    silent = workstation()
    assert "agent" in run(HEALTHY)
    assert "agent" not in run(HEALTHY, silent)


def test_gpu_and_desktop_are_checked_only_if_the_machine_has_them() -> None:
    plain = workstation(gpu=False, desktop=False)
    assert set(run(HEALTHY, plain)) == {"cloud-init", "setup", "blob-mount"}
