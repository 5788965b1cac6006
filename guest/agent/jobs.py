"""Work that somebody else looks after: containers, and jobs that people have marked."""

from __future__ import annotations

import json

from .places import Places, Unknown, read_note
from .processes import Processes
from .web import ask_socket

DOCKER = "/var/run/docker.sock"
MARKERS = "/run/dormouse/jobs"


class Containers:
    """Containers of Docker and Podman that run."""

    name = "containers"

    def __init__(self, places: Places, processes: Processes) -> None:
        self._places = places
        self._processes = processes

    def look(self, moment: float, since: float) -> dict[str, float]:
        """How many there are; Podman has a `conmon` for each, and would have to be started to be asked."""
        podman = sum(process.name == "conmon" for process in self._processes.at(moment).values())
        return {"containers": podman + self._of_docker()}

    def _of_docker(self) -> int:
        path = self._places.at(DOCKER)
        if not path.exists():
            return 0
        answer = ask_socket(str(path), "/containers/json", seconds=2.0, most_bytes=4 << 20)
        running = json.loads(answer.content)
        if answer.status != 200 or not isinstance(running, list):
            raise Unknown(f"Docker answers {answer.status}")
        return len(running)


class Markers:
    """Jobs that are marked by a file: as long as it exists or, if it contains a number, as long as that process lives."""

    name = "jobs"

    def __init__(self, places: Places, processes: Processes) -> None:
        self._places = places
        self._processes = processes

    def look(self, moment: float, since: float) -> dict[str, float]:
        """How many there are."""
        return {"jobs": sum(self._counts(name) for name in self._places.names(MARKERS) if not name.startswith("."))}

    def _counts(self, name: str) -> bool:
        path = self._places.at(f"{MARKERS}/{name}")
        try:
            content = read_note(path).content.strip()
        except (Unknown, FileNotFoundError):
            return path.is_file() and not path.is_symlink()
        except OSError:
            return False  # a link
        return self._processes.is_alive(int(content)) if content.isdigit() else True
