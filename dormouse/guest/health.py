"""The health check: a script that looks around inside a machine and prints what it finds, and how to read that.

It is run by Run Command, which keeps the last 4,096 bytes of output, allows one run at a time, and takes 20 seconds at
least. So it never waits, always exits with 0, and prints one line per check.
https://learn.microsoft.com/azure/virtual-machines/linux/run-command

The script uses no redirection and no command with a slash, so that a restricted shell can run it too. The setup service is
inactive after a later boot, because its work is done: then the file that it leaves says so.
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
    *"status: done"*|*"status: degraded"*) say cloud-init passed "first boot has finished" ;;
    *"status: error"*) say cloud-init failed "cloud-init reports an error" ;;
    *) say cloud-init waiting "first boot is still going on" ;;
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
  else say gpu waiting "nvidia-smi does not answer yet: $seen"; fi
}
"""

AGENT = r"""
check_agent() {
  if [ "$(systemctl is-active dormouse-agent.service)" = active ]; then say agent passed "the agent is reporting"
  else say agent waiting "the agent is not running yet"; fi
}
"""


def health_script(setup: GuestSetup) -> str:
    """The script for one machine."""
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
    asked = {"xrdp": setup.desktop, "gpu": setup.gpu, "agent": bool(setup.control_plane)}
    return ("cloud-init", "setup", "blob-mount", *(name for name, wanted in asked.items() if wanted))


def findings_in(output: str, setup: GuestSetup) -> tuple[HealthCheckResult, ...]:
    """What the script found; a check that says nothing has not passed."""
    said = {match["name"]: match for match in LINE.finditer(output)}
    return tuple(
        HealthCheckResult(name, Check(said[name]["result"]), said[name]["detail"].strip())
        if name in said
        else HealthCheckResult(name, Check.WAITING, "the machine has not said anything about this yet")
        for name in expected_checks(setup)
    )
