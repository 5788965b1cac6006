"""NVIDIA GPUs according to the kernel: their number, and the processes that have their device files open."""

from __future__ import annotations

import re

from ..filesystem import FileSystem, Unknown
from ..system.process_facts import open_files_of
from ..system.processes import Processes

NVIDIA = "0x10de"
DISPLAY = "0x03"
BUS = "/sys/bus/pci/devices"
DEVICE = re.compile(r"nvidia\d+")
# They manage or query GPUs and open device files without computing. The kernel truncates names to 15 characters.
MANAGEMENT_PROGRAMS = re.compile(
    r"nvidia-(smi|persiste|powerd|fabricma|cuda-mps|device-p|settings|modprobe|gridd).*|nv-(hostengine|fabric.*)|dcgm.*"
    r"|nvtop|nvitop|gpustat"
    r"|Xorg|X|Xwayland|gnome-shell|gdm.*|sddm.*|lightdm"
)


def gpus_on_the_bus(filesystem: FileSystem) -> int | None:
    """The number of NVIDIA GPUs on the PCI bus; None if the bus cannot be read."""
    if not filesystem.at(BUS).is_dir():
        return None
    return sum(
        filesystem.text(f"{BUS}/{device}/vendor").strip() == NVIDIA
        and filesystem.text(f"{BUS}/{device}/class").startswith(DISPLAY)
        for device in filesystem.names(BUS)
    )


def device_holders(filesystem: FileSystem, processes: Processes, moment: float) -> set[int]:
    """The processes that have the device file of a GPU open, without those that only manage GPUs.

    Raises Unknown if a GPU has no device file, or if the open files of a process cannot be read.
    """
    devices = {f"/dev/{name}" for name in filesystem.names("/dev") if DEVICE.fullmatch(name)}
    expected = gpus_on_the_bus(filesystem)
    if not devices or expected is None or len(devices) < expected:
        raise Unknown("not every GPU has a device file, so the processes that use it cannot be found")
    found = set()
    for pid, process in processes.at(moment).items():
        try:
            held = devices.intersection(path.partition(" (deleted)")[0] for path in open_files_of(filesystem, pid))
        except OSError:
            if processes.is_alive(pid):
                raise Unknown("the open files of some processes cannot be read, so GPU use is unknown") from None
            continue
        if held and not MANAGEMENT_PROGRAMS.fullmatch(process.name):
            found.add(pid)
    return found
