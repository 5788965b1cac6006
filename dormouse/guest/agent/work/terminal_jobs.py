"""Programs that run in terminals, whether or not the terminal is attached to a session."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from ..filesystem import FileSystem
from ..system.process_facts import words_of
from ..system.processes import Process, Processes, ancestors_of
from ..system.terminals import container_of, is_multiplexer, terminal_name

SHELLS = frozenset(
    {"sh", "bash", "rbash", "dash", "ash", "zsh", "fish", "ksh", "mksh", "csh", "tcsh", "nu", "xonsh", "elvish", "pwsh"}
)
# Programs that lead to a shell, wait for a login, or accompany a shell or a desktop.
HELPER_PROGRAMS = frozenset({
    "login", "su", "sudo", "doas", "runuser", "pkexec", "newgrp", "sg", "script", "sshd", "sshd-session", "tailscaled",
    "teleport", "dropbear", "mosh-server", "agetty", "getty", "mingetty", "fgetty", "sulogin", "systemd-tty-ask",
    "ssh-agent", "gpg-agent", "scdaemon", "dbus-launch", "dbus-daemon", "gitstatusd",
})  # fmt: skip
DISPLAY_SERVERS = re.compile(r"X|Xorg|Xwayland|xinit|startx|gdm-.*|sddm-helper|gnome-shell|kwin_wayland|weston|sway|cage")
PSEUDO = "pts/"


class TerminalJobs:
    """The number of programs that run in a terminal, or were started by one that does."""

    name = "terminal jobs"
    signals = ("terminal_jobs",)

    def __init__(self, filesystem: FileSystem, processes: Processes) -> None:
        self._filesystem = filesystem
        self._processes = processes

    def look(self, moment: float, since: float) -> dict[str, float]:
        """The current number, without waiting shells and their helper programs."""
        every = self._processes.at(moment)
        desktops = {each.terminal for each in every.values() if DISPLAY_SERVERS.fullmatch(each.name)}
        parents = {each.parent for each in every.values()}
        found = [pid for pid in every if self._is_job(pid, every, desktops)]
        return {"terminal_jobs": sum(not self._waits(pid, every[pid], parents) for pid in found)}

    def _is_job(self, pid: int, every: Mapping[int, Process], desktops: set[int]) -> bool:
        process = every[pid]
        if is_multiplexer(process) or process.name.startswith("gitstatusd") or process.name in HELPER_PROGRAMS:
            return False
        terminal = next((every[each].terminal for each in ancestors_of(pid, every) if every[each].terminal), 0)
        if not terminal or _is_of_a_container(pid, terminal, every):
            return False
        if terminal_name(terminal).startswith(PSEUDO):
            return True
        return terminal not in desktops and _is_below_a_shell(pid, every)

    def _waits(self, pid: int, process: Process, parents: set[int]) -> bool:
        """Whether it is a shell that waits for input or for a child; a script without a child does not wait."""
        if process.name not in SHELLS:
            return False
        return pid in parents or not _runs_a_script(words_of(self._filesystem, pid))


def consoles_with_a_shell(every: Mapping[int, Process]) -> list[str]:
    """The consoles of the machine, like "tty1" or "ttyS0", that have a shell."""
    names = {terminal_name(each.terminal) for each in every.values() if each.terminal and each.name in SHELLS}
    return sorted(name for name in names if name and not name.startswith(PSEUDO))


def _is_of_a_container(pid: int, terminal: int, every: Mapping[int, Process]) -> bool:
    """Whether a terminal is the console of a container; terminals opened inside have other numbers."""
    first = container_of(pid, every)
    return first is not None and every[first].terminal == terminal


def _is_below_a_shell(pid: int, every: Mapping[int, Process]) -> bool:
    above: Iterator[int] = ancestors_of(pid, every)
    return any(every[each].name in SHELLS for each in above if each != pid)


def _runs_a_script(words: list[str]) -> bool:
    """Whether a shell runs a command (`-c`) or a script file; a file after `--rcfile` only configures it."""
    rest = iter(words[1:])
    for word in rest:
        if word in ("--rcfile", "--init-file", "-O", "+O", "-o", "+o"):
            next(rest, "")
        elif not word.startswith(("-", "+")) or re.fullmatch(r"-[a-np-z]*c[a-np-z]*", word):
            return bool(word)
    return False
