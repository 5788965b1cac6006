"""The agent's sources one by one, on a fake machine made of files and with a fake Jupyter."""

import os
from typing import ClassVar

import pytest

from dormouse.guest.agent.filesystem import FileSystem, Unknown
from dormouse.guest.agent.notebooks.notebooks import Notebooks
from dormouse.guest.agent.sessions.sources import Connections, Logins, OpaqueSessions, SessionCounter, Terminals
from dormouse.guest.agent.sources import Observer, Source, read_source
from dormouse.guest.agent.system.load import Disks, Network, Processor
from dormouse.guest.agent.system.processes import Processes
from dormouse.guest.agent.work.batch import BatchJobs
from dormouse.guest.agent.work.containers import Containers, Docker
from dormouse.guest.agent.work.markers import Markers
from dormouse.guest.agent.work.terminal_jobs import TerminalJobs
from tests.guest.fakes import Machine


@pytest.fixture
def filesystem(machine: Machine) -> FileSystem:
    return FileSystem(str(machine.root))


@pytest.fixture
def processes(filesystem: FileSystem) -> Processes:
    return Processes(filesystem)


def known(source: Source, moment: float = 0.0, since: float = 0.0) -> dict[str, float]:
    signals, why = read_source(source, moment, since)
    assert not why
    return signals


def unknown(source: Source, moment: float = 0.0) -> str:
    signals, why = read_source(source, moment, 0.0)
    assert signals == {}
    assert why
    return why


def test_cpu_load_follows_from_the_counters(machine: Machine, filesystem: FileSystem) -> None:
    source = Processor(filesystem)
    assert known(source) == {}
    machine.write("/proc/stat", "cpu 150 0 50 1040 20 0 0 0 0 0\ncpu0 1 1 1 1 1\ncpu1 1 1 1 1 1\n")
    assert known(source, 1.0) == {"cpu_percent": 50.0, "cpu_cores": 1.0}
    machine.write("/proc/stat", "cpu 10 0 50 1040 20 0 0 0 0 0\ncpu0 1 1 1 1 1\n")
    assert known(source, 2.0) == {}


def test_only_whole_physical_disks_count_and_decreasing_counters_give_no_rate(
    machine: Machine, filesystem: FileSystem
) -> None:
    row = "{} 0 {} 1 0 {} 0 1 0 {} 0 0 0 0\n"
    virtual = ("loop0", "ram0", "dm-0", "md0", "zram0")
    for name in virtual:
        (machine.root / "sys/block" / name).mkdir(parents=True)
    (machine.root / "sys/block/sr0/device").mkdir(parents=True)

    def counters(real: int, other: int) -> None:
        others = "".join(row.format(7, name, other, other) for name in (*virtual, "sr0", "sda1"))
        machine.write("/proc/diskstats", row.format(8, "sda", real, real) + others)

    source = Disks(filesystem)
    counters(100, 100)
    assert known(source, 10.0) == {}
    counters(110, 9000)
    assert known(source, 12.0) == {"disk_bytes_per_second": 20 * 512 / 2}
    counters(5, 9000)
    assert known(source, 13.0) == {}
    counters(6, 9000)
    assert known(source, 14.0) == {"disk_bytes_per_second": 1024}
    machine.write("/proc/diskstats", "")
    unknown(source, 15.0)


def test_network_traffic_is_counted_once_across_interfaces(machine: Machine, filesystem: FileSystem) -> None:
    (machine.root / "sys/class/net/enP1/master").mkdir(parents=True)

    def counters(count: int) -> None:
        names = ("lo", "docker0", "veth1", "br-12", "enP1", "eth0")
        rows = "".join(f"  {name}: {count} 1 0 0 0 0 0 0 {count} 1 0\n" for name in names)
        machine.write("/proc/net/dev", f"Inter\n face\n{rows}")

    source = Network(filesystem)
    counters(1000)
    assert known(source, 1.0) == {}
    counters(1500)
    assert known(source, 3.0) == {"network_bytes_per_second": 500}


