"""The main loop: one thread samples every second, one reads the slow sources, one sends the minutes."""

from __future__ import annotations

import json
import logging
import threading
import time
from dataclasses import dataclass

from .filesystem import FileSystem, Unknown
from .gpu.gpus import GpuProcesses, Gpus
from .holds import HOLDS_FOLDER
from .http_client import is_trusted_url
from .identity import METADATA, Identity
from .intervals import Intervals, now
from .minutes import MinuteAggregator, UnconfirmedMinutes
from .notebooks.notebooks import Notebooks
from .sender import Sender
from .sessions.sources import Connections, Logins, OpaqueSessions, SessionCounter, Terminals
from .sources import Observer, Source
from .system.load import Disks, Network, Processor
from .system.processes import Processes
from .work.batch import BatchJobs
from .work.containers import Containers, Docker
from .work.markers import MARKERS, Markers
from .work.terminal_jobs import TerminalJobs

CONFIGURATION = "/etc/dormouse/agent.json"
WORLD_WRITABLE = 0o1777
log = logging.getLogger("dormouse")


@dataclass(frozen=True)
class Configuration:
    """The URL of the control plane, and the audience of tokens for it."""

    control_plane: str
    audience: str


def read_configuration(filesystem: FileSystem) -> Configuration:
    """Read the configuration; raises Unknown if it is missing, invalid, or its URL is not trusted."""
    try:
        said = json.loads(filesystem.text(CONFIGURATION))
        found = Configuration(str(said["control_plane"]), str(said["audience"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Unknown(f"{CONFIGURATION} cannot be read: {error}") from error
    if not is_trusted_url(found.control_plane):
        raise Unknown(
            f"the URL of the control plane must use https and have no user, query or fragment: {found.control_plane}"
        )
    return found


class Sources:
    """All sources of signals: quick ones are read every second, slow ones five times a minute."""

    def __init__(self, filesystem: FileSystem, intervals: Intervals) -> None:
        processes, docker = Processes(filesystem), Docker(filesystem)
        people = SessionCounter(filesystem, processes)
        self.gpus = Gpus(filesystem, intervals)
        self.quick: list[Source] = [self.gpus, Processor(filesystem), Disks(filesystem), Network(filesystem)]
        self.slow: list[Source] = [
            GpuProcesses(self.gpus, processes),
            Logins(people),
            Connections(people),
            OpaqueSessions(people),
            Terminals(filesystem, processes),
            TerminalJobs(filesystem, processes),
            BatchJobs(filesystem, processes, docker),
            Notebooks(filesystem, processes),
            Containers(filesystem, processes, docker),
            Markers(filesystem, processes),
        ]


class Agent:
    """The service that runs as long as the machine does."""

    def __init__(
        self, filesystem: FileSystem, configuration: Configuration, intervals: Intervals, metadata: str = METADATA
    ) -> None:
        self._filesystem = filesystem
        self._intervals = intervals
        self._sources = Sources(filesystem, intervals)
        self._minutes = UnconfirmedMinutes()
        self._aggregator = MinuteAggregator(now(), intervals)
        self._observers = Observer(), Observer()
        identity = Identity(configuration.audience, metadata)
        self._sender = Sender(
            configuration.control_plane,
            identity,
            self._minutes,
            self._sources.gpus.state,
            filesystem,
            intervals,
            self._problems,
        )

    def run(self) -> None:
        """Run until terminated; raises RuntimeError if a thread has died, so that systemd restarts the agent."""
        self._create_folders()
        others = [threading.Thread(target=work, daemon=True) for work in (self._look, self._sender.run)]
        for thread in others:
            thread.start()
        try:
            self._sample(others)
        finally:
            self._sources.gpus.end()

    def _sample(self, others: list[threading.Thread]) -> None:
        observer, ticker = self._observers[0], Ticker(self._intervals.tick)
        while all(thread.is_alive() for thread in others):
            minute = self._aggregator.finish(now())
            if minute is not None:
                self._minutes.keep(minute)
            self._aggregator.tick(observer.look(self._sources.quick, now, self._aggregator.minute_began))
            ticker.wait()
        raise RuntimeError("a thread of the agent has died")

    def _look(self) -> None:
        observer, ticker = self._observers[1], Ticker(self._intervals.look)
        while True:
            self._aggregator.look(observer.look(self._sources.slow, now, self._aggregator.minute_began))
            ticker.wait()

    def _problems(self) -> dict[str, str]:
        quick, slow = self._observers
        return {**quick.problems, **slow.problems}

    def _create_folders(self) -> None:
        for path in map(self._filesystem.at, (HOLDS_FOLDER, MARKERS)):
            try:
                path.mkdir(parents=True, exist_ok=True)
                path.chmod(WORLD_WRITABLE)
            except OSError as error:
                log.warning("%s cannot be created: %s", path, error)


class Ticker:
    """Waits for regular ticks; missed ticks are skipped."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._next = now()

    def wait(self) -> None:
        """Wait for the next tick."""
        self._next = max(self._next + self._seconds, now())
        time.sleep(max(0.0, self._next - now()))
