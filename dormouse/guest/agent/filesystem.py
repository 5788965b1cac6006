"""Where things are on the machine, and how to read what anybody may have written there."""

from __future__ import annotations

import os
import stat
import unicodedata
from dataclasses import dataclass
from pathlib import Path


class Unknown(ValueError):
    """Something could not be found out; the message says why."""


@dataclass(frozen=True)
class Places:
    """The machine's file system, which begins at `root`."""

    root: str = ""

    def at(self, path: str) -> Path:
        """Where an absolute path of the machine is for us."""
        return Path(self.root + path)

    def text(self, path: str) -> str:
        """A file of the kernel or the system; raises OSError."""
        return self.at(path).read_text(encoding="utf-8", errors="replace")

    def names(self, path: str) -> list[str]:
        """What is in a folder; nothing if there is no such folder."""
        try:
            return sorted(entry.name for entry in os.scandir(self.at(path)))
        except (FileNotFoundError, NotADirectoryError):
            return []


@dataclass(frozen=True)
class Note:
    """A small file, and who owns it."""

    owner: int
    content: bytes


def read_note(path: Path, longest: int = 4096) -> Note:
    """Read a file that anybody may have put there; raises Unknown for links, pipes, devices and what is too long."""
    # Without O_NONBLOCK, opening a pipe would wait for a writer.
    descriptor = os.open(str(path), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        seen = os.fstat(descriptor)
        if not stat.S_ISREG(seen.st_mode):
            raise Unknown(f"{path} is not a regular file")
        content = os.read(descriptor, longest + 1)
    finally:
        os.close(descriptor)
    if len(content) > longest:
        raise Unknown(f"{path} is longer than {longest} bytes")
    return Note(seen.st_uid, content)


def plain(text: object, longest: int = 200) -> str:
    """Text that is safe to show on a terminal: one line, no control characters, not too long."""
    shown = "".join(" " if unicodedata.category(letter)[0] in "CZ" else letter for letter in str(text))
    return " ".join(shown.split())[:longest]
