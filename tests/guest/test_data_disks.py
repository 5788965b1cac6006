"""Data disks are formatted only if nothing is on them."""

import subprocess
from pathlib import Path

import pytest

from dormouse.guest.setup_script import setup_script
from dormouse.resources.features import DataDisks, GuestSetup

SETUP = GuestSetup("ana", (DataDisks(("/data", "/srv/images")),))
# A block device is needed only to be found: any name that `test -b` accepts.
FAKES = r"""
set -euo pipefail
admin=ana
sleep() { :; }
blkid() { if [ "$*" = "-p $DISK" ]; then return "$PROBED"; fi; [ "$PROBED" = 8 ] || printf '%s' "$UUID"; }
mkfs.ext4() { echo "mkfs $*" >> "$LOG"; }
systemctl() { :; }
mkdir() { :; }
mountpoint() { return 1; }
mount() { echo "mount $*" >> "$LOG"; }
chown() { echo "chown $*" >> "$LOG"; }
"""


def function_in(script: str) -> str:
    begin, end = script.index("no_disk() {"), script.index("mount_disk 0 ")
    return script[begin:end]


def mounted(folder: Path, *, probed: int, uuid: str = "u-1", there: bool = True) -> tuple[int, list[str], str]:
    """The exit status, what was done, and fstab after one disk with this result of blkid."""
    log, table = folder / "log", folder / "fstab"
    table.touch()
    text = function_in(setup_script(SETUP)).replace("/etc/fstab", str(table))
    disk = "/dev/disk/azure/scsi1/lun0"
    text = text.replace('[ -b "$disk" ]', f'[ "$disk" = {disk} ]' if there else "false")
    environment = {"LOG": str(log), "DISK": disk, "PROBED": str(probed), "UUID": uuid, "PATH": "/usr/bin:/bin"}
    script = f"{FAKES}{text}\nmount_disk 0 /data\n"
    done = subprocess.run(["bash", "-c", script], env=environment, capture_output=True, text=True, check=False)
    return done.returncode, log.read_text().splitlines() if log.exists() else [], table.read_text() + done.stderr


def test_an_empty_disk_is_formatted_and_given_to_the_administrator(tmp_path: Path) -> None:
    status, done, table = mounted(tmp_path, probed=2)
    assert (status, done) == (0, ["mkfs -q -m 0 /dev/disk/azure/scsi1/lun0", "mount /data", "chown ana:ana /data"])
    assert table == "UUID=u-1 /data auto defaults,nofail,x-systemd.device-timeout=30s 0 2\n"


def test_a_disk_with_a_file_system_is_mounted_as_it_is(tmp_path: Path) -> None:
    assert mounted(tmp_path, probed=0)[:2] == (0, ["mount /data"])
    status, _, table = mounted(tmp_path, probed=0)
    assert (status, table.count("UUID=u-1")) == (0, 1), "safe to run again"


@pytest.mark.parametrize(
    ("probed", "uuid", "there", "words"),
    [
        (0, "", True, "has partitions and no file system of its own"),
        (8, "", True, "cannot be read"),
        (4, "", True, "cannot be read"),
        (2, "u-1", False, "is not attached"),
    ],
)
def test_a_disk_that_is_not_understood_is_never_formatted(
    tmp_path: Path, probed: int, uuid: str, there: bool, words: str
) -> None:
    status, done, said = mounted(tmp_path, probed=probed, uuid=uuid, there=there)
    assert (status, done) == (1, [])
    assert words in said
