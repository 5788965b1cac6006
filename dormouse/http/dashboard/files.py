"""The files of the pages that the app serves: a fixed table, read once, with one version for all of them."""

import functools
import gzip
import hashlib
from dataclasses import dataclass
from pathlib import Path

STATIC = Path(__file__).parent / "static"
MEDIA = {".js": "text/javascript", ".css": "text/css", ".html": "text/html"}
VERSION_LENGTH = 16


@dataclass(frozen=True, slots=True)
class StaticFile:
    """The content of a file, plain and compressed, and its media type."""

    content: bytes
    compressed: bytes
    media: str


@functools.cache
def static_files() -> dict[str, StaticFile]:
    """Every file by its name. Requests name an entry of this table, and never a path."""
    paths = sorted(path for path in STATIC.iterdir() if path.suffix in MEDIA)
    return {path.name: static_file(path.read_bytes(), MEDIA[path.suffix]) for path in paths}


def static_file(content: bytes, media: str) -> StaticFile:
    """A file with this content; the compressed form depends on nothing else."""
    return StaticFile(content, gzip.compress(content, mtime=0), media)


@functools.cache
def version() -> str:
    """A name for the state of all files: their URLs contain it, so browsers may keep each file for good."""
    digest = hashlib.sha256()
    for name, file in static_files().items():
        digest.update(f"{name} {len(file.content)} ".encode() + file.content)
    return digest.hexdigest()[:VERSION_LENGTH]
