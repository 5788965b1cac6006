"""The files of the agent on a machine, and the scripts that install it on an existing machine and remove it."""

import base64
import json
import posixpath
from textwrap import dedent

from dormouse.guest.files import GuestFile, text_file, unit_file
from dormouse.guest.packaging import packed_agent

AGENT_PATH = "/usr/local/lib/dormouse/agent.pyz"
CONFIGURATION_PATH = "/etc/dormouse/agent.json"
AGENT_UNIT = "dormouse-agent.service"
AWAKE_PATH = "/usr/local/bin/dormouse-awake"
RUN_PATH = "/run/dormouse"


def installed_files(control_plane: str, audience: str) -> tuple[GuestFile, ...]:
    """All files of the agent."""
    configuration = json.dumps({"control_plane": control_plane, "audience": audience})
    return (
        GuestFile(AGENT_PATH, "0644", packed_agent(), is_text=False),
        text_file(CONFIGURATION_PATH, f"{configuration}\n"),
        text_file(AWAKE_PATH, f'#!/bin/sh\nexec /usr/bin/python3 -I {AGENT_PATH} awake "$@"\n', "0755"),
        unit_file(AGENT_UNIT, UNIT),
    )


# The agent runs as root, but may write only to /run/dormouse, to device files and its own /tmp, and has four capabilities:
# CAP_DAC_READ_SEARCH to read the files of all users, CAP_DAC_OVERRIDE to connect to their sockets and write to their
# terminals, CAP_SYS_PTRACE to look into /proc/PID of their processes, and CAP_MKNOD because nvidia-smi creates /dev/nvidia*
# if no program has used the GPU since the boot (users have the setuid program nvidia-modprobe for that). It cannot load the
# driver itself; udev does that at boot. AF_NETLINK is for glibc's resolver.
# Left out on purpose: PrivateDevices, DevicePolicy and ProtectClock (which implies DeviceAllow) hide GPUs and terminals;
# ProtectProc and PrivateUsers hide users' processes; MemoryDenyWriteExecute has not been tried with every NVIDIA driver.
CONFINEMENT = "\n    ".join(
    [
        "NoNewPrivileges=yes",
        "CapabilityBoundingSet=CAP_DAC_READ_SEARCH CAP_DAC_OVERRIDE CAP_SYS_PTRACE CAP_MKNOD",
        "ProtectSystem=strict",
        f"ReadWritePaths={RUN_PATH}",
        "ProtectHome=read-only",
        "PrivateTmp=yes",
        "ProtectKernelTunables=yes",
        "ProtectKernelModules=yes",
        "ProtectKernelLogs=yes",
        "ProtectControlGroups=yes",
        "ProtectHostname=yes",
        "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK",
        "RestrictNamespaces=yes",
        "RestrictRealtime=yes",
        "RestrictSUIDSGID=yes",
        "LockPersonality=yes",
        "SystemCallArchitectures=native",
        "SystemCallFilter=@system-service",
        "SystemCallErrorNumber=EPERM",
    ]
)

# A restart does not fix a configuration error (exit code 2).
UNIT = dedent(f"""\
    [Unit]
    Description=Dormouse agent: reports to the control plane what is in use on this machine
    Wants=network-online.target
    After=network-online.target
    StartLimitIntervalSec=0

    [Service]
    ExecStart=/usr/bin/python3 -I {AGENT_PATH}
    Restart=always
    RestartSec=30
    RestartPreventExitStatus=2
    RuntimeDirectory=dormouse
    RuntimeDirectoryPreserve=yes
    Nice=5
    CPUQuota=20%
    MemoryMax=512M
    TasksMax=64
    {CONFINEMENT}

    [Install]
    WantedBy=multi-user.target
    """)

# DESTDIR is the root of the target, as in package builds; it is not set on a running machine.
BEGIN = r"""#!/bin/bash
set -uo pipefail
root=${DESTDIR:-}
say() { printf 'dormouse-check agent %s %s\n' "$1" "$2"; }
fail() { say failed "$1"; exit 1; }
"""

PREPARE = r"""
put() {
  mkdir -p "$root$(dirname "$1")" && cat > "$root$1.new" && chmod "$2" "$root$1.new" && mv -f "$root$1.new" "$root$1"
}
command -v systemctl > /dev/null || fail "this machine has no systemd"
/usr/bin/python3 -c 'import sys; raise SystemExit(sys.version_info < (3, 8))' || fail "Python 3.8 or newer is not installed"
"""

START = rf"""
/usr/bin/python3 -I "$root{AGENT_PATH}" --version > /dev/null || fail "the agent cannot be started on this machine"
systemctl daemon-reload || fail "systemd does not respond"
systemctl try-restart {AGENT_UNIT}
if ! systemctl enable --now {AGENT_UNIT}; then fail "systemd cannot start the agent"; fi
sleep 2
[ "$(systemctl is-active {AGENT_UNIT})" = active ] || fail "the agent ended after its start: see journalctl -u {AGENT_UNIT}"
say passed "the agent is running"
"""

REMOVE = rf"""
systemctl disable --now {AGENT_UNIT}
rm -rf @FILES@ "$root{RUN_PATH}" || fail "some files of the agent cannot be removed"
rmdir --ignore-fail-on-non-empty @FOLDERS@
systemctl daemon-reload
systemctl reset-failed {AGENT_UNIT}
[ "$(systemctl is-active {AGENT_UNIT})" != active ] || fail "systemd cannot stop the agent"
say passed "the agent has been removed"
"""


def install_script(control_plane: str, audience: str) -> str:
    """The script that installs or updates the agent on a machine; safe to run again."""
    files = installed_files(control_plane, audience)
    return "".join([BEGIN, PREPARE, *map(_put, files), START])


def remove_script() -> str:
    """The script that removes the agent completely; safe to run again."""
    paths = [file.path for file in installed_files("", "")]
    folders = {posixpath.dirname(path) for path in (AGENT_PATH, CONFIGURATION_PATH)}
    return BEGIN + REMOVE.replace("@FILES@", _under_root(paths)).replace("@FOLDERS@", _under_root(sorted(folders)))


def _under_root(paths: list[str]) -> str:
    return " ".join(f'"$root{path}"' for path in paths)


def _put(file: GuestFile) -> str:
    put, or_fail = f"put {file.path} {file.permissions}", f'|| fail "{file.path} cannot be written"'
    if file.is_text:
        return f"{put} <<'DORMOUSE' {or_fail}\n{file.content.decode()}DORMOUSE\n"
    return f"base64 -d <<'DORMOUSE' | gunzip | {put} {or_fail}\n{base64.encodebytes(file.content).decode()}DORMOUSE\n"
