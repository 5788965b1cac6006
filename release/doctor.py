"""azure-functions-doctor on what is deployed and on what deploys it; it reads all of a folder, many times."""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from release.layout import APP

# Beside the app: which files are left out, which settings there are, and on which plan it runs.
BESIDE = (".funcignore", "local.settings.sample.json", "infra")
DOCTOR = Path(sys.executable).with_name("azure-functions-doctor")


def examine(root: Path) -> int:
    """Print what the doctor says of the app in a folder; returns its exit status, 0 if nothing is wrong."""
    with tempfile.TemporaryDirectory(prefix="dormouse-") as name:
        folder = Path(name)
        for part in (*APP, *BESIDE):
            if (root / part).is_dir():
                shutil.copytree(root / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(root / part, folder / part)
        return subprocess.run([DOCTOR, "doctor", "--path", folder], check=False).returncode  # noqa: S603 - our own words


if __name__ == "__main__":
    raise SystemExit(examine(Path(__file__).resolve().parent.parent))
