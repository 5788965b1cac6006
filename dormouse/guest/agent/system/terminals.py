"""Terminals: their names, multiplexers and containers."""

from __future__ import annotations

from collections.abc import Mapping

from .processes import Process, ancestors_of

# Major numbers of devices; see devices.txt of the kernel.
CONSOLE, FIRST_PSEUDO, LAST_PSEUDO, ARM_SERIAL, HYPERVISOR = 4, 136, 143, 204, 229
FIRST_SERIAL = 64  # the minor number behind those of the virtual consoles
MULTIPLEXERS = frozenset({"tmux", "screen", "zellij", "dtach", "abduco", "tmate", "shpool"})
# Each is the parent of the processes of a container.
CONTAINER_SHIMS = frozenset({"containerd-shim", "conmon", "lxc-start", "systemd-nspawn"})


def terminal_name(number: int) -> str:
    """The name of a terminal, like "pts/3" or "ttyS0", from its device number in /proc/PID/stat; "" for other devices."""
    major, minor = (number >> 8) & 0xFFF, (number & 0xFF) | ((number >> 12) & 0xFFF00)
    if FIRST_PSEUDO <= major <= LAST_PSEUDO:
        return f"pts/{(major - FIRST_PSEUDO) * 256 + minor}"
    if major == CONSOLE and minor:
        return f"tty{minor}" if minor < FIRST_SERIAL else f"ttyS{minor - FIRST_SERIAL}"
    if major == ARM_SERIAL and minor >= FIRST_SERIAL:
        return f"ttyAMA{minor - FIRST_SERIAL}"
    return f"hvc{minor}" if major == HYPERVISOR else ""


def is_multiplexer(process: Process) -> bool:
    """Whether a process is tmux, screen or similar, whose terminals outlive their sessions."""
    return process.name.split(":")[0].lower() in MULTIPLEXERS


def is_multiplexed(pid: int, every: Mapping[int, Process]) -> bool:
    """Whether a process is a terminal multiplexer or a descendant of one."""
    return any(is_multiplexer(every[each]) for each in ancestors_of(pid, every))


def container_of(pid: int, every: Mapping[int, Process]) -> int | None:
    """The first process of the container in which a process runs; None outside of containers."""
    below = None
    for each in ancestors_of(pid, every):
        if every[each].name.startswith(tuple(CONTAINER_SHIMS)):
            return below
        below = each
    return None


def terminals_below(pid: int, every: Mapping[int, Process]) -> tuple[str, ...]:
    """The terminals of the children of a process; those in containers have no name outside."""
    numbers = {child.terminal for child in every.values() if child.parent == pid and child.terminal}
    if not numbers or container_of(pid, every) is not None:
        return ()
    return tuple(filter(None, map(terminal_name, sorted(numbers))))
