"""Job markers: files with which users mark running jobs."""

from __future__ import annotations

from ..filesystem import FileSystem, Unknown, read_small_file
from ..system.processes import Processes

MARKERS = "/run/dormouse/jobs"


class Markers:
    """The number of job markers: a file counts while it exists or, if it contains a process ID, while that process runs."""

    name = "jobs"

    def __init__(self, filesystem: FileSystem, processes: Processes) -> None:
        self._filesystem = filesystem
        self._processes = processes

    def look(self, moment: float, since: float) -> dict[str, float]:
        """The current number."""
        return {"jobs": sum(self._counts(name) for name in self._filesystem.names(MARKERS) if not name.startswith("."))}

    def _counts(self, name: str) -> bool:
        path = self._filesystem.at(f"{MARKERS}/{name}")
        try:
            content = read_small_file(path).content.strip()
        except (Unknown, FileNotFoundError):
            return path.is_file() and not path.is_symlink()
        except OSError:
            return False  # a link
        return self._processes.is_alive(int(content)) if content.isdigit() else True
