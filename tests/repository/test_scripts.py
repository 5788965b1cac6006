"""The shell scripts of this repository say what they mean."""

import subprocess
import sysconfig
from pathlib import Path

import pytest

from tests.support import ROOT

SCRIPTS = [ROOT / ".ci" / "run", *sorted((ROOT / "examples").glob("*.sh"))]


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_shellcheck_has_nothing_to_say(path: Path) -> None:
    shellcheck = Path(sysconfig.get_path("scripts"), "shellcheck")
    done = subprocess.run([shellcheck, path], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout
