"""The shell scripts of this repository pass shellcheck."""

import subprocess
import sysconfig
from pathlib import Path

import pytest

from tests.support import ROOT

SCRIPTS = [ROOT / ".ci" / "run", *sorted((ROOT / "examples").glob("*.sh"))]


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_shell_scripts_pass_shellcheck(path: Path) -> None:
    shellcheck = Path(sysconfig.get_path("scripts"), "shellcheck")
    done = subprocess.run([shellcheck, path], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout
