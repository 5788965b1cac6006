"""Warnings on real terminals, some of which are paused, full or closed, and on files that are not terminals."""

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
    """A warning writer, and the list of terminals that it is given."""
    found = [f"/dev/{name}" for name in names]
    return WarningWriter(FileSystem(str(machine.root)), lambda: list(found)), found


def test_a_warning_counts_as_shown_after_one_terminal_and_is_written_once_to_each(machine: Machine, terminal: Open) -> None:
    reached = terminal("pts/1")
    showing, found = announcer(machine, "pts/0", "pts/1")  # pts/0 was just closed
    assert showing.show(W1)
    assert showing.unreported() == ["w1"]
    late = terminal("pts/2")
    found.append("/dev/pts/2")
    assert not showing.show(W1)
    assert (reached.seen(), late.seen()) == (SEEN, SEEN)
    assert showing.unreported() == ["w1"]
    showing.confirm(["w1"])
    showing.show(W1)
    assert showing.unreported() == []


@pytest.mark.parametrize("found", [[], ["/dev/pts/9"], ["/dev/null"], ["/etc/motd"], ["/run/pipe"]])
def test_nothing_is_written_to_files_that_are_not_terminals(machine: Machine, found: list[str]) -> None:
    machine.write("/etc/motd", "welcome")
    machine.write("/run/x")
    os.mkfifo(machine.root / "run/pipe")
    (machine.root / "dev/null").symlink_to("/dev/null")
    showing = WarningWriter(FileSystem(str(machine.root)), lambda: found)
    assert not showing.show(W1)
    assert showing.unreported() == []
    assert (machine.root / "etc/motd").read_text() == "welcome"


def test_a_paused_terminal_does_not_block_and_gets_the_warning_when_resumed(machine: Machine, terminal: Open) -> None:
    stopped = terminal("pts/0")
    stopped.flow(termios.TCOOFF)  # Control-S
    with pytest.raises(Unknown, match="paused or does not respond"):
        write_to(machine.root / "dev/pts/0", b"z", seconds=0.1)
    stopped.flow(termios.TCOON)
    showing, _ = announcer(machine, "pts/0")
    showing.show(W1)
    assert (showing.unreported(), stopped.seen()) == (["w1"], SEEN)


def test_unreadable_sessions_do_not_count_as_readers_and_do_not_stop_the_agent(
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


def test_control_characters_are_removed_from_warnings(machine: Machine, terminal: Open) -> None:
    shown = terminal("pts/0")
    showing, _ = announcer(machine, "pts/0")
    showing.show(StopWarning("w1", "a\x1b]0;title\x07b\x9b2J\u202e\r\nc", 900.0))
    assert shown.seen().split("\r\n")[1] == "a ]0;title b 2J c"


def test_a_heartbeat_reports_at_most_the_accepted_number_of_warnings(machine: Machine, terminal: Open) -> None:
    terminal("pts/0")
    showing, _ = announcer(machine, "pts/0")
    for number in range(MOST_REPORTED + 5):
        showing.show(StopWarning(f"w{number}", "It stops.", 900.0))
    first = showing.unreported()
    showing.confirm(first)
    assert (len(first), len(showing.unreported())) == (MOST_REPORTED, 5)


@pytest.mark.parametrize("parent", ["tmux: server", "screen", "containerd-shim"])
def test_a_terminal_that_no_user_sees_does_not_count_as_a_reader(machine: Machine, terminal: Open, parent: str) -> None:
    machine.process(800, parent)
    machine.process(801, "bash", parent=800, terminal="pts/3")
    machine.process(802, "sshd", command="sshd: ann@notty")  # VS Code: a session without a terminal
    hidden, filesystem = terminal("pts/3"), FileSystem(str(machine.root))
    showing = WarningWriter(filesystem, partial(terminals_of_people, filesystem, Processes(filesystem)))
    showing.show(W1)
    assert (showing.unreported(), hidden.seen()) == ([], "")


def test_a_warning_reaches_the_visible_terminal_and_skips_detached_ones(
    machine: Machine, terminal: Open, alice: Terminal
) -> None:
    machine.process(800, "tmux: server")
    machine.process(801, "bash", parent=800, terminal="pts/3")
    hidden, filesystem = terminal("pts/3"), FileSystem(str(machine.root))
    showing = WarningWriter(filesystem, partial(terminals_of_people, filesystem, Processes(filesystem)))
    showing.show(W1)
    assert (showing.unreported(), alice.seen(), hidden.seen()) == (["w1"], SEEN, "")


def test_writing_to_a_folder_is_an_error(machine: Machine, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="directory"):
        write_to(tmp_path, b"x")
