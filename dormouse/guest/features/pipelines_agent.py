"""The agent of Azure Pipelines, under a user of its own; `dormouse.guest.pipelines` registers it."""

import json
from collections.abc import Sequence
from textwrap import dedent

from dormouse.guest.features.feature import GuestFeature
from dormouse.guest.files import GuestFile, text_file, unit_file
from dormouse.guest.packaging import PIPELINES, packed_program
from dormouse.resources.features import PipelinesAgent
from dormouse.resources.pipelines import PROGRAM

ARCHIVE_PATH, CONFIGURATION_PATH = "/usr/local/lib/dormouse/pipelines.pyz", "/etc/dormouse/pipelines.json"
UNIT = "dormouse-pipelines.service"
USER, FOLDER = "pipelines", "/opt/pipelines-agent"

# The agent is written in .NET, which needs the ICU library of the release.
# https://github.com/microsoft/azure-pipelines-agent/issues/4960
INSTALL = rf"""
case "$VERSION_ID" in
  22.04) icu=libicu70 ;;
  24.04) icu=libicu74 ;;
  *) echo "the agent of Azure Pipelines needs Ubuntu 22.04 or 24.04, and this is $PRETTY_NAME" >&2; exit 78 ;;
esac
apt install "$icu" git
id -u {USER} >/dev/null || useradd --system --create-home --shell /bin/bash {USER}
if getent group docker >/dev/null; then usermod -aG docker {USER}; fi
install -d -o {USER} -g {USER} -m 0755 {FOLDER}
systemctl enable {UNIT}
systemctl restart --no-block {UNIT}
"""

CHECK = r"""
  local seen
  seen=$(dormouse-pipelines status)
  case "$seen" in
    "passed "*|"waiting "*|"failed "*) say pipelines "${seen%% *}" "${seen#* }" ;;
    *) say pipelines waiting "the agent of Azure Pipelines is not installed yet" ;;
  esac
"""


def _files(agent: PipelinesAgent) -> Sequence[GuestFile]:
    wanted = {
        "organization": agent.organization,
        "pool": agent.pool,
        "name": agent.name,
        "machine": agent.machine,
        "token_url": agent.token_url,
        "identity": agent.identity,
        "version": agent.version,
        "sha256": agent.sha256,
        "folder": FOLDER,
        "user": USER,
    }
    return [
        GuestFile(ARCHIVE_PATH, "0644", packed_program(PIPELINES), is_text=False),
        text_file(CONFIGURATION_PATH, f"{json.dumps(wanted)}\n"),
        text_file(PROGRAM, f'#!/bin/sh\nexec /usr/bin/python3 -I {ARCHIVE_PATH} "$@"\n', "0755"),
        unit_file(UNIT, _unit()),
    ]


def _unit() -> str:
    # After a boot it finds the agent configured, and makes its service run.
    return dedent(f"""\
        [Unit]
        Description=Registration of the agent of Azure Pipelines
        Wants=network-online.target
        After=network-online.target docker.service
        StartLimitIntervalSec=0

        [Service]
        Type=oneshot
        RemainAfterExit=yes
        ExecStart={PROGRAM} register
        Restart=on-failure
        RestartSec=30
        TimeoutStartSec=30min

        [Install]
        WantedBy=multi-user.target
        """)


PIPELINES_AGENT: GuestFeature[PipelinesAgent] = GuestFeature(
    _files, install=lambda agent: INSTALL, checks=lambda agent: {"pipelines": CHECK}
)
