"""Warnings on terminals: real ones, of which some are stopped, full, gone, or no terminals at all."""

import logging
import os
import termios
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from dormouse.guest.agent.filesystem import FileSystem, Unknown
from dormouse.guest.agent.heartbeat import StopWarning
from dormouse.guest.agent.sessions.sessions import terminals_of_people
from dormouse.guest.agent.system.processes import Processes
from dormouse.guest.agent.warnings import MOST_REPORTED, WarningWriter, write_to
from tests.guest.fakes import Machine, Terminal

Open = Callable[[str], Terminal]
W1 = StopWarning("w1", "It stops at 19:00.", 900.0)
SEEN = '\r\nIt stops at 19:00.\r\nTo keep it running: dormouse-awake 2h "reason"\r\n'


def announcer(machine: Machine, *names: str) -> tuple[WarningWriter, list[str]]:
    """An announcer, and the list of terminals that it is given."""
    found = [f"/dev/{name}" for name in names]
    return WarningWriter(FileSystem(str(machine.root)), lambda: list(found)), found


def test_one_of_several_terminals_is_enough_and_each_has_it_once(machine: Machine, terminal: Open) -> None:
    reached = terminal("pts/1")
    showing, found = announcer(machine, "pts/0", "pts/1")  # pts/0 has just been closed
    showing.show(W1)
    assert showing.unreported() == ["w1"]
    late = terminal("pts/2")
    found.append("/dev/pts/2")
    showing.show(W1)
    assert (reached.seen(), late.seen()) == (SEEN, SEEN)
    assert showing.unreported() == ["w1"]
    showing.confirm(["w1"])
    showing.show(W1)
    assert showing.unreported() == []


@pytest.mark.parametrize("found", [[], ["/dev/pts/9"], ["/dev/null"], ["/etc/motd"], ["/run/pipe"]])
def test_what_is_no_terminal_reads_nothing(machine: Machine, found: list[str]) -> None:
    machine.write("/etc/motd", "welcome")
    machine.write("/run/x")
    os.mkfifo(machine.root / "run/pipe")
    (machine.root / "dev/null").symlink_to("/dev/null")
    showing = WarningWriter(FileSystem(str(machine.root)), lambda: found)
    showing.show(W1)
    assert showing.unreported() == []
    assert (machine.root / "etc/motd").read_text() == "welcome"


def test_a_terminal_that_was_stopped_is_not_waited_for_and_has_it_when_it_goes_on(machine: Machine, terminal: Open) -> None:
    stopped = terminal("pts/0")
    stopped.flow(termios.TCOOFF)  # Control-S
    with pytest.raises(Unknown, match="paused or does not respond"):
        write_to(machine.root / "dev/pts/0", b"z", seconds=0.1)
    stopped.flow(termios.TCOON)
    showing, _ = announcer(machine, "pts/0")
    showing.show(W1)
    assert (showing.unreported(), stopped.seen()) == (["w1"], SEEN)


def test_sessions_that_cannot_be_seen_are_no_readers_and_no_end_of_the_agent(
    machine: Machine, caplog: pytest.LogCaptureFixture
) -> None:
    def unseen() -> list[str]:
        raise Unknown("/run/systemd/sessions cannot be read")

    showing = WarningWriter(FileSystem(str(machine.root)), unseen)
    with caplog.at_level(logging.WARNING, "dormouse"):
        for _ in range(3):
            showing.show(W1)
    assert showing.unreported() == []
    assert len(caplog.records) == 1
    assert "cannot be read" in caplog.text


def test_a_text_reaches_terminals_plain(machine: Machine, terminal: Open) -> None:
    shown = terminal("pts/0")
    showing, _ = announcer(machine, "pts/0")
    showing.show(StopWarning("w1", "a\x1b]0;title\x07b\x9b2J\u202e\r\nc", 900.0))
    assert shown.seen().split("\r\n")[1] == "a ]0;title b 2J c"


def test_a_heartbeat_reports_no_more_warnings_than_the_control_plane_takes(machine: Machine, terminal: Open) -> None:
    terminal("pts/0")
    showing, _ = announcer(machine, "pts/0")
    for number in range(MOST_REPORTED + 5):
        showing.show(StopWarning(f"w{number}", "It stops.", 900.0))
    first = showing.unreported()
    showing.confirm(first)
    assert (len(first), len(showing.unreported())) == (MOST_REPORTED, 5)


@pytest.mark.parametrize("parent", ["tmux: server", "screen", "containerd-shim"])
def test_a_terminal_that_is_on_no_screen_of_a_person_reads_nothing(machine: Machine, terminal: Open, parent: str) -> None:
    machine.process(800, parent)
    machine.process(801, "bash", parent=800, terminal="pts/3")
    machine.process(802, "sshd", command="sshd: ann@notty")  # VS Code: a session without a terminal
    hidden, filesystem = terminal("pts/3"), FileSystem(str(machine.root))
    showing = WarningWriter(filesystem, partial(terminals_of_people, filesystem, Processes(filesystem)))
    showing.show(W1)
    assert (showing.unreported(), hidden.seen()) == ([], "")


def test_a_person_has_the_warning_also_where_others_have_terminals_without_a_screen(
    machine: Machine, terminal: Open, alice: Terminal
) -> None:
    machine.process(800, "tmux: server")
    machine.process(801, "bash", parent=800, terminal="pts/3")
    hidden, filesystem = terminal("pts/3"), FileSystem(str(machine.root))
    showing = WarningWriter(filesystem, partial(terminals_of_people, filesystem, Processes(filesystem)))
    showing.show(W1)
    assert (showing.unreported(), alice.seen(), hidden.seen()) == (["w1"], SEEN, "")


def test_a_folder_is_no_terminal(machine: Machine, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="directory"):
        write_to(tmp_path, b"x")
