"""Fixtures: the command, built as a wheel and installed with the packages that it needs."""

import os
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.sandbox import Ground
from tests.cli.support import KEY, Command, FakeServer, fake_server
from tests.fork_server import forked
from tests.support import ROOT

sys.path.insert(0, str(ROOT / "cli"))  # for the tests of single modules


def pip(*arguments: str) -> None:
    """Run pip without an index; raises AssertionError if it fails."""
    command = [sys.executable, "-m", "pip", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel that `pip install ./cli` builds."""
    folder = tmp_path_factory.mktemp("wheel")
    pip("wheel", "--quiet", "--no-deps", "--no-index", "--no-build-isolation", "--wheel-dir", str(folder), str(ROOT / "cli"))
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="session")
def program(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The installed command."""
    folder = tmp_path_factory.mktemp("installed")
    venv.EnvBuilder(with_pip=False, symlinks=True).create(folder)
    python = folder / "bin" / "python"
    pip("--python", str(python), "install", "--quiet", "--no-deps", "--no-index", str(wheel))
    (packages,) = folder.glob("lib/python*/site-packages")
    (packages / "needed.pth").write_text(sysconfig.get_paths()["purelib"])
    return folder / "bin" / "dormouse"


@pytest.fixture(scope="session")
def quick_program(program: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A program that runs the installed command without its start-up time."""
    python, variables = program.parent / "python", {"PATH": os.environ["PATH"]}
    with forked(python, tmp_path_factory.mktemp("quick"), variables) as quick:
        yield quick


@pytest.fixture
def logged_out(program: Path, quick_program: Path, tmp_path: Path) -> Command:
    """The command without stored credentials."""
    return Command(program, tmp_path, quick=quick_program)


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with fake_server() as running:
        yield running


@pytest.fixture
def dormouse(logged_out: Command, server: FakeServer) -> Command:
    """The command with credentials for the fake server."""
    logged_out.variables = {"DORMOUSE_URL": server.url, "DORMOUSE_KEY": KEY, "DORMOUSE_TIMEOUT": "5"}
    return logged_out


@pytest.fixture
def logged_in(logged_out: Command, ground: Ground) -> Command:
    """The command with stored credentials for the real control plane."""
    logged_out.key = ground.key
    result = logged_out("login", ground.api, "--key-stdin", stdin=f"{ground.key}\n")
    assert result.code == 0, result
    return logged_out
