"""A blob container that blobfuse2 mounts with the identity of the machine."""

import json
import posixpath
import shlex
from collections.abc import Mapping, Sequence
from textwrap import dedent

from dormouse.guest.features.feature import GuestFeature
from dormouse.guest.files import GuestFile, text_file, unit_file
from dormouse.resources.features import BlobMount

CONFIGURATION = "/etc/blobfuse2.yaml"
UNIT = "dormouse-blobs.service"

# Microsoft's package signing key for Ubuntu up to 24.04, by its primary fingerprint.
# https://learn.microsoft.com/linux/packages
MICROSOFT_KEY = "BC528686B50D79E339D3721CEB3E94ADBE1229CF"

INSTALL = rf"""
keyring=/usr/share/keyrings/microsoft-prod.asc
if [ ! -s "$keyring" ]; then
  curl -fsSL --retry 10 --retry-all-errors -o "$keyring.new" https://packages.microsoft.com/keys/microsoft.asc
  gpg --show-keys --with-colons "$keyring.new" | grep -q {MICROSOFT_KEY}
  mv "$keyring.new" "$keyring"
fi
echo "deb [arch=amd64 signed-by=$keyring] https://packages.microsoft.com/ubuntu/$VERSION_ID/prod $VERSION_CODENAME main" \
  > /etc/apt/sources.list.d/microsoft-prod.list
apt update
apt install fuse3 blobfuse2
sed -i 's/^#\s*user_allow_other/user_allow_other/' /etc/fuse.conf
systemctl daemon-reload
systemctl enable {UNIT}
systemctl start --no-block {UNIT}
"""

CHECK = r"""
  if timeout 20 mountpoint -q @PATH@; then say blob-mount passed "@PATH@ is mounted"
  else say blob-mount waiting "@PATH@ is not mounted yet"; fi
"""


def _files(mount: BlobMount) -> Sequence[GuestFile]:
    return [text_file(CONFIGURATION, _configuration(mount), "0640"), unit_file(UNIT, _unit(mount))]


def _configuration(mount: BlobMount) -> str:
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
          path: {json.dumps(mount.cache_path)}
          timeout-sec: 120
          max-size-mb: 8192
          cleanup-on-start: true
        attr_cache:
          timeout-sec: 240
        azstorage:
          type: block
          account-name: {json.dumps(mount.storage_account)}
          container: {json.dumps(mount.container)}
          mode: msi
        """)


def _unit(mount: BlobMount) -> str:
    # The identity gets its role after the machine is created, and the role takes minutes to take effect: the mount is
    # retried until it works. blobfuse2 runs in the foreground, because in the background it reports success too early.
    path, cache = mount.mount_path, mount.cache_path
    return dedent(f"""\
        [Unit]
        Description=Blob container {mount.container} on {path}
        Wants=network-online.target
        After=network-online.target
        RequiresMountsFor={posixpath.dirname(path)}
        StartLimitIntervalSec=0

        [Service]
        Type=exec
        ExecStartPre=-/usr/bin/fusermount3 -uzq {path}
        ExecStartPre=/usr/bin/mkdir -p {cache} {path}
        ExecStart=/usr/bin/blobfuse2 mount {path} --foreground --config-file={CONFIGURATION} \
        --disable-version-check=true
        ExecStartPost=/usr/bin/timeout 60 /bin/sh -c 'until mountpoint -q {path}; do sleep 1; done'
        ExecStop=/usr/bin/fusermount3 -u {path}
        Restart=always
        RestartSec=20
        TimeoutStartSec=120

        [Install]
        WantedBy=multi-user.target
        """)


def _checks(mount: BlobMount) -> Mapping[str, str]:
    return {"blob-mount": CHECK.replace("@PATH@", shlex.quote(mount.mount_path))}


BLOB_MOUNT: GuestFeature[BlobMount] = GuestFeature(_files, install=lambda mount: INSTALL, checks=_checks)
