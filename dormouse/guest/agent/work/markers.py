"""Jobs that people have marked."""

from __future__ import annotations

from ..filesystem import Places, Unknown, read_note
from ..system.processes import Processes

MARKERS = "/run/dormouse/jobs"


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
