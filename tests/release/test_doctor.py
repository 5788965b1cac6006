"""The doctor of Azure Functions examines what is deployed, and nothing else."""

import shutil
from pathlib import Path

import pytest

from release.doctor import BESIDE, examine
from release.layout import APP
from tests.support import ROOT


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """An app with all its parts, and little in them."""
    for part in (*APP, *BESIDE):
        if (ROOT / part).is_dir():
            (tmp_path / part).mkdir()
        else:
            shutil.copy(ROOT / part, tmp_path / part)
    return tmp_path


def test_an_app_that_could_not_run_is_a_failure(small: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert examine(small) == 0, capfd.readouterr().out
    (small / "host.json").write_text("{")
    assert examine(small) != 0


def test_what_is_not_deployed_does_not_count(small: Path) -> None:
    (small / "tests").mkdir()
    (small / "tests" / "wrong.py").write_text("def (")
    assert examine(small) == 0
