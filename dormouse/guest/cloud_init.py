"""The cloud-config of a machine: its files, and a setup service that continues after reboots."""

import base64
import json
import posixpath
from textwrap import dedent, indent

from dormouse.guest.installation import AGENT_UNIT, InstalledFile, installed_files
from dormouse.guest.setup_script import SETUP_PATH, setup_script
from dormouse.resources.plan import GuestSetup

BLOBFUSE_CONFIG = "/etc/blobfuse2.yaml"
MOUNT_UNIT = "dormouse-blobs.service"
SETUP_UNIT = "dormouse-setup.service"


def cloud_config(setup: GuestSetup, *, keys_only: bool = False) -> str:
    """The cloud-config of a machine: the text whose base64 is its custom data (at most 65,535 bytes, no secrets).

    `keys_only` makes sshd refuse passwords. The `users` key is left out: cloud-init then keeps the administrator that
    Azure's data source describes. https://learn.microsoft.com/azure/virtual-machines/custom-data
    """
    files = [
        _file(BLOBFUSE_CONFIG, _blobfuse_config(setup), "0640"),
        _file(f"/etc/systemd/system/{MOUNT_UNIT}", _mount_unit(setup), "0644"),
        _file(f"/etc/systemd/system/{SETUP_UNIT}", _setup_unit(), "0644"),
        _file(SETUP_PATH, setup_script(setup), "0755"),
    ]
    if setup.desktop:
        files.append(_file("/etc/polkit-1/rules.d/45-allow-colord.rules", COLORD_RULE, "0644"))
    password_login = "ssh_pwauth: false\n" if keys_only else ""
    commands = [
        ["systemctl", "daemon-reload"],
        ["systemctl", "enable", SETUP_UNIT],
        ["systemctl", "start", "--no-block", SETUP_UNIT],
    ]
    if setup.control_plane:
        files += map(_installed, installed_files(setup.control_plane, setup.audience))
        commands.append(["systemctl", "enable", "--now", AGENT_UNIT])
    lines = "".join(f"  - {json.dumps(command)}\n" for command in commands)
    return f"#cloud-config\n{password_login}package_update: true\nwrite_files:\n{''.join(files)}runcmd:\n{lines}"


def _file(path: str, content: str, permissions: str) -> str:
    head = f"  - path: {json.dumps(path)}\n    permissions: '{permissions}'\n    content: |\n"
    return head + indent(content, "      ", lambda line: line.strip() != "")


def _installed(file: InstalledFile) -> str:
    if file.is_text:
        return _file(file.path, file.content.decode(), file.permissions)
    head = f"  - path: {json.dumps(file.path)}\n    permissions: '{file.permissions}'\n    encoding: gz+b64\n"
    return f"{head}    content: {base64.b64encode(file.content).decode()}\n"


def _blobfuse_config(setup: GuestSetup) -> str:
    # Keys: https://github.com/Azure/azure-storage-fuse/blob/main/setup/baseConfig.yaml
    # `mode: msi` without an id means the system-assigned identity.
    return dedent(f"""\
        allow-other: true
        logging:
          type: syslog
          level: log_warning
        components:
          - libfuse
          - file_cache
          - attr_cache
          - azstorage
        libfuse:
          attribute-expiration-sec: 240
          entry-expiration-sec: 240
          negative-entry-expiration-sec: 120
        file_cache:
          path: {json.dumps(setup.cache_path)}
          timeout-sec: 120
          max-size-mb: 8192
          cleanup-on-start: true
        attr_cache:
          timeout-sec: 240
        azstorage:
          type: block
          account-name: {json.dumps(setup.storage_account)}
          container: {json.dumps(setup.container)}
          mode: msi
        """)


def _mount_unit(setup: GuestSetup) -> str:
    # The identity gets its role after the machine is created, and the role takes minutes to take effect: the mount is
    # retried until it works. blobfuse2 runs in the foreground, because in the background it reports success too early.
    return dedent(f"""\
        [Unit]
        Description=Blob container {setup.container} on {setup.mount_path}
        Wants=network-online.target
        After=network-online.target
        RequiresMountsFor={posixpath.dirname(setup.mount_path)}
        StartLimitIntervalSec=0

        [Service]
        Type=exec
        ExecStartPre=-/usr/bin/fusermount3 -uzq {setup.mount_path}
        ExecStartPre=/usr/bin/mkdir -p {setup.cache_path} {setup.mount_path}
        ExecStart=/usr/bin/blobfuse2 mount {setup.mount_path} --foreground --config-file={BLOBFUSE_CONFIG} \
        --disable-version-check=true
        ExecStartPost=/usr/bin/timeout 60 /bin/sh -c 'until mountpoint -q {setup.mount_path}; do sleep 1; done'
        ExecStop=/usr/bin/fusermount3 -u {setup.mount_path}
        Restart=always
        RestartSec=20
        TimeoutStartSec=120

        [Install]
        WantedBy=multi-user.target
        """)


def _setup_unit() -> str:
    # A driver installation may reboot the machine; runcmd would not run again, this service does.
    return dedent(f"""\
        [Unit]
        Description=First setup of this machine (continues after a reboot)
        Wants=network-online.target
        After=network-online.target
        ConditionPathExists=!/var/lib/dormouse/ready
        StartLimitIntervalSec=0

        [Service]
        Type=oneshot
        RemainAfterExit=yes
        ExecStart={SETUP_PATH}
        Restart=on-failure
        RestartSec=30
        TimeoutStartSec=90min

        [Install]
        WantedBy=multi-user.target
        """)


COLORD_RULE = dedent("""\
    polkit.addRule(function(action, subject) {
      if (action.id.indexOf("org.freedesktop.color-manager.") === 0 && subject.isInGroup("sudo")) {
        return polkit.Result.YES;
      }
    });
    """)
