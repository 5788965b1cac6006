"""Scripts in simulated machines: a restricted shell of this computer with no commands but the few functions defined here.

They cannot read or change anything on this computer.
"""

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass

from local.azure.vms.accounts import SHELL

TIME_FOR_A_SCRIPT = 20
# In a restricted shell PATH is read-only: it names no folder, so there are no commands but these.
NOWHERE = {"PATH": "/nonexistent"}
PRELUDE = r"""
enable -n kill exec source . cd
timeout() { shift; "$@"; }
cloud-init() { printf 'status: %s\n' "@CLOUD_INIT@"; }
test() { [ "$1 $2" = "-e /var/lib/dormouse/ready" ] && [ "@READY@" = yes ]; }
mountpoint() { case "${!#}" in @MOUNTED@) return 0 ;; *) return 1 ;; esac; }
systemctl() {
  [ "$1" = is-active ] || return 1
  case "$2" in
    dormouse-agent.service) printf '%s\n' "@AGENT@" ;;
    dormouse-setup.service) printf '%s\n' "@SETUP@" ;;
    xrdp|xrdp.service) printf '%s\n' "@XRDP@" ;;
    docker) printf '%s\n' "@DOCKER@" ;;
    *) printf 'inactive\n' ;;
  esac
}
dormouse-hub-check() {
  [ "@HUB@" = installed ] || { printf 'dormouse-hub-check: command not found\n' >&2; return 127; }
  case "$1" in
    certificate) printf '%s\n' "@HUB_CERTIFICATE@" ;;
    login) printf '%s\n' "@HUB_LOGIN@" ;;
  esac
}
nvidia-smi() {
  [ "@DRIVER@" = installed ] || { printf 'nvidia-smi: command not found\n' >&2; return 127; }
  printf '%s\n' "@GPU@"
}
dormouse-container-gpu() { printf '%s\n' "@CONTAINERS@"; }
dormouse-container() { printf '%s\n' "@CONTAINER@"; }
dormouse-pipelines() { printf '%s\n' "@PIPELINES@"; }
"""
PRELUDE += SHELL


@dataclass(frozen=True, slots=True)
class Ran:
    """What a script has written, and the changes of accounts that it has told, a line each ("": none)."""

    output: str = ""
    errors: str = ""
    told: str = ""


def run_script(script: str, state: Mapping[str, str]) -> Ran:
    """Run a script in a machine of this state."""
    shell = shutil.which("bash")
    if shell is None:
        return Ran(errors="bash is needed on this computer to simulate scripts in machines")
    listening, telling = os.pipe()
    text = _filled(PRELUDE, {**state, "TOLD": str(telling)}) + script
    command = [shell, "--restricted", "--noprofile", "--norc", "-c", text]
    output, errors = b"", b"the script took too long"
    try:
        done = subprocess.run(  # noqa: S603 - a restricted shell that knows no commands but ours
            command,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            env=NOWHERE,
            timeout=TIME_FOR_A_SCRIPT,
            check=False,
            pass_fds=(telling,),
        )
        output, errors = done.stdout, done.stderr
    except subprocess.TimeoutExpired:
        pass
    finally:
        os.close(telling)
        with os.fdopen(listening, "rb") as told:
            changes = told.read()
    return Ran(*(each.decode(errors="replace") for each in (output, errors, changes)))


def _filled(template: str, values: Mapping[str, str]) -> str:
    for name, value in values.items():
        template = template.replace(f"@{name}@", value)
    return template
