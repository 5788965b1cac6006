"""The package as the Azure Developer CLI takes it: a folder, of which azd makes a zip file of its own.

azd reads `.funcignore` of the folder that it packs. Ours at the root names `.*`, and with it `.python_packages`; without
one, azd leaves out `__pycache__`, where our compiled modules are. So the folder gets one that names nothing.
https://github.com/Azure/azure-dev/blob/main/cli/azd/pkg/project/project_utils.go
"""

import shutil
import sys
import zipfile
from pathlib import Path

from release.lock import ROOT

DIST = ROOT / "dist"
NOTHING = "# Nothing: this folder is the package.\n"


def unpack(archive: Path, folder: Path) -> int:
    """Replace a folder with the content of a package; returns the number of its files."""
    shutil.rmtree(folder, ignore_errors=True)
    with zipfile.ZipFile(archive) as file:
        file.extractall(folder)
        names = file.namelist()
    (folder / ".funcignore").write_text(NOTHING)
    return len(names)


def main() -> None:
    """Unpack `dist/dormouse.zip` into `dist/azd`, which `azure.yaml` names."""
    count = unpack(DIST / "dormouse.zip", DIST / "azd")
    sys.stdout.write(f"{DIST / 'azd'}: {count} files\n")


if __name__ == "__main__":
    main()
