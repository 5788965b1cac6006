"""The script that sets up a fresh Ubuntu (22.04 or 24.04) as the spec requires; it can be interrupted and run again."""

import shlex

from dormouse.guest.features.registry import features_of
from dormouse.guest.files import READY_PATH
from dormouse.resources.features import GuestSetup

# Exit status of the script on another system than Ubuntu: another try would not help.
WRONG_SYSTEM = 78
# They install updates; masked from the first boot until the setup has succeeded.
APT_TIMERS = ("apt-daily.timer", "apt-daily-upgrade.timer")

BEGIN = rf"""#!/bin/bash
# Written by the control plane; runs after the first boot until it has succeeded once.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive
. /etc/os-release
if [ "$ID" != ubuntu ]; then echo "the setup needs Ubuntu, and this is $PRETTY_NAME" >&2; exit {WRONG_SYSTEM}; fi
mkdir -p /var/lib/dormouse
apt() {{ apt-get -o DPkg::Lock::Timeout=900 -o Acquire::Retries=5 -y "$@"; }}
"""

PREPARE = r"""
dpkg --configure -a
apt update
"""


def setup_script(setup: GuestSetup) -> str:
    """The whole script for one machine."""
    waits = [added.settle for _, added in features_of(setup)]
    parts = [added.install(feature) for feature, added in features_of(setup)]
    return "".join([BEGIN, _administrator(setup), *waits, PREPARE, *parts, _end()])


def _administrator(setup: GuestSetup) -> str:
    return f'admin={shlex.quote(setup.admin_username)}\nhome=$(getent passwd "$admin" | cut -d: -f6)\n'


def _end() -> str:
    timers = " ".join(APT_TIMERS)
    return f"\nsystemctl unmask {timers}\nsystemctl start {timers}\ntouch {READY_PATH}\n"
