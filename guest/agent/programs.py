"""Other programs: one that is kept running and read line by line, and ones that are run briefly."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Callable

from .places import Unknown

FIRST_WAIT = 5
LONGEST_WAIT = 300
MOST_BYTES = 1 << 20


class KeptRunning:
    """A program that is started again, after longer and longer, when it dies or falls silent.

    `command` says what to run, or raises Unknown when there is nothing to run. Times are in ticks.
    """

    def __init__(self, name: str, command: Callable[[], list[str]], tick: float, silence: int = 15) -> None:
        self.problem = f"{name} has not answered yet"
        self._name = name
        self._command = command
        self._tick = tick
        self._silence = silence
        self._child: subprocess.Popen[bytes] | None = None
        self._dying: subprocess.Popen[bytes] | None = None
        self._rest = b""
        self._last_words = ""
        self._heard = 0.0
        self._next_start = 0.0
        self._failures = 0

    def lines(self, moment: float) -> list[str]:
        """What it has said since the last call; never waits."""
        if self._child is None and moment >= self._next_start:
            self._start(moment)
        if self._child is None:
            return []
        said, ended = self._read(self._child)
        if said:
            self._heard = moment
        if ended:
            self._give_up(f"{self._name} has ended: {self._last_words}".rstrip(": "), moment)
        elif moment - self._heard > self._silence * self._tick:
            self._give_up(f"{self._name} hangs", moment)
        return said

    def is_well(self) -> None:
        """What it said was understood: the next trouble is a first one."""
        self._failures = 0

    def end(self) -> None:
        """End it for good."""
        if self._child is not None:
            self._child.kill()

    def _start(self, moment: float) -> None:
        if self._dying is not None and self._dying.poll() is None:
            self._wait(f"{self._name} hangs and cannot be ended", moment)
            return
        try:
            self._child = subprocess.Popen(
                self._command(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
            )
        except Unknown as error:
            self._wait(str(error), moment)
        except OSError as error:
            self._wait(f"{self._name} cannot be started: {error}", moment)
        else:
            assert self._child.stdout is not None
            os.set_blocking(self._child.stdout.fileno(), False)
            self._heard, self._rest, self._last_words = moment, b"", ""

    def _read(self, child: subprocess.Popen[bytes]) -> tuple[list[str], bool]:
        assert child.stdout is not None
        said, ended = self._rest, False
        with contextlib.suppress(BlockingIOError):
            while len(said) < MOST_BYTES:
                chunk = os.read(child.stdout.fileno(), 65536)
                if not chunk:
                    ended = True
                    break
                said += chunk
        *whole, rest = said.split(b"\n")
        self._rest = rest[-4096:]
        lines = [line.decode("utf-8", "replace").strip() for line in whole]
        self._last_words = next((line for line in reversed(lines) if line), self._last_words)[:200]
        return [line for line in lines if line], ended

    def _give_up(self, problem: str, moment: float) -> None:
        assert self._child is not None
        self._child.kill()
        assert self._child.stdout is not None
        self._child.stdout.close()
        # A process that waits inside the driver does not even die when killed; it must not be waited for.
        self._dying, self._child = self._child, None
        self._wait(problem, moment)

    def _wait(self, problem: str, moment: float) -> None:
        self.problem = problem
        self._next_start = moment + self._tick * min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(self._failures, 10))
        self._failures += 1


class Brief:
    """Runs programs that should end soon, and never more of them while one will not end."""

    def __init__(self) -> None:
        self._dying: subprocess.Popen[bytes] | None = None

    def output(self, command: list[str], seconds: float, said: str = "") -> str:
        """What the program printed; raises Unknown unless it succeeds in time."""
        if self._dying is not None and self._dying.poll() is None:
            raise Unknown(f"{command[0]} hangs and cannot be ended")
        environment = {**os.environ, "LC_ALL": "C.UTF-8"}
        try:
            child = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment
            )
        except OSError as error:
            raise Unknown(f"{command[0]} cannot be started: {error}") from error
        try:
            printed, _ = child.communicate(said.encode(), timeout=seconds)
        except subprocess.TimeoutExpired:
            self._end(child)
            raise Unknown(f"{command[0]} did not end within {seconds:.0f} seconds") from None
        text = printed.decode("utf-8", "replace").strip()
        if child.returncode != 0:
            raise Unknown(f"{command[0]} failed with {child.returncode}: {text[-200:]}".rstrip(": "))
        return text

    def _end(self, child: subprocess.Popen[bytes]) -> None:
        child.kill()
        for pipe in (child.stdin, child.stdout):
            if pipe is not None:
                pipe.close()
        try:
            child.wait(timeout=0.5)
        except subprocess.TimeoutExpired:
            self._dying = child
