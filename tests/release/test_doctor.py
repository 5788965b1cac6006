"""The doctor of Azure Functions examines what is deployed and what deploys it, and nothing else."""

import shutil
from pathlib import Path

import pytest

from release.doctor import BESIDE, examine
from release.layout import APP
from release.package import copy_app
from tests.support import ROOT


def test_an_app_that_could_not_run_is_a_failure(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for part in (*APP, *BESIDE):  # with little in its folders, which are read for long
        if (ROOT / part).is_dir():
            (tmp_path / part).mkdir()
        else:
            shutil.copy(ROOT / part, tmp_path / part)
    assert examine(tmp_path) == 0, capfd.readouterr().out
    (tmp_path / "host.json").write_text("{")
    assert examine(tmp_path) != 0


def test_the_parts_that_are_examined_are_those_of_a_package_and_those_beside_it(tmp_path: Path) -> None:
    copy_app(tmp_path, BESIDE)
    assert {path.name for path in tmp_path.iterdir()} == {*APP, *BESIDE}
    assert not list(tmp_path.rglob("__pycache__"))
