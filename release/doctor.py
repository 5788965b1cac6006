"""azure-functions-doctor on what is deployed and on what deploys it; it reads all of a folder, many times."""

import subprocess
import sys
import tempfile
from pathlib import Path

from release.package import copy_app

# Beside the app: which files are left out, which settings there are, and on which plan it runs.
BESIDE = (".funcignore", "local.settings.sample.json", "infra")
DOCTOR = Path(sys.executable).with_name("azure-functions-doctor")


def examine(folder: Path) -> int:
    """Print what the doctor says of the app in a folder; returns its exit status, 0 if nothing is wrong."""
    return subprocess.run([DOCTOR, "doctor", "--path", folder], check=False).returncode  # noqa: S603 - our own words


def main() -> int:
    """Examine the app of this repository."""
    with tempfile.TemporaryDirectory(prefix="dormouse-") as name:
        copy_app(Path(name), BESIDE)
        return examine(Path(name))


if __name__ == "__main__":
    raise SystemExit(main())
