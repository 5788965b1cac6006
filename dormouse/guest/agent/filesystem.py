"""Access to the files of the machine, and safe reading of files that any user may have written."""

from __future__ import annotations

import os
import stat
import unicodedata
from dataclasses import dataclass
from pathlib import Path


class Unknown(ValueError):
    """A value cannot be determined; the message says why."""


@dataclass(frozen=True)
class FileSystem:
    """The file system of the machine, below the directory `root`."""

    root: str = ""

    def at(self, path: str) -> Path:
        """The real path of an absolute path of the machine."""
        return Path(self.root + path)

    def text(self, path: str) -> str:
        """The content of a text file; raises OSError."""
        return self.at(path).read_text(encoding="utf-8", errors="replace")

    def names(self, path: str) -> list[str]:
        """The names in a folder, sorted; none if the folder does not exist."""
        try:
            return sorted(entry.name for entry in os.scandir(self.at(path)))
        except (FileNotFoundError, NotADirectoryError):
            return []


@dataclass(frozen=True)
class SmallFile:
    """The content of a small file, and its owner's user ID."""

    owner: int
    content: bytes


def read_small_file(path: Path, longest: int = 4096) -> SmallFile:
    """Read a file that any user may have created; raises OSError (links) or Unknown (pipes, devices, too long)."""
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
    return SmallFile(seen.st_uid, content)


def plain(text: object, longest: int = 200) -> str:
    """Text that is safe to print on a terminal: one line, no control characters, limited length."""
    shown = "".join(" " if unicodedata.category(letter)[0] in "CZ" else letter for letter in str(text))
    return " ".join(shown.split())[:longest]
