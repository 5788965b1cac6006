"""What is wrong with a package before it is deployed: strangers in it, or programs that the deployed machine cannot run."""

import re
from collections.abc import Iterator
from pathlib import Path

from release.layout import APP, PACKAGES, STRAY
from release.versions import faults_of_versions

# The machine in an ELF header, in two bytes at this place: https://refspecs.linuxfoundation.org/elf/gabi4+/ch4.eheader.html
ELF, MACHINE_AT, X86_64 = b"\x7fELF", 18, b"\x3e\x00"
# Extension modules of CPython 3.13, or of the stable ABI: https://peps.python.org/pep-3149/
OURS = re.compile(r"\.(cpython-313-x86_64-linux-gnu|abi3)\.so$|\.so\.\d")


def faults_of(folder: Path) -> list[str]:
    """Everything that is wrong with the package in a folder; an empty list for a sound one."""
    return [*_strangers(folder), *_programs(folder), *_unlocked(folder), *faults_of_versions(folder / "host.json")]


def _strangers(folder: Path) -> Iterator[str]:
    needed, there = {*APP, PACKAGES.parts[0]}, {path.name for path in folder.iterdir()}
    yield from (f"{name} is missing" for name in sorted(needed - there))
    yield from (f"{name} does not belong into a package" for name in sorted(there - needed - {"__pycache__"}))
    yield from (
        f"{PACKAGES / name} is a package of no use, and could hide another"
        for name in STRAY
        if (folder / PACKAGES / name).exists()
    )


def _programs(folder: Path) -> Iterator[str]:
    for path in sorted(folder.rglob("*.so*")):
        head, where = path.read_bytes()[: MACHINE_AT + 2], path.relative_to(folder)
        if head[:4] != ELF or head[MACHINE_AT:] != X86_64:
            yield f"{where} is not for Linux on x86-64"
        if not OURS.search(path.name):
            yield f"{where} is not for Python 3.13"


def _unlocked(folder: Path) -> Iterator[str]:
    """Top-level packages that no installed distribution has: they could be imported, and no requirement names them."""
    packages = folder / PACKAGES
    if not packages.is_dir():
        return
    known = {path.name for path in packages.glob("*.dist-info")}
    for record in packages.glob("*.dist-info/RECORD"):
        known |= {line.split(",")[0].split("/")[0] for line in record.read_text().splitlines()}
    for path in sorted(packages.iterdir()):
        if path.name not in known | {"__pycache__"}:
            yield f"{PACKAGES / path.name} belongs to no installed distribution"
