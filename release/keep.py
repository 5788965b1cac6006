"""Keep the app's own part of a release, so that the tests of upgrades can start operations on it later: `make keep`.

The file has the text of every module by its path: what has changed between two releases can be read. It is named by the
version of its orchestrations, and made again by a release that has not changed that version.
"""

import json
import sys
import tempfile
from pathlib import Path

from release.lock import ROOT
from release.package import copy_app, files_of
from release.versions import version_of

KEPT = ROOT / "tests" / "upgrades" / "releases"


def keep(folder: Path) -> Path:
    """Write the app as it stands into a file in a folder; the same sources give the same contents."""
    with tempfile.TemporaryDirectory() as name:
        app = Path(name)
        copy_app(app)
        texts = {path.relative_to(app).as_posix(): path.read_text() for path in files_of(app)}
        target = folder / f"{version_of(app / 'host.json')}.json"
    folder.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(texts, indent=0, ensure_ascii=False) + "\n")
    return target


def unpack(release: Path, folder: Path) -> None:
    """Write the files of a kept release into a folder."""
    for name, text in json.loads(release.read_text()).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


if __name__ == "__main__":
    sys.stdout.write(f"{keep(KEPT)}\n")
