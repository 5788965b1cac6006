"""Keep the app's own part of a release, so that the tests of upgrades can start operations on it later: `make keep`.

The file is named by the version of its orchestrations, and made again by a release that has not changed that version.
"""

import sys
import tempfile
from pathlib import Path

from release.lock import ROOT
from release.package import archive, copy_app
from release.versions import version_of

KEPT = ROOT / "tests" / "upgrades" / "releases"


def keep(folder: Path) -> Path:
    """Write the app as it stands into a zip file in a folder; the same sources give the same contents."""
    with tempfile.TemporaryDirectory() as name:
        copy_app(Path(name))
        target = folder / f"{version_of(Path(name) / 'host.json')}.zip"
        archive(Path(name), target)
    return target


if __name__ == "__main__":
    sys.stdout.write(f"{keep(KEPT)}\n")
