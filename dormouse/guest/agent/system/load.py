"""Sources for CPU, disk and network load, from the kernel's counters."""

from __future__ import annotations

from ..filesystem import FileSystem, Unknown
from ..sources import Rates

SECTOR_BYTES = 512
VIRTUAL_INTERFACES = ("lo", "docker", "veth", "br-", "virbr", "cni", "flannel", "cali")


class Processor:
    """The CPU load, in percent of the machine and in cores."""

    name = "cpu"

    def __init__(self, filesystem: FileSystem) -> None:
        self._filesystem = filesystem
        self._before: tuple[int, int] | None = None

    def look(self, moment: float, since: float) -> dict[str, float]:
        """The load since the last call, without I/O wait and steal time."""
        lines = [line.split() for line in self._filesystem.text("/proc/stat").splitlines() if line.startswith("cpu")]
        user, nice, system, idle, waiting, interrupts, soft_interrupts, stolen = (int(word) for word in lines[0][1:9])
        busy = user + nice + system + interrupts + soft_interrupts
        total = busy + idle + waiting + stolen
        before, self._before = self._before, (busy, total)
        if before is None:
            return {}
        worked, passed = busy - before[0], total - before[1]
        if worked < 0 or passed <= 0:
            return {}
        share = min(1.0, worked / passed)
        return {"cpu_percent": 100 * share, "cpu_cores": share * (len(lines) - 1)}


class Disks:
    """Bytes per second read from and written to physical disks."""

    name = "disks"

    def __init__(self, filesystem: FileSystem) -> None:
        self._filesystem = filesystem
        self._rates = Rates()
        self._real: dict[str, bool] = {}

    def look(self, moment: float, since: float) -> dict[str, float]:
        """The rate since the last call."""
        counters: dict[str, int] = {}
        for line in self._filesystem.text("/proc/diskstats").splitlines():
            words = line.split()
            if self._is_real(words[2]):
                counters[words[2]] = SECTOR_BYTES * (int(words[5]) + int(words[9]))
        if not counters:
            raise Unknown("no physical disk was found")
        rate = self._rates.per_second(counters, moment)
        return {} if rate is None else {"disk_bytes_per_second": rate}

    def _is_real(self, name: str) -> bool:
        # Partitions have no folder in /sys/block; loop, ram, dm and md devices have no `device` there.
        if name not in self._real:
            hardware = self._filesystem.at(f"/sys/block/{name}/device").exists()
            self._real[name] = hardware and not name.startswith(("sr", "fd"))
        return self._real[name]


class Network:
    """Bytes per second received and sent."""

    name = "network"

    def __init__(self, filesystem: FileSystem) -> None:
        self._filesystem = filesystem
        self._rates = Rates()

    def look(self, moment: float, since: float) -> dict[str, float]:
        """The rate since the last call."""
        counters: dict[str, int] = {}
        for line in self._filesystem.text("/proc/net/dev").splitlines()[2:]:
            name, _, words = line.partition(":")
            if self._counts(name.strip()):
                counts = words.split()
                counters[name.strip()] = int(counts[0]) + int(counts[8])
        if not counters:
            raise Unknown("no network interface was found")
        rate = self._rates.per_second(counters, moment)
        return {} if rate is None else {"network_bytes_per_second": rate}

    def _counts(self, name: str) -> bool:
        # With accelerated networking, eth0 is the master of the virtual function and already counts its bytes.
        return not name.startswith(VIRTUAL_INTERFACES) and not self._filesystem.at(f"/sys/class/net/{name}/master").exists()
