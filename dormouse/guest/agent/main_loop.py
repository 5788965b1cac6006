"""The agent at work: one thread samples every second, one looks at what is slow, one brings the minutes away."""

from __future__ import annotations

import json
import logging
import threading
import time
from dataclasses import dataclass

from .filesystem import Places, Unknown
from .gpu.gpus import GpuProcesses, Gpus
from .holds import WISHES
from .http_client import may_have_token
from .identity import METADATA, Identity
from .intervals import Pace, now
from .minutes import Ledger, Unconfirmed
from .notebooks.notebooks import Notebooks
from .sender import Delivery
from .sessions.sources import Connections, Logins, OpaqueSessions, People, Terminals
from .sources import Observer, Source
from .system.load import Disks, Network, Processor
from .system.processes import Processes
from .work.batch import BatchJobs
from .work.containers import Containers, Docker
from .work.markers import MARKERS, Markers
from .work.terminal_jobs import TerminalJobs

CONFIGURATION = "/etc/dormouse/agent.json"
FOR_EVERYBODY = 0o1777
log = logging.getLogger("dormouse")


@dataclass(frozen=True)
class Configuration:
    """Whom to tell."""

    control_plane: str
    audience: str


def read_configuration(places: Places) -> Configuration:
    """Whom to tell; raises Unknown when nobody, or somebody who must not be sent a token."""
    try:
        said = json.loads(places.text(CONFIGURATION))
        found = Configuration(str(said["control_plane"]), str(said["audience"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Unknown(f"{CONFIGURATION} cannot be read: {error}") from error
    if not may_have_token(found.control_plane):
        raise Unknown(f"the control plane must be reached by https, and its address must be plain: {found.control_plane}")
    return found


class Eyes:
    """Every source of signals."""

    def __init__(self, places: Places, pace: Pace) -> None:
        processes, docker = Processes(places), Docker(places)
        people = People(places, processes)
        self.gpus = Gpus(places, pace)
        self.quick: list[Source] = [self.gpus, Processor(places), Disks(places), Network(places)]
        self.slow: list[Source] = [
            GpuProcesses(self.gpus, processes),
            Logins(people),
            Connections(people),
            OpaqueSessions(people),
            Terminals(places, processes),
            TerminalJobs(places, processes),
            BatchJobs(places, processes, docker),
            Notebooks(places, processes),
            Containers(places, processes, docker),
            Markers(places, processes),
        ]


class Agent:
    """The program that runs for as long as the machine does."""

    def __init__(self, places: Places, configuration: Configuration, pace: Pace, metadata: str = METADATA) -> None:
        self._places = places
        self._pace = pace
        self._eyes = Eyes(places, pace)
        self._minutes = Unconfirmed()
        self._ledger = Ledger(now(), pace)
        self._observers = Observer(), Observer()
        identity = Identity(configuration.audience, metadata)
        self._delivery = Delivery(
            configuration.control_plane, identity, self._minutes, self._eyes.gpus.state, places, pace, self._problems
        )

    def run(self) -> None:
        """Work until somebody ends it; raises RuntimeError if a part of it has died, because a new one is better then."""
        self._open_folders()
        others = [threading.Thread(target=work, daemon=True) for work in (self._look, self._delivery.run)]
        for thread in others:
            thread.start()
        try:
            self._sample(others)
        finally:
            self._eyes.gpus.end()

    def _sample(self, others: list[threading.Thread]) -> None:
        observer, rhythm = self._observers[0], Rhythm(self._pace.tick)
        while all(thread.is_alive() for thread in others):
            minute = self._ledger.turn(now())
            if minute is not None:
                self._minutes.keep(minute)
            self._ledger.tick(observer.look(self._eyes.quick, now, self._ledger.minute_began))
            rhythm.wait()
        raise RuntimeError("a part of the agent has died")

    def _look(self) -> None:
        observer, rhythm = self._observers[1], Rhythm(self._pace.look)
        while True:
            self._ledger.look(observer.look(self._eyes.slow, now, self._ledger.minute_began))
            rhythm.wait()

    def _problems(self) -> dict[str, str]:
        quick, slow = self._observers
        return {**quick.problems, **slow.problems}

    def _open_folders(self) -> None:
        for path in map(self._places.at, (WISHES, MARKERS)):
            try:
                path.mkdir(parents=True, exist_ok=True)
                path.chmod(FOR_EVERYBODY)
            except OSError as error:
                log.warning("%s cannot be made: %s", path, error)


class Rhythm:
    """Waits from beat to beat; beats that were missed are not made up for."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._next = now()

    def wait(self) -> None:
        """Wait for the next beat."""
        self._next = max(self._next + self._seconds, now())
        time.sleep(max(0.0, self._next - now()))
