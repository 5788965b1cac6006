"""The builds of PyTorch: which packages have them, and the index of each."""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from dormouse.text.requirements import Requirement, read_requirement

PACKAGES = frozenset({"torch", "torchvision", "torchaudio"})
# The newest torch on PyPI requires a newer driver than the GRID driver of an A10; this build runs with older ones.
DEFAULT_BUILD = "cu126"
PYPI = "https://pypi.org/simple"
BUILD = re.compile(r"cpu|cu\d{2,3}", re.ASCII)


def builds_in(packages: Iterable[Any]) -> list[str]:
    """The builds that packages name in a local version, like cu121, sorted."""
    return sorted({package.local for package in _own(packages) if package.local})


def index_options(packages: Iterable[str]) -> list[str]:
    """The options of pip for the index of the build that packages name, or of the default build.

    The index of the default build lacks older versions, so that an exact version may come from PyPI, too; of the same
    version pip prefers the build, whose local version is higher (PEP 440).
    https://pytorch.org/get-started/previous-versions
    """
    every = list(packages)
    builds = builds_in(every)
    index = ["--index-url", f"https://download.pytorch.org/whl/{builds[0] if builds else DEFAULT_BUILD}"]
    older = not builds and any(package.exact for package in _own(every))
    return [*index, "--extra-index-url", PYPI] if older else index


def _own(packages: Iterable[Any]) -> Iterator[Requirement]:
    """The packages of PyTorch; what is not a package is left out."""
    for package in packages:
        try:
            found = read_requirement(package) if isinstance(package, str) else None
        except ValueError:
            continue
        if found and found.project in PACKAGES:
            yield found
