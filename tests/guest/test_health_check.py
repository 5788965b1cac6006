import subprocess

import pytest

from dormouse.environments.results import Check
from dormouse.guest.health import expected_checks, findings_in, health_script
from dormouse.guest.setup_script import READY_PATH
from dormouse.resources.plan import GuestSetup

SETUP = GuestSetup("azureuser", "stml1abc", "deeplearning", control_plane="https://dormouse.azurewebsites.net/api")

HEALTHY = r"""
timeout() { shift; "$@"; }
cloud-init() { printf 'status: done\n'; }
mountpoint() { return 0; }
systemctl() { printf 'active\n'; }
test() { return 1; }
nvidia-smi() { printf 'NVIDIA A10-4Q, 570.211.01, 4096 MiB\n'; }
"""


def run(commands: str, setup: GuestSetup = SETUP) -> dict[str, Check]:
    """Run the script in a shell that knows these commands only."""
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
        ("cloud-init() { printf 'status: error\\n'; }", "cloud-init", Check.FAILED),
        ("cloud-init() { printf 'status: running\\n'; }", "cloud-init", Check.WAITING),
        ("cloud-init() { printf 'status: degraded done\\n'; return 2; }", "cloud-init", Check.PASSED),
        ("mountpoint() { return 1; }", "blob-mount", Check.WAITING),
        ("nvidia-smi() { printf 'No devices were found\\n'; return 6; }", "gpu", Check.WAITING),
        ("systemctl() { printf 'failed\\n'; return 3; }", "setup", Check.FAILED),
        ("systemctl() { printf 'activating\\n'; return 3; }", "xrdp", Check.WAITING),
        ("systemctl() { printf 'failed\\n'; return 3; }", "agent", Check.WAITING),
    ],
)
def test_what_is_broken_is_found(broken: str, check: str, result: Check) -> None:
    assert run(HEALTHY + broken)[check] is result


def test_after_a_later_boot_the_setup_service_is_inactive_and_its_work_is_done() -> None:
    inactive = 'systemctl() { case "$2" in dormouse-setup.service) printf "inactive\n" ;; *) printf "active\n" ;; esac; }\n'
    done = f'test() {{ [ "$1 $2" = "-e {READY_PATH}" ]; }}\n'
    assert run(HEALTHY + inactive)["setup"] is Check.WAITING
    assert run(HEALTHY + inactive + done) == dict.fromkeys(expected_checks(SETUP), Check.PASSED)


def test_a_machine_without_any_of_the_commands_is_never_healthy() -> None:
    assert Check.PASSED not in run("").values()


def test_a_check_that_says_nothing_has_not_passed() -> None:
    found = findings_in("Enable succeeded: \n[stdout]\n\n[stderr]\n", SETUP)
    assert {finding.result for finding in found} == {Check.WAITING}


def test_a_machine_that_has_nobody_to_tell_is_not_asked_for_an_agent() -> None:
    silent = GuestSetup("azureuser", "stml1abc", "deeplearning")
    assert "agent" in run(HEALTHY)
    assert "agent" not in run(HEALTHY, silent)


def test_a_machine_without_gpu_or_desktop_is_not_asked_for_them() -> None:
    plain = GuestSetup("azureuser", "stml1abc", "deeplearning", gpu=False, desktop=False)
    assert set(run(HEALTHY, plain)) == {"cloud-init", "setup", "blob-mount"}
