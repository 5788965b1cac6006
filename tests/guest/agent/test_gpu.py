"""How the agent reads nvidia-smi, the PCI bus and open device files; the outputs are from user reports."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dormouse.guest.agent.filesystem import FileSystem
from dormouse.guest.agent.gpu.gpus import GpuProcesses, Gpus
from dormouse.guest.agent.gpu.nvidia_smi import processes_in, reading_in
from dormouse.guest.agent.intervals import Intervals
from dormouse.guest.agent.sources import read_source
from dormouse.guest.agent.system.processes import Processes
from dormouse.guest.agent.system.programs import CommandRunner, ContinuousProgram
from tests.guest.fakes import Machine
from tests.support import eventually

ALL = {"gpu_percent", "gpu_memory_percent", "gpu_watts"}
INFOROM = "WARNING: infoROM is corrupted at gpu 0001:00:00.0"
MISMATCH = "Failed to initialize NVML: Driver/library version mismatch"


class Watch:
    """Both GPU sources on one machine, at a fixed time."""

    def __init__(self, machine: Machine) -> None:
        filesystem = FileSystem(str(machine.root))
        self.processes = Processes(filesystem)
        self.gpus = Gpus(filesystem, Intervals())
        self.programs = GpuProcesses(self.gpus, self.processes)
        self.moment = 0.0

    def load(self) -> dict[str, float]:
        signals, _ = read_source(self.gpus, self.moment, 0.0)
        return signals

    def state(self) -> tuple[str, str]:
        self.load()
        return self.gpus.state(self.moment)


@pytest.fixture
def watched(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Watch]]:
    """A machine with GPUs, the output of its nvidia-smi for GPUs and processes, and the exit code of the latter."""
    monkeypatch.setenv("PATH", f"{machine.programs}:{os.defpath}")
    begun: list[Watch] = []

    def begin(*rows: str, apps: str = "", code: int = 0, gpus: int = 1) -> Watch:
        for number in range(gpus):
            machine.gpu(f"0000:00:1{number}.0")
        loop = "\n".join(f"echo '{row}'" for row in rows)
        machine.program("nvidia-smi", f'case "$*" in *apps*) printf "{apps}"; exit {code};; esac\n{loop}\nexec sleep 60')
        begun.append(Watch(machine))
        return begun[-1]

    yield begin
    for watch in begun:
        watch.gpus.end()


def test_a_warning_about_the_inforom_does_not_affect_readings(watched: Callable[..., Watch]) -> None:
    watch = watched("0, 0, 5, 15360, 9.5", INFOROM, apps=f"{INFOROM}\\n", code=14)
    assert eventually(lambda: set(watch.load()) == ALL)
    assert watch.state() == ("ok", "")
    assert watch.load()["gpu_percent"] == 0
    assert read_source(watch.programs, 0.0, 0.0) == ({"gpu_processes": 0, "gpu_kernel_processes": 0}, "")


@pytest.mark.parametrize("aside", ["index, utilization.gpu [%], memory.used [MiB]", "No devices were found?", "", "2 GPUs"])
def test_lines_that_are_not_rows_are_ignored(watched: Callable[..., Watch], aside: str) -> None:
    watch = watched(aside, "0, 12, 1024, 4096, 30.5", aside, "1, 97, 512, 4096, 20", gpus=2)
    assert eventually(lambda: watch.load() == {"gpu_percent": 97, "gpu_memory_percent": 25, "gpu_watts": 50.5})


@pytest.mark.parametrize(
    ("row", "percent", "memory", "watts"),
    [
        ("0, 12, 1024, 4096, 30.5", 12, 25, 30.5),
        ("0,12,1024,4096,30.5", 12, 25, 30.5),
        ("0, 12, 1024, 4096, ERR!", 12, 25, None),
        ("0, 12, 1024, 4096, [Unknown Error]", 12, 25, None),
        ("0, 12, 1024, 4096, 30,5", 12, 25, 30.5),
        ("0, 12 %, 1024 MiB, 4096 MiB, 30.50 W", 12, 25, 30.5),
        ("0, 12, [N/A], [N/A], 30", 12, None, 30),
        ("0, [N/A], 1024, 4096, 30", None, 25, 30),
        ("0, [Insufficient Permissions], 1024, 4096, 30", None, 25, 30),
        ("0, [GPU requires reset], [GPU requires reset], [GPU requires reset], 30", None, None, 30),
        ("0, -1, 1024, 4096, nan", None, 25, None),
        ("0, 101, 1024, 0, inf", None, None, None),
        ("0, 12", 12, None, None),
    ],
)
def test_each_field_of_a_row_is_parsed_independently(
    row: str, percent: float | None, memory: float | None, watts: float | None
) -> None:
    found = reading_in(row)
    assert found is not None
    number, reading = found
    assert (number, reading.percent, reading.memory_percent, reading.watts) == (0, percent, memory, watts)
    assert bool(reading.unsaid) == (percent is None)


@pytest.mark.parametrize(
    "line", [INFOROM, MISMATCH, "No devices were found", "", "0", "GPU 0, lost", "4096000, 1, 2", "x, 1"]
)
def test_a_line_with_invalid_fields_is_not_a_row(line: str) -> None:
    assert reading_in(line) is None


@pytest.mark.parametrize(
    ("printed", "pids", "whole"),
    [
        ("", set(), True), ("1, 100\n2, [N/A]", {1, 2}, True), (f"1, 100\n{INFOROM}", {1}, True),
        ("No running processes found", set(), True), ("pid, used_gpu_memory [MiB]\n1, 9", {1}, True),
        ("[Not Supported]", set(), False), ("[N/A], 100", set(), False), ("[Insufficient Permissions]", set(), False),
        ("1, 9\n[Insufficient Permissions], 9", {1}, False), ("N/A", set(), False),
    ],
)  # fmt: skip
def test_gpu_processes_are_read_from_the_list_of_compute_apps(printed: str, pids: set[int], whole: bool) -> None:
    assert processes_in(printed) == (pids, whole)


def test_readings_of_seven_of_eight_gpus_are_incomplete(watched: Callable[..., Watch]) -> None:
    watch = watched(*(f"{number}, 0, 0, 100, 9" for number in range(7)), gpus=8)
    assert eventually(lambda: "1 of 8 GPUs" in watch.state()[1])
    assert watch.load() == {}
    assert "1 of 8 GPUs" in read_source(watch.programs, 0.0, 0.0)[1]


def test_gpus_are_counted_by_their_index_if_the_pci_bus_is_not_visible(
    machine: Machine, watched: Callable[..., Watch]
) -> None:
    (machine.root / "sys/bus/pci/devices").rmdir()
    (machine.root / "sys/bus/pci").rename(machine.root / "sys/bus/other")
    watch = watched("1, 0, 0, 100, 9", gpus=0)
    assert eventually(lambda: watch.state()[0] == "broken" and "1 of 2" in watch.state()[1])


def test_a_process_that_has_ended_is_not_counted(machine: Machine, watched: Callable[..., Watch]) -> None:
    machine.process(4242, "python", command="python train.py")
    watch = watched("0, 0, 0, 100, 9", apps="4242, 9\\n4343, 9\\n")
    assert eventually(lambda: bool(watch.load()))
    assert read_source(watch.programs, 0.0, 0.0)[0] == {"gpu_processes": 1, "gpu_kernel_processes": 0}


def holds(machine: Machine, pid: int, name: str, *files: str) -> None:
    machine.process(pid, name, command=name)
    folder = machine.root / f"proc/{pid}/fd"
    folder.mkdir(exist_ok=True)
    for number, file in enumerate(files):
        (folder / str(number)).symlink_to(file)


MANAGEMENT_PROGRAMS = ("nvidia-smi", "nvidia-persiste", "nv-hostengine", "dcgm-exporter", "Xorg", "nvidia-cuda-mps")
UNTOLD = {
    "driver mismatch": ((MISMATCH, "NVML library version: 535.161"), "", 18),
    "MIG": (("0, [N/A], 100, 400, [N/A]",), "[Insufficient Permissions]", 0),
    "MIG, and no program": (("0, [N/A], 100, 400, [N/A]",), "", 0),
    "vGPU": (("0, [N/A], 100, 400, 30",), "[Not Supported]", 3),
    "one is lost": (("0, 0, 0, 100, 9", "Unable to determine the device handle for GPU 0000:00:11.0: GPU is lost"), "", 15),
}


@pytest.mark.parametrize("how", UNTOLD)
def test_open_device_files_show_gpu_use_when_nvidia_smi_reports_nothing(
    machine: Machine, watched: Callable[..., Watch], how: str
) -> None:
    rows, apps, code = UNTOLD[how]
    for device in ("nvidia0", "nvidia1", "nvidiactl", "nvidia-uvm"):
        machine.write(f"/dev/{device}")
    for number, name in enumerate(MANAGEMENT_PROGRAMS):
        holds(machine, 800 + number, name, "/dev/nvidia0", "/dev/nvidiactl")
    holds(machine, 900, "python", "/dev/null", "/dev/nvidiactl")
    watch = watched(*rows, apps=apps, code=code, gpus=2 if how == "one is lost" else 1)
    assert eventually(lambda: watch.state() != ("broken", "nvidia-smi has not reported yet"))
    assert "gpu_percent" not in watch.load()
    assert read_source(watch.programs, 0.0, 0.0) == ({"gpu_processes": 0, "gpu_kernel_processes": 0}, "")
    assert watch.load()["gpu_percent"] == 0, "nothing holds it, so nothing uses it"
    assert "gpu_percent" not in watch.gpus.problems
    holds(machine, 901, "python", "/dev/nvidia1 (deleted)")
    watch.moment += 12
    assert read_source(watch.programs, watch.moment, 0.0) == ({"gpu_processes": 1, "gpu_kernel_processes": 0}, "")
    assert "gpu_percent" not in watch.load()


@pytest.mark.parametrize("code", [3, 15, 255])
def test_output_of_a_failed_nvidia_smi_is_treated_as_incomplete(
    machine: Machine, watched: Callable[..., Watch], code: int
) -> None:
    watch = watched("0, 0, 0, 100, 9", code=code)
    assert eventually(lambda: bool(watch.load()))
    assert f"failed with {code}" in read_source(watch.programs, 0.0, 0.0)[1]
    machine.write("/dev/nvidia0")
    holds(machine, 901, "python", "/dev/nvidia0")
    watch.moment = 2.0
    assert read_source(watch.programs, 2.0, 0.0)[0] == {"gpu_processes": 1, "gpu_kernel_processes": 0}
    assert watch.load()["gpu_percent"] == 0, "nvidia-smi has said so"


def test_a_gpu_index_implies_the_gpus_before_it(watched: Callable[..., Watch]) -> None:
    watch = watched("1, 0, 0, 100, 9", gpus=1)
    assert eventually(lambda: "1 of 2 GPUs" in watch.state()[1])


def test_evidence_from_device_files_expires(machine: Machine, watched: Callable[..., Watch]) -> None:
    machine.write("/dev/nvidia0")
    watch = watched(MISMATCH)
    assert eventually(lambda: "mismatch" in watch.state()[1])
    read_source(watch.programs, 0.0, 0.0)
    watch.moment = 29
    assert watch.load() == {"gpu_percent": 0}
    watch.moment = 31
    assert watch.load() == {}


@pytest.mark.parametrize("lack", ["a device", "every device", "permission"])
def test_the_gpu_is_unknown_if_device_files_are_inconclusive(
    machine: Machine, watched: Callable[..., Watch], monkeypatch: pytest.MonkeyPatch, lack: str
) -> None:
    for number in range({"a device": 1, "every device": 0, "permission": 2}[lack]):
        machine.write(f"/dev/nvidia{number}")
    if lack == "permission":
        scan = os.scandir

        def refuse(path: Path) -> Iterator[os.DirEntry[str]]:
            if str(path).endswith("/proc/1/fd"):
                raise PermissionError(13, "Permission denied")
            return scan(path)

        monkeypatch.setattr("os.scandir", refuse)
    watch = watched(MISMATCH, gpus=2)
    assert eventually(lambda: "mismatch" in watch.state()[1])
    signals, why = read_source(watch.programs, 0.0, 0.0)
    assert signals == {}
    assert "mismatch" in why
    assert watch.load() == {}


def test_a_slow_start_is_tolerated_and_stderr_does_not_count_as_output(machine: Machine) -> None:
    machine.program("slow", "echo 'libtinfo: no version information' >&2; echo first; exec sleep 60")
    child = ContinuousProgram("slow", lambda: [str(machine.programs / "slow")], tick=1.0)
    assert eventually(lambda: child.lines(0.0) == ["first"])
    child.lines(16.0)
    assert child.problem == "slow hangs (no output)"
    child.end()
    silent = ContinuousProgram("silent", lambda: ["sleep", "60"], tick=1.0)
    silent.lines(0.0)
    silent.lines(59.0)
    assert silent.problem == "silent has not reported yet"
    silent.lines(61.0)
    silent.end()
    assert silent.problem == "silent hangs (no output)"


def test_stdout_and_stderr_are_kept_apart() -> None:
    words = ["sh", "-c", "echo 1, 2; echo 'libtinfo: no version' >&2; exit 14"]
    assert CommandRunner().run(words, seconds=5) == (14, "1, 2", "libtinfo: no version")
    with pytest.raises(ValueError, match="failed with 9: no"):
        CommandRunner().output(["sh", "-c", "echo no >&2; exit 9"], seconds=5)
