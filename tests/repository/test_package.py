"""The deployment package: complete without the excluded files, and without heavy imports until used."""

import json
import shutil
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pathspec
import pytest

from dormouse.settings import Settings
from tests.support import ROOT

LEFT_OUT = ("local", "tests", "cli", "docs", "benchmarks", "examples", "infra", "recovery", "release")
OF_THE_HOST = {"FUNCTIONS_WORKER_RUNTIME", "AzureWebJobsStorage", "AZURE_TOKEN_CREDENTIALS"}


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """The files that would be packaged, alone in a folder."""
    ignored = pathspec.GitIgnoreSpec.from_lines((ROOT / ".funcignore").read_text().splitlines())
    for path in sorted(ROOT.rglob("*")):
        relative = path.relative_to(ROOT)
        if path.is_file() and not ignored.match_file(relative.as_posix()):
            (tmp_path / relative).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, tmp_path / relative)
    return tmp_path


def run(package: Path, script: str) -> str:
    done = subprocess.run([sys.executable, "-c", script], cwd=package, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_package_contains_the_app_and_no_excluded_files(package: Path) -> None:
    names = {path.name for path in package.iterdir()}
    assert {"function_app.py", "host.json", "requirements.txt", "orchestrators", "activities"} <= names
    assert not names & {*LEFT_OUT, "local.settings.json", "requirements-dev.txt", ".git", ".venv"}


def test_the_package_imports_without_the_excluded_files(package: Path) -> None:
    listed = run(package, "import function_app; print(len(function_app.app.get_functions()))")
    assert int(listed) > 20


def test_importing_the_app_imports_no_azure_client(package: Path) -> None:
    script = "import sys, json, function_app; print(json.dumps(sorted(sys.modules)))"
    loaded = json.loads(run(package, script))
    heavy = [name for name in loaded if name.startswith(("azure.mgmt", "azure.identity", "azure.keyvault", "azure.data"))]
    assert heavy == []


def test_the_sample_settings_contain_exactly_the_settings() -> None:
    sample = json.loads((ROOT / "local.settings.sample.json").read_text())["Values"]
    assert set(sample) - OF_THE_HOST == {field.name.upper() for field in fields(Settings)}
    Settings.from_environment(sample)
