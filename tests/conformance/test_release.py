"""The deployment package: the same when it is built twice, without strangers, and loaded by Microsoft's worker library."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from release.check import faults_of
from release.layout import APP, FUNCTIONS, PACKAGES
from release.lock import lock_of
from release.package import BACKENDS, host_json
from release.versions import faults_of_versions, version_of
from tests.conftest import unchecked
from tests.support import ROOT

PROVES = "that the deployment package can be built and loaded (it needs Python 3.13; see CONTRIBUTING.md)"


@pytest.fixture(scope="module")
def python() -> str:
    """Python 3.13 with the worker library, which `make` sets up."""
    found = ROOT / ".venv-worker" / "bin" / "python"
    if not found.exists():
        unchecked("Python 3.13 with azure-functions-runtime", PROVES)
    return str(found)


def built(python: str, target: Path, backend: str) -> str:
    command = [python, "-m", "release.package", "--out", str(target), "--backend", backend]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def archives(python: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two builds, side by side because most of a build is waiting for the package index, with a backend each."""
    targets = (tmp_path_factory.mktemp("package") / "one.zip", tmp_path_factory.mktemp("other") / "two.zip")
    with ThreadPoolExecutor() as threads:
        for said in threads.map(built, (python, python), targets, ("storage", "scheduler")):
            assert "MB unpacked), imported in " in said
    return targets


@pytest.fixture(scope="module")
def archive(archives: tuple[Path, Path]) -> Path:
    return archives[0]


@pytest.fixture(scope="module")
def package(archive: Path) -> Iterator[Path]:
    folder = archive.parent / "unpacked"
    with zipfile.ZipFile(archive) as file:
        file.extractall(folder)
    yield folder
    shutil.rmtree(folder)


def test_two_builds_differ_in_nothing_but_the_backend(archives: tuple[Path, Path]) -> None:
    contents = []
    for path in archives:
        with zipfile.ZipFile(path) as file:
            contents.append({entry: hashlib.sha256(file.read(entry)).hexdigest() for entry in file.namelist()})
            assert {entry.date_time for entry in file.infolist()} == {(1980, 1, 1, 0, 0, 0)}
            assert file.namelist() == sorted(file.namelist())
    assert {entry for entry, digest in contents[0].items() if contents[1].get(entry) != digest} == {"host.json"}
    assert set(contents[0]) == set(contents[1])


def test_the_package_is_sound(package: Path) -> None:
    assert faults_of(package) == []
    programs = list(package.rglob("*.so"))
    assert len(programs) > 10, "nothing was looked at"
    host = json.loads((package / "host.json").read_text())
    assert host["extensions"]["durableTask"]["storageProvider"]["type"] == "AzureStorage"


@pytest.mark.parametrize("backend", sorted(BACKENDS))
def test_the_host_json_of_every_backend_has_the_versions_of_orchestrations(tmp_path: Path, backend: str) -> None:
    (tmp_path / "host.json").write_text(json.dumps(host_json(backend)))
    assert list(faults_of_versions(tmp_path / "host.json")) == []
    assert version_of(tmp_path / "host.json") == version_of(ROOT / "host.json") != ""


def test_every_module_is_compiled(package: Path) -> None:
    sources = [path for path in package.rglob("*.py") if "__pycache__" not in path.parts]
    compiled = {path.name.partition(".")[0] + str(path.parent.parent) for path in package.rglob("*.pyc")}
    missing = [path for path in sources if path.stem + str(path.parent) not in compiled]
    assert len(sources) > 2000
    assert missing == []


