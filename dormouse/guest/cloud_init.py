"""The cloud-config of a machine: its files, and a setup service that continues after reboots."""

import base64
import gzip
import json
from textwrap import dedent

from dormouse.guest.features.registry import features_of
from dormouse.guest.files import READY_PATH, SETUP_PATH, in_cloud_config, text_file, unit_file
from dormouse.guest.setup_script import APT_TIMERS, WRONG_SYSTEM, setup_script
from dormouse.resources.features import GuestSetup

SETUP_UNIT = "dormouse-setup.service"


# Since Ubuntu 24.04, unattended upgrades restart services that use an updated library: a restart of a desktop or of a mount
# ends what people work in. https://discourse.ubuntu.com/t/needrestart-changes-in-ubuntu-24-04-service-restarts/44671
NEEDRESTART = dedent("""\
    # Written by the control plane: updates list the services that need a restart, and restart none.
    $nrconf{restart} = 'l';
    $nrconf{override_rc}{qr(^(dormouse-|jupyterhub|xrdp|docker|containerd|user@))} = 0;
    """)
NO_REBOOT = 'Unattended-Upgrade::Automatic-Reboot "false";\n'


def custom_data(setup: GuestSetup, *, keys_only: bool = False) -> str:
    """The custom data of a machine: its cloud-config, compressed because Azure takes at most 65,535 bytes, in base64.

    https://docs.cloud-init.io/en/latest/explanation/format/gzip.html
    """
    text = cloud_config(setup, keys_only=keys_only)
    return base64.b64encode(gzip.compress(text.encode(), 9, mtime=0)).decode()


def cloud_config(setup: GuestSetup, *, keys_only: bool = False) -> str:
    """The cloud-config of a machine, which has no secrets.

    `keys_only` makes sshd refuse passwords. The `users` key is left out: cloud-init then keeps the administrator that
    Azure's data source describes. https://learn.microsoft.com/azure/virtual-machines/custom-data
    """
    files = [
        unit_file(SETUP_UNIT, SETUP_SERVICE),
        text_file(SETUP_PATH, setup_script(setup), "0755"),
        text_file("/etc/needrestart/conf.d/dormouse.conf", NEEDRESTART),
        text_file("/etc/apt/apt.conf.d/52dormouse", NO_REBOOT),
    ]
    commands = [
        ["systemctl", "daemon-reload"],
        ["systemctl", "enable", SETUP_UNIT],
        ["systemctl", "start", "--no-block", SETUP_UNIT],
    ]
    for feature, added in features_of(setup):
        files += added.files(feature)
        commands += [["systemctl", "enable", unit] for unit in added.enabled]
        commands += [["systemctl", "enable", "--now", unit] for unit in added.started]
    # The driver extension, apt's timers and the setup would fight for apt's locks: the timers wait for the setup.
    first = ["cloud-init-per", "once", "dormouse-apt", "systemctl", "mask", "--now", *APT_TIMERS]
    written = "".join(map(in_cloud_config, files))
    parts = [f"bootcmd:\n{_listed([first])}", f"write_files:\n{written}", f"runcmd:\n{_listed(commands)}"]
    password_login = "ssh_pwauth: false\n" if keys_only else ""
    return f"#cloud-config\n{password_login}{''.join(parts)}"


def _listed(commands: list[list[str]]) -> str:
    return "".join(f"  - {json.dumps(command)}\n" for command in commands)


# A driver installation may reboot the machine; runcmd would not run again, this service does.
SETUP_SERVICE = dedent(f"""\
    [Unit]
    Description=First setup of this machine (continues after a reboot)
    Wants=network-online.target
    After=network-online.target
    ConditionPathExists=!{READY_PATH}
    StartLimitIntervalSec=0

    [Service]
    Type=oneshot
    RemainAfterExit=yes
    ExecStart={SETUP_PATH}
    Restart=on-failure
    RestartSec=30
    RestartPreventExitStatus={WRONG_SYSTEM}
    TimeoutStartSec=90min

    [Install]
    WantedBy=multi-user.target
    """)
