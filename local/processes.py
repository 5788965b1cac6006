"""The processes of a sandbox: how they are begun, and killed."""

import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, ClassVar, Protocol

ROOT = Path(__file__).resolve().parent.parent
TIME_TO_START = 30.0


class Running(Protocol):
    """A process that was begun."""

    @property
    def pid(self) -> int:
        """Its process ID."""

    def poll(self) -> int | None:
        """None while it runs."""

    def send_signal(self, number: int, /) -> None:
        """Send it a signal, if it runs."""

    def wait(self) -> int:
        """Wait for its end."""


def begin(command: Sequence[str], environment: Mapping[str, str], log: IO[bytes]) -> Running:
    """Begin a process in the root of the repository, with its output in a log."""
    return subprocess.Popen(  # noqa: S603 - our own modules
        command, env=environment, stdout=log, stderr=subprocess.STDOUT, cwd=ROOT
    )


class GroundError(Exception):
    """One of the processes did not start; the message contains its log."""


@dataclass(slots=True)
class Process:
    """One of the two processes; `first` may begin one without its start-up time, if it is not started again after a kill."""

    first: ClassVar[Callable[[Sequence[str], Mapping[str, str], IO[bytes]], Running | None] | None] = None

    command: list[str]
    environment: dict[str, str]
    log: Path
    running: Running | None = None

    def start(self) -> None:
        """Start it and wait until it reports that it listens; raises GroundError."""
        first = None if self.log.exists() else type(self).first
        with self.log.open("ab") as log:
            log.write(b"\n")
            log.flush()
            beginning = log.tell()
            began = first(self.command, self.environment, log) if first else None
            self.running = began or begin(self.command, self.environment, log)
        deadline = time.monotonic() + TIME_TO_START
        while b"listening on" not in self._said(beginning):
            if self.running.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise GroundError(f"{' '.join(self.command[1:3])} did not start:\n{self._said(beginning).decode()}")
            time.sleep(0.02)

    def kill(self) -> None:
        """Kill it at once, as a crash would."""
        if self.running is not None:
            self.running.send_signal(signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)
            self.running.wait()
            self.running = None

    def _said(self, beginning: int) -> bytes:
        return self.log.read_bytes()[beginning:]
