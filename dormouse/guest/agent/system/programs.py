"""Child programs: one that runs continuously and is read line by line, and short commands."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Callable
from typing import IO

from ..filesystem import Unknown

FIRST_WAIT = 5
LONGEST_WAIT = 300
# The first line takes longer when the driver has to initialize many GPUs.
FIRST_LINE_FACTOR = 4
MOST_BYTES = 1 << 20


class ContinuousProgram:
    """A program that is restarted with growing pauses when it ends or prints nothing for `silence` ticks.

    `command` returns the command line, or raises Unknown if there is nothing to run.
    """

    def __init__(self, name: str, command: Callable[[], list[str]], tick: float, silence: int = 15) -> None:
        self.problem = f"{name} has not reported yet"
        self._name = name
        self._command = command
        self._tick = tick
        self._silence = silence
        self._child: subprocess.Popen[bytes] | None = None
        self._dying: subprocess.Popen[bytes] | None = None
        self._rest = b""
        self._last_words = ""
        self._complaints = b""
        self._heard = 0.0
        self._has_spoken = False
        self._next_start = 0.0
        self._failures = 0

    def lines(self, moment: float) -> list[str]:
        """The lines printed since the last call; never blocks."""
        if self._child is None and moment >= self._next_start:
            self._start(moment)
        if self._child is None:
            return []
        said, ended = self._read(self._child)
        if said:
            self._heard, self._has_spoken = moment, True
        patience = self._silence * self._tick * (1 if self._has_spoken else FIRST_LINE_FACTOR)
        if ended:
            words = self._last_words or self._complaints.decode("utf-8", "replace").strip()[-200:]
            self._give_up(f"{self._name} has ended: {words}".rstrip(": "), moment)
        elif moment - self._heard > patience:
            self._give_up(f"{self._name} hangs (no output)", moment)
        return said

    def reset_failures(self) -> None:
        """Reset the restart pause, after valid output."""
        self._failures = 0

    def end(self) -> None:
        """End the program."""
        for child in (self._child, self._dying):
            if child is not None:
                child.kill()
                _close(child)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    child.wait(timeout=0.5)

    def _start(self, moment: float) -> None:
        if self._dying is not None and self._dying.poll() is None:
            self._wait(f"{self._name} hangs and cannot be killed", moment)
            return
        try:
            self._child = subprocess.Popen(
                self._command(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=english_environment(),
            )
        except Unknown as error:
            self._wait(str(error), moment)
        except OSError as error:
            self._wait(f"{self._name} cannot be started: {error}", moment)
        else:
            for pipe in (self._child.stdout, self._child.stderr):
                assert pipe is not None
                os.set_blocking(pipe.fileno(), False)
            self._heard, self._rest, self._last_words = moment, b"", ""
            self._complaints, self._has_spoken = b"", False

    def _read(self, child: subprocess.Popen[bytes]) -> tuple[list[str], bool]:
        assert child.stdout is not None
        assert child.stderr is not None
        said, ended = _available(child.stdout)
        said = self._rest + said
        self._complaints = (self._complaints + _available(child.stderr)[0])[-4096:]
        *whole, rest = said.split(b"\n")
        self._rest = rest[-4096:]
        lines = [line.decode("utf-8", "replace").strip() for line in whole]
        # The reason comes first; other lines, like the driver version, follow.
        self._last_words = "; ".join(line for line in lines[-3:] if line)[:200] or self._last_words
        return [line for line in lines if line], ended

    def _give_up(self, problem: str, moment: float) -> None:
        assert self._child is not None
        self._child.kill()
        _close(self._child)
        # A process that is blocked in the driver does not even die when killed, so never wait for it.
        self._dying, self._child = self._child, None
        self._wait(problem, moment)

    def _wait(self, problem: str, moment: float) -> None:
        self.problem = problem
        self._next_start = moment + self._tick * min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(self._failures, 10))
        self._failures += 1


class CommandRunner:
    """Runs short commands; while one of them cannot be ended, no further one is started."""

    def __init__(self) -> None:
        self._dying: subprocess.Popen[bytes] | None = None

    def output(self, command: list[str], seconds: float, said: str = "") -> str:
        """The output of a command; raises Unknown unless it succeeds in time."""
        code, printed, complaint = self.run(command, seconds, said)
        if code != 0:
            raise Unknown(f"{command[0]} failed with {code}: {(printed or complaint)[-200:]}".rstrip(": "))
        return printed

    def run(self, command: list[str], seconds: float, said: str = "") -> tuple[int, str, str]:
        """The exit code, output and error output of a command; raises Unknown if it does not end in time."""
        if self._dying is not None and self._dying.poll() is None:
            raise Unknown(f"{command[0]} hangs and cannot be killed")
        try:
            child = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=english_environment()
            )
        except OSError as error:
            raise Unknown(f"{command[0]} cannot be started: {error}") from error
        try:
            printed, complaint = child.communicate(said.encode(), timeout=seconds)
        except subprocess.TimeoutExpired:
            self._end(child)
            raise Unknown(f"{command[0]} did not end within {seconds:.0f} seconds") from None
        return child.returncode, printed.decode("utf-8", "replace").strip(), complaint.decode("utf-8", "replace").strip()

    def _end(self, child: subprocess.Popen[bytes]) -> None:
        child.kill()
        _close(child)
        try:
            child.wait(timeout=0.5)
        except subprocess.TimeoutExpired:
            self._dying = child


def english_environment() -> dict[str, str]:
    """Our environment with English messages and decimal points."""
    return {**os.environ, "LC_ALL": "C.UTF-8"}


def _close(child: subprocess.Popen[bytes]) -> None:
    for pipe in (child.stdin, child.stdout, child.stderr):
        if pipe is not None:
            pipe.close()


def _available(pipe: IO[bytes]) -> tuple[bytes, bool]:
    """The output that can be read without blocking, and whether it has ended."""
    said = b""
    with contextlib.suppress(BlockingIOError):
        while len(said) < MOST_BYTES:
            chunk = os.read(pipe.fileno(), 65536)
            if not chunk:
                return said, True
            said += chunk
    return said, False
