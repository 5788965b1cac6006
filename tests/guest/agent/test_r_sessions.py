"""What the agent sees of R sessions: they count while they compute, whether or not their page is open."""

import pytest

from dormouse.guest.agent.filesystem import FileSystem
from dormouse.guest.agent.notebooks.notebooks import Notebooks
from dormouse.guest.agent.sessions.sessions import find_sessions
from dormouse.guest.agent.sources import read_source
from dormouse.guest.agent.system.processes import Processes
from dormouse.guest.agent.system.sockets import Sockets
from tests.guest.fakes import Machine

NOTHING = dict.fromkeys(("kernels", "kernels_busy", "kernels_active", "kernel_connections"), 0)
SOCKET = "/tmp/jupyter-server-proxy-a1/socket"


@pytest.fixture
def source(machine: Machine) -> Notebooks:
    filesystem = FileSystem(str(machine.root))
    return Notebooks(filesystem, Processes(filesystem))


def session(machine: Machine, pid: int = 800, parent: int = 790, ticks: int = 40, name: str = "rsession") -> None:
    """An R session behind a hub that has used the given number of CPU ticks, as a child of its RStudio Server."""
    machine.process(790, "rserver", command=f"/usr/lib/rstudio-server/bin/rserver --auth-none=1 --www-socket={SOCKET}")
    machine.process(pid, name, parent, "/usr/lib/rstudio-server/bin/rsession -u ana")
    machine.write(f"/proc/{pid}/stat", f"{pid} ({name}) S {parent} 0 0 0 0 0 0 0 0 0 {ticks} 7 0 0 20 0 9 0 5000")


def seen(source: Notebooks, moment: float, since: float = 0.0) -> dict[str, float]:
    signals, why = read_source(source, moment, since)
    assert not why
    return signals


def test_an_r_session_that_computes_is_busy_and_one_that_waits_is_not(machine: Machine, source: Notebooks) -> None:
    assert seen(source, 88.0) == NOTHING
    session(machine)
    seen(source, 100.0)
    session(machine, ticks=60)  # 20 ticks in 12 seconds: it waits for its page
    assert seen(source, 112.0, since=110.0) == {**NOTHING, "kernels": 1}
    session(machine, ticks=900)
    assert seen(source, 124.0, since=120.0) == {**NOTHING, "kernels": 1, "kernels_busy": 1, "kernels_active": 1}
    assert seen(source, 136.0, since=120.0) == {**NOTHING, "kernels": 1, "kernels_active": 1}
    assert seen(source, 196.0, since=180.0) == {**NOTHING, "kernels": 1}, "an abandoned session does not count for ever"


def test_the_children_of_an_r_session_count_as_its_work_and_not_as_sessions(machine: Machine, source: Notebooks) -> None:
    session(machine)
    seen(source, 100.0)
    session(machine, 801, 800, ticks=900)  # a background job
    machine.process(802, "R", 800)
    machine.write("/proc/802/stat", "802 (R) S 800 0 0 0 0 0 0 0 0 0 900 7 0 0 20 0 9 0 5000")  # a worker
    assert seen(source, 112.0, since=110.0) == {**NOTHING, "kernels": 1, "kernels_busy": 1, "kernels_active": 1}


@pytest.mark.parametrize(
    ("function", "busy"),
    [("do_wait", 1), ("pipe_read", 1), ("futex_wait_queue", 0), ("do_select", 0), ("hrtimer_nanosleep", 0), ("0", 0)],
)
def test_an_r_session_that_waits_for_a_program_is_busy(
    machine: Machine, source: Notebooks, function: str, busy: int
) -> None:
    session(machine)
    seen(source, 100.0)
    machine.write("/proc/800/wchan", function)
    assert seen(source, 112.0, since=110.0)["kernels_busy"] == busy


def test_the_first_measurement_of_an_r_session_says_nothing(machine: Machine, source: Notebooks) -> None:
    session(machine)
    assert seen(source, 100.0) == {"kernels": 1, "kernel_connections": 0}
    assert source.problems["kernels_busy"] == "an R session was found, and it has been measured only once"


def test_an_r_session_that_cannot_be_read_is_not_idle(machine: Machine, source: Notebooks) -> None:
    session(machine)
    seen(source, 100.0)
    machine.process(800, "rsession", 790)  # without its times
    assert "kernels_busy" not in seen(source, 112.0)
    assert source.problems["kernels_busy"] == "the CPU time of an R session cannot be read"


def test_a_page_of_rstudio_behind_a_hub_is_no_session_of_a_person(machine: Machine) -> None:
    session(machine)
    machine.sockets(790, 5)
    machine.write("/proc/net/unix", f"Num RefCount Protocol Flags Type St Inode Path\n0: 3 0 0 1 03 5 {SOCKET}\n")
    filesystem = FileSystem(str(machine.root))
    found = find_sessions(filesystem, Processes(filesystem), 0.0, Sockets(filesystem))
    assert (found.sessions, found.unseen) == ((), ()), "an open page is not work"
