"""The health check: a script that checks a machine from inside, and the parser of its output.

Run Command executes it, keeps the last 4,096 bytes of output, allows one run at a time, and takes at least 20 seconds. So
the script never waits, always exits with 0, and prints one line per check.
https://learn.microsoft.com/azure/virtual-machines/linux/run-command

The script uses no redirection and no command with a slash, so that a restricted shell can run it too. After a later
boot the setup service is inactive; the file that it has created then shows that it succeeded.
"""

import re
import shlex

from dormouse.environments.results import Check, HealthCheckResult
from dormouse.guest.setup_script import READY_PATH
from dormouse.resources.plan import GuestSetup

LINE = re.compile(r"^dormouse-check (?P<name>[a-z-]+) (?P<result>passed|waiting|failed) ?(?P<detail>.*)$", re.MULTILINE)

HEAD = r"""
say() { printf 'dormouse-check %s %s %s\n' "$1" "$2" "${3:0:200}"; }

check_cloud_init() {
  case "$(cloud-init status)" in
    *"status: done"*|*"status: degraded"*) say cloud-init passed "the first boot has finished" ;;
    *"status: error"*) say cloud-init failed "cloud-init reports an error" ;;
    *) say cloud-init waiting "the first boot is still in progress" ;;
  esac
}

check_setup() {
  if test -e @READY@; then say setup passed "everything is installed"; return; fi
  case "$(systemctl is-active dormouse-setup.service)" in
    active) say setup passed "everything is installed" ;;
    failed) say setup failed "the setup service has failed" ;;
    *) say setup waiting "software is still being installed" ;;
  esac
}
"""

BLOBS = r"""
check_blobs() {
  if timeout 20 mountpoint -q @PATH@; then say blob-mount passed "@PATH@ is mounted"
  else say blob-mount waiting "@PATH@ is not mounted yet"; fi
}
"""

DESKTOP = r"""
check_desktop() {
  if [ "$(systemctl is-active xrdp)" = active ]; then say xrdp passed "remote desktop is listening"
  else say xrdp waiting "remote desktop is not running yet"; fi
}
"""

GPU = r"""
check_gpu() {
  local seen
  if seen=$(timeout 30 nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader); then
    say gpu passed "$seen"
  else say gpu waiting "nvidia-smi does not work yet: $seen"; fi
}
"""

AGENT = r"""
check_agent() {
  if [ "$(systemctl is-active dormouse-agent.service)" = active ]; then say agent passed "the agent is running"
  else say agent waiting "the agent is not running yet"; fi
}
"""


def health_script(setup: GuestSetup) -> str:
    """The health check script for one machine."""
    path = shlex.quote(setup.mount_path)
    parts, checks = (
        [HEAD.replace("@READY@", READY_PATH), BLOBS.replace("@PATH@", path)],
        ["check_cloud_init", "check_setup", "check_blobs"],
    )
    if setup.desktop:
        parts.append(DESKTOP)
        checks.append("check_desktop")
    if setup.gpu:
        parts.append(GPU)
        checks.append("check_gpu")
    if setup.control_plane:
        parts.append(AGENT)
        checks.append("check_agent")
    return "".join(parts) + "\n" + "\n".join(checks) + "\nexit 0\n"


def expected_checks(setup: GuestSetup) -> tuple[str, ...]:
    """The names of the checks that the script must report on."""
    enabled = {"xrdp": setup.desktop, "gpu": setup.gpu, "agent": bool(setup.control_plane)}
    return ("cloud-init", "setup", "blob-mount", *(name for name, applies in enabled.items() if applies))


def findings_in(output: str, setup: GuestSetup) -> tuple[HealthCheckResult, ...]:
    """The results in the output of the script; a check without output has not passed."""
    said = {match["name"]: match for match in LINE.finditer(output)}
    return tuple(
        HealthCheckResult(name, Check(said[name]["result"]), said[name]["detail"].strip())
        if name in said
        else HealthCheckResult(name, Check.WAITING, "the machine has not reported this check yet")
        for name in expected_checks(setup)
    )
