"""Data disks: formatted only if they are empty, and mounted by their file systems."""

import shlex
from collections.abc import Mapping

from dormouse.guest.features.feature import GuestFeature
from dormouse.resources.features import DataDisks

# Disks are found by LUN, under the names of SCSI and of NVMe controllers.
# https://learn.microsoft.com/azure/virtual-machines/linux/azure-to-guest-disk-mapping
# blkid exits with 2 if it finds neither a file system nor a partition table; only then is the disk formatted.
MOUNT = r"""
no_disk() { echo "the data disk with LUN $1 $2" >&2; return 1; }
mount_disk() {
  local lun=$1 path=$2 disk="" probed=0 uuid options=defaults,nofail,x-systemd.device-timeout=30s
  for _ in $(seq 30); do
    for disk in "/dev/disk/azure/scsi1/lun$lun" "/dev/disk/azure/data/by-lun/$lun"; do
      if [ -b "$disk" ]; then break 2; fi
    done
    disk=""
    sleep 2
  done
  [ -n "$disk" ] || no_disk "$lun" "is not attached"
  blkid -p "$disk" > /dev/null || probed=$?
  if [ "$probed" = 2 ]; then
    mkfs.ext4 -q -m 0 "$disk"
  elif [ "$probed" != 0 ]; then
    no_disk "$lun" "cannot be read"
  fi
  uuid=$(blkid -p -s UUID -o value "$disk" || true)
  [ -n "$uuid" ] || no_disk "$lun" "has partitions and no file system of its own"
  mkdir -p "$path"
  grep -q "^UUID=$uuid " /etc/fstab || echo "UUID=$uuid $path auto $options 0 2" >> /etc/fstab
  systemctl daemon-reload
  mountpoint -q "$path" || mount "$path"
  if [ "$probed" = 2 ]; then chown "$admin:$admin" "$path"; fi
}
"""


def _install(disks: DataDisks) -> str:
    calls = (f"mount_disk {lun} {shlex.quote(path)}\n" for lun, path in enumerate(disks.mount_paths))
    return f"{MOUNT}{''.join(calls)}"


def _checks(disks: DataDisks) -> Mapping[str, str]:
    paths = " ".join(map(shlex.quote, disks.mount_paths))
    text = f"""
  local path missing=""
  for path in {paths}; do
    timeout 20 mountpoint -q "$path" || missing="$missing $path"
  done
  if [ -z "$missing" ]; then say data-disks passed "{len(disks.mount_paths)} mounted"
  else say data-disks waiting "not mounted yet:$missing"; fi
"""
    return {"data-disks": text}


DATA_DISKS: GuestFeature[DataDisks] = GuestFeature(install=_install, checks=_checks)
