"""The zip file that a Flex Consumption app takes: the app, and its packages as the deployed Python needs them.

Nothing is built in Azure: a remote build ends after 60 seconds, and chooses its Python itself.
https://learn.microsoft.com/azure/azure-functions/python-build-options
"""

import argparse
import compileall
import json
import py_compile
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from release.check import faults_of
from release.layout import APP, FUNCTIONS, PACKAGES, STRAY
from release.lock import PYTHON, ROOT, TARGET, pip

UNWANTED = ("__pycache__", "*.pyc", "*.pyi")
# https://learn.microsoft.com/azure/durable-task/scheduler/develop-with-durable-task-scheduler-functions
BACKENDS: dict[str, dict[str, str]] = {
    "storage": {"type": "AzureStorage", "maxQueuePollingInterval": "00:00:10"},
    "scheduler": {"type": "azureManaged", "connectionStringName": "DURABLE_TASK_SCHEDULER_CONNECTION_STRING"},
}
# Where the package lies in the app; tracebacks show it.
DEPLOYED = "/home/site/wwwroot"
TIME, MODE = (1980, 1, 1, 0, 0, 0), 0o644 << 16


def build(folder: Path, backend: str) -> None:
    """Put the package together in an empty folder; raises SystemExit if pip cannot get a package of the lock file."""
    copy_app(folder)
    (folder / "host.json").write_text(json.dumps(host_json(backend), indent=2) + "\n")
    packages = folder / PACKAGES
    locked = ("--require-hashes", "-r", str(ROOT / "requirements.lock"))
    pip("install", *TARGET, "--no-compile", "--no-deps", *locked, "--target", str(packages))
    for name in STRAY:
        shutil.rmtree(packages / name, ignore_errors=True)
    for unwanted in [path for pattern in UNWANTED for path in packages.rglob(pattern)]:
        if unwanted.is_dir():
            shutil.rmtree(unwanted)
        else:
            unwanted.unlink()
    # What is not compiled here is compiled at every cold start. One process, as the result depends on the order of files.
    hashed = py_compile.PycInvalidationMode.UNCHECKED_HASH
    compileall.compile_dir(folder, quiet=2, stripdir=str(folder), prependdir=DEPLOYED, invalidation_mode=hashed)


def copy_app(folder: Path, beside: Sequence[str] = ()) -> None:
    """Copy the app's own part of a package into an empty folder: its sources and host.json, without packages.

    `beside` are files and folders of the repository that are copied as well.
    """
    for name in (*APP, *beside):
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns(*UNWANTED))
        else:
            shutil.copy(source, folder / name)


def imported(folder: Path) -> tuple[float, list[str]]:
    """How long an unpacked package is imported (seconds), with nothing on the path but itself and the standard library.

    Also returns the sorted names of its functions.
    """
    path = [str(folder), str(folder / PACKAGES)]
    begin = f"import json, sys, time; sys.path[:0] = {path}; begun = time.perf_counter()"
    names = "sorted(one.get_function_name() for one in function_app.app.get_functions())"
    code = f"{begin}; import function_app; taken = time.perf_counter() - begun; print(json.dumps([taken, {names}]))"
    command = [sys.executable, "-I", "-S", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - our own words
    seconds, functions = json.loads(done.stdout)
    return seconds, functions


def host_json(backend: str) -> dict[str, Any]:
    """The host's configuration, with the place where Durable Functions keeps its state: `storage` or `scheduler`."""
    content: dict[str, Any] = json.loads((ROOT / "host.json").read_text())
    content["extensions"]["durableTask"]["storageProvider"] = BACKENDS[backend]
    return content


def archive(folder: Path, target: Path) -> None:
    """Write a folder into a zip file that depends on nothing but names and contents: no times, no order of the disk."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as file:
        for path in files_of(folder):
            entry = zipfile.ZipInfo(path.relative_to(folder).as_posix(), TIME)
            entry.external_attr, entry.compress_type = MODE, zipfile.ZIP_DEFLATED
            file.writestr(entry, path.read_bytes())


def files_of(folder: Path) -> Iterator[Path]:
    """Every file in a folder and below, in the order of their names."""
    yield from sorted((path for path in folder.rglob("*") if path.is_file()), key=lambda path: path.as_posix())


def main() -> None:
    """Build the package, list its functions beside it, and say where it is and how large."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--backend", choices=sorted(BACKENDS), default="storage")
    parser.add_argument("--out", type=Path, default=ROOT / "dist" / "dormouse.zip")
    asked = parser.parse_args()
    if f"{sys.version_info.major}.{sys.version_info.minor}" != PYTHON:
        raise SystemExit(
            f"The package is built by Python {PYTHON}, the deployed version, and this is {sys.version.split()[0]}."
        )
    with tempfile.TemporaryDirectory() as name:
        build(Path(name), asked.backend)
        if faults := faults_of(Path(name)):
            raise SystemExit("\n".join(faults))
        archive(Path(name), asked.out)
        size, (seconds, functions) = sum(path.stat().st_size for path in files_of(Path(name))), imported(Path(name))
    (asked.out.parent / FUNCTIONS).write_text(json.dumps(functions, indent=2) + "\n")
    packed = asked.out.stat().st_size
    sys.stdout.write(f"{asked.out}: {packed / 1e6:.1f} MB ({size / 1e6:.0f} MB unpacked), imported in {seconds:.2f} s\n")


if __name__ == "__main__":
    main()