def test_input_is_a_changed_access_time_regardless_of_the_clock(
    machine: Machine, filesystem: FileSystem, processes: Processes
) -> None:
    pts = machine.write("/dev/pts/0")
    source = Terminals(filesystem, processes)
    for path in (pts, machine.write("/dev/pts/1")):
        os.utime(path, (5_000, 5_000))
    assert known(source, 100.0, since=60.0) == {"terminals_active": 0}
    os.utime(pts, (4_000, 5_000))  # a user types, and the clock was set back
    assert known(source, 110.0, since=60.0) == {"terminals_active": 1}
    assert known(source, 115.0, since=60.0) == {"terminals_active": 1}
    assert known(source, 125.0, since=120.0) == {"terminals_active": 0}
    os.utime(pts, (4_000, 9_000))  # output, not input
    assert known(source, 130.0, since=120.0) == {"terminals_active": 0}
    machine.write("/dev/pts/2")
    assert known(source, 135.0, since=120.0) == {"terminals_active": 1}


def test_a_quiet_machine_reports_zeros(filesystem: FileSystem, processes: Processes) -> None:
    assert known(Notebooks(filesystem, processes)) == dict.fromkeys(
        ("kernels", "kernels_busy", "kernels_active", "kernel_connections"), 0
    )
    assert known(Containers(filesystem, processes, Docker(filesystem))) == {"containers": 0}
    assert known(Markers(filesystem, processes)) == {"jobs": 0}
    assert known(TerminalJobs(filesystem, processes)) == {"terminal_jobs": 0}
    assert known(BatchJobs(filesystem, processes, Docker(filesystem))) == {"batch_jobs": 0}
    people = SessionCounter(filesystem, processes)
    assert known(Logins(people)) == {"logins": 0}
    assert known(Connections(people)) == {"connections": 0}
    assert known(OpaqueSessions(people)) == {"sessions_opaque": 0}


def test_a_job_marker_counts_while_its_file_or_process_exists(
    machine: Machine, filesystem: FileSystem, processes: Processes
) -> None:
    machine.process(700, "python")
    machine.process(701, "python", state="Z")
    for name, content in {
        "a": "",
        "b": "training",
        "c": "700\n",
        "d": "701",
        "e": "702",
        ".hidden": "",
        "f": "x" * 5000,
    }.items():
        machine.write(f"/run/dormouse/jobs/{name}", content)
    (machine.root / "run/dormouse/jobs/link").symlink_to("a")
    (machine.root / "run/dormouse/jobs/folder").mkdir()
    os.mkfifo(machine.root / "run/dormouse/jobs/pipe")
    assert known(Markers(filesystem, processes)) == {"jobs": 4}


def test_a_failing_source_does_not_affect_others_and_is_logged_once(
    machine: Machine, filesystem: FileSystem, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken:
        name = "broken"
        fails = True

        def look(self, moment: float, since: float) -> dict[str, float]:
            return {"fine": 1 // (not self.fails)}

    broken, observer = Broken(), Observer()
    for _ in range(3):
        assert observer.look([broken, Markers(filesystem, Processes(filesystem))], lambda: 0.0, 0.0) == {"jobs": 0}
    broken.fails = False
    assert observer.look([broken], lambda: 0.0, 0.0) == {"fine": 1}
    assert [record.getMessage().split(",")[0] for record in caplog.records] == ["broken: unknown", "broken: known again"]


def test_the_reason_for_a_missing_signal_is_kept_per_signal(filesystem: FileSystem) -> None:
    class Half:
        name = "half"
        signals = ("kernels", "kernels_busy")
        problems: ClassVar = {"kernels_busy": "it\x1b does not say" + "!" * 500}
        fails = True

        def look(self, moment: float, since: float) -> dict[str, float]:
            if self.fails:
                raise Unknown("it is away")
            return {"kernels": 1}

    class Old:
        name = "old"

        def look(self, moment: float, since: float) -> dict[str, float]:
            raise Unknown("it has no list of signals")

    half, observer = Half(), Observer()
    observer.look([half, Old(), Processor(filesystem)], lambda: 0.0, 0.0)
    away = dict.fromkeys(Half.signals, "it is away")
    assert observer.problems == {**away, "old": "it has no list of signals"}
    half.fails = False
    observer.look([half], lambda: 0.0, 0.0)
    assert observer.problems == {"kernels_busy": f"it does not say{'!' * 285}"}
