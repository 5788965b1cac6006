"""The health check: a script that checks a machine from inside, and the parser of its output.

Run Command executes it, keeps the last 4,096 bytes of output, allows one run at a time, and takes at least 20 seconds. So
the script waits for nothing but the programs that it runs, always exits with 0, and prints one line per check.
https://learn.microsoft.com/azure/virtual-machines/linux/run-command

The script uses no redirection and no command with a slash, so that a restricted shell can run it too. After a later
boot the setup service is inactive; the file that it has created then shows that it succeeded.
"""

import re

from dormouse.environments.results import Check, HealthCheckResult
from dormouse.guest.features.registry import features_of
from dormouse.guest.files import READY_PATH
from dormouse.resources.features import GuestSetup

LINE = re.compile(r"^dormouse-check (?P<name>[a-z-]+) (?P<result>passed|waiting|failed) ?(?P<detail>.*)$", re.MULTILINE)
BASE = ("cloud-init", "setup")

HEAD = r"""
say() { printf 'dormouse-check %s %s %s\n' "$1" "$2" "${3:0:200}"; }

check_cloud_init() {
  case "$(cloud-init status)" in
    *"status: done"*|*"status: degraded"*) say cloud-init passed "the first boot has finished" ;;
    *"status: error"*) check_after_error ;;
    *) say cloud-init waiting "the first boot is still in progress" ;;
  esac
}

# The setup runs on its own: an error of cloud-init is final only if the setup does not run.
check_after_error() {
  local setup
  setup=$(systemctl is-active dormouse-setup.service)
  if test -e @READY@ || [ "$setup" = active ]; then
    say cloud-init passed "cloud-init reports an error, but everything is installed"
  elif [ "$setup" = activating ]; then
    say cloud-init waiting "cloud-init reports an error; software is still being installed"
  else say cloud-init failed "cloud-init reports an error, and the setup does not run"; fi
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


def health_script(setup: GuestSetup) -> str:
    """The health check script for one machine."""
    checks = _feature_checks(setup)
    functions = [f"\n{_function(name)}() {{\n{text.strip(chr(10))}\n}}\n" for name, text in checks.items()]
    calls = [_function(name) for name in (*BASE, *checks)]
    return "".join([HEAD.replace("@READY@", READY_PATH), *functions, "\n", "\n".join(calls), "\nexit 0\n"])


def expected_checks(setup: GuestSetup) -> tuple[str, ...]:
    """The names of the checks that the script must report on."""
    return (*BASE, *_feature_checks(setup))


def _feature_checks(setup: GuestSetup) -> dict[str, str]:
    return {name: text for feature, added in features_of(setup) for name, text in added.checks(feature).items()}


def _function(check: str) -> str:
    return f"check_{check.replace('-', '_')}"


def findings_in(output: str, setup: GuestSetup) -> tuple[HealthCheckResult, ...]:
    """The results in the output of the script; a check without output has not passed."""
    said = {match["name"]: match for match in LINE.finditer(output)}
    return tuple(
        HealthCheckResult(name, Check(said[name]["result"]), said[name]["detail"].strip())
        if name in said
        else HealthCheckResult(name, Check.WAITING, "the machine has not reported this check yet")
        for name in expected_checks(setup)
    )
