"""The NVIDIA GPUs as the kernel sees them: how many there are, and which processes hold their device files."""

from __future__ import annotations

import re

from ..filesystem import Places, Unknown
from ..system.process_facts import open_files_of
from ..system.processes import Processes

NVIDIA = "0x10de"
DISPLAY = "0x03"
BUS = "/sys/bus/pci/devices"
DEVICE = re.compile(r"nvidia\d+")
# They look after GPUs or ask what these do, and hold device files without computing. The kernel keeps 15 letters of a name.
CARETAKERS = re.compile(
    r"nvidia-(smi|persiste|powerd|fabricma|cuda-mps|device-p|settings|modprobe|gridd).*|nv-(hostengine|fabric.*)|dcgm.*"
    r"|nvtop|nvitop|gpustat"
    r"|Xorg|X|Xwayland|gnome-shell|gdm.*|sddm.*|lightdm"
)


def gpus_on_the_bus(places: Places) -> int | None:
    """How many GPUs of NVIDIA the PCI bus shows; None where that cannot be seen."""
    if not places.at(BUS).is_dir():
        return None
    return sum(
        places.text(f"{BUS}/{device}/vendor").strip() == NVIDIA and places.text(f"{BUS}/{device}/class").startswith(DISPLAY)
        for device in places.names(BUS)
    )


def holders(places: Places, processes: Processes, moment: float) -> set[int]:
    """The processes that hold the device file of a GPU, without those that only look after GPUs.

    Raises Unknown where a GPU has no device file, or not every process can be looked into.
    """
    devices = {f"/dev/{name}" for name in places.names("/dev") if DEVICE.fullmatch(name)}
    expected = gpus_on_the_bus(places)
    if not devices or expected is None or len(devices) < expected:
        raise Unknown("not every GPU has a device file, so that it is not known which processes hold one")
    found = set()
    for pid, process in processes.at(moment).items():
        try:
            held = devices.intersection(path.partition(" (deleted)")[0] for path in open_files_of(places, pid))
        except OSError:
            if processes.is_alive(pid):
                raise Unknown("not every process can be looked into for open GPU devices") from None
            continue
        if held and not CARETAKERS.fullmatch(process.name):
            found.add(pid)
    return found