def test_the_worker_library_loads_it_with_nothing_else_installed(python: str, package: Path, tmp_path: Path) -> None:
    library = Path(python).parent.parent / "lib" / "python3.13" / "site-packages" / "azure_functions_runtime"
    for name, source in (("azure_functions_runtime", library), ("tests", ROOT / "tests"), ("local", ROOT / "local")):
        (tmp_path / name).symlink_to(source)
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(str(path) for path in (tmp_path, package, package / PACKAGES)),
        "AZURE_SUBSCRIPTION_ID": "00000000-0000-0000-0000-000000000000",
    }
    done = subprocess.run(
        [python, "-S", "-m", "tests.conformance.real_worker", str(package)],
        cwd=tmp_path,
        input="[]",
        text=True,
        capture_output=True,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert sorted(json.loads(done.stdout)["functions"]) == functions()


def functions() -> list[str]:
    """The names of the functions of this checkout."""
    script = (
        "import function_app, json; print(json.dumps([one.get_function_name() for one in function_app.app.get_functions()]))"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    return sorted(json.loads(done.stdout))


def test_the_functions_are_listed_beside_the_package(archive: Path) -> None:
    listed = json.loads((archive.parent / FUNCTIONS).read_text())
    assert listed == functions()
    assert "sweep_timer" in listed


def sound(folder: Path) -> Path:
    """The least that counts as a package."""
    for name in APP:
        (folder / name).mkdir() if name != "host.json" else shutil.copy(ROOT / name, folder)
    distribution = folder / PACKAGES / "known-1.0.dist-info"
    distribution.mkdir(parents=True)
    (distribution / "RECORD").write_text("known/__init__.py,,\nknown.cpython-313-x86_64-linux-gnu.so,,\n")
    (folder / PACKAGES / "known").mkdir()
    (folder / PACKAGES / "known.cpython-313-x86_64-linux-gnu.so").write_bytes(elf(0x3E))
    return folder


def change(folder: Path, text: str, instead: str) -> None:
    """Change the text of host.json."""
    path = folder / "host.json"
    content = path.read_text()
    assert text in content
    path.write_text(content.replace(text, instead))


def elf(machine: int) -> bytes:
    return b"\x7fELF" + bytes(14) + machine.to_bytes(2, "little")


def test_the_least_package_is_sound(tmp_path: Path) -> None:
    assert faults_of(sound(tmp_path)) == []


BREAKS: list[tuple[Callable[[Path], object], str]] = [
    (lambda folder: (folder / "dormouse").rmdir(), "dormouse is missing"),
    (lambda folder: (folder / ".python_packages").rename(folder.parent / "elsewhere"), ".python_packages is missing"),
    (lambda folder: change(folder, '"defaultVersion": ', '"defaultVersion": "1", "x": '), "must have two to four numbers"),
    (lambda folder: change(folder, '"defaultVersion"', '"hubVersion"'), "must have two to four numbers"),
    (lambda folder: change(folder, "CurrentOrOlder", "None"), "versionMatchStrategy in host.json must be CurrentOrOlder"),
    (lambda folder: change(folder, '"Reject"', '"Fail"'), "versionFailureStrategy in host.json must be Reject"),
    (lambda folder: change(folder, "[4.30.0", "[4.29.0"), "must begin at 4.30.0 or later"),
    (lambda folder: (folder / "local.settings.json").touch(), "local.settings.json does not belong into a package"),
    (lambda folder: (folder / PACKAGES / "tests").mkdir(), "a package of no use, and could hide another"),
    (lambda folder: (folder / PACKAGES / "unknown").mkdir(), "unknown belongs to no installed distribution"),
    (
        lambda folder: (folder / PACKAGES / "known" / "a.abi3.so").write_bytes(elf(0xB7)),
        "a.abi3.so is not for Linux on x86-64",
    ),
    (lambda folder: (folder / PACKAGES / "known" / "a.abi3.so").write_bytes(b"MZ"), "a.abi3.so is not for Linux on x86-64"),
    (
        lambda folder: (folder / PACKAGES / "known" / "a.cpython-311-x86_64-linux-gnu.so").write_bytes(elf(0x3E)),
        "a.cpython-311-x86_64-linux-gnu.so is not for Python 3.13",
    ),
]


@pytest.mark.parametrize(("spoil", "words"), BREAKS, ids=[words for _, words in BREAKS])
def test_a_broken_package_is_not_deployed(tmp_path: Path, spoil: Callable[[Path], object], words: str) -> None:
    folder = tmp_path / "package"
    folder.mkdir()
    spoil(sound(folder))
    assert any(words in fault for fault in faults_of(folder)), faults_of(folder)


def test_the_lock_has_what_is_required_and_a_hash_of_each() -> None:
    lines = [line for line in (ROOT / "requirements.lock").read_text().splitlines() if not line.startswith("#")]
    assert len(lines) > 40
    assert all(line.count(" --hash=sha256:") == 1 for line in lines)
    locked = {line.partition(" ")[0] for line in lines}
    asked = {
        line.partition(";")[0].strip().lower()
        for line in (ROOT / "requirements.txt").read_text().splitlines()
        if not line.startswith("#") and '< "3.13"' not in line
    }
    assert asked <= locked, f"run `make lock`: {asked - locked}"


def test_a_lock_is_sorted_and_takes_names_as_they_are_normalized() -> None:
    def package(name: str) -> dict[str, object]:
        archive = {"archive_info": {"hashes": {"sha256": "ab"}}}
        return {"metadata": {"name": name, "version": "1.0"}, "download_info": archive}

    lines = lock_of({"install": [package("typing_extensions"), package("PyJWT")]}).splitlines()[1:]
    assert lines == ["pyjwt==1.0 --hash=sha256:ab", "typing-extensions==1.0 --hash=sha256:ab"]
