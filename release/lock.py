"""The exact packages of a deployment, each with its hash: `requirements.lock`, made of `requirements.txt`.

Run by Python 3.13, whose pip decides for the deployed version: `make lock`.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

PYTHON = "3.13"
# What a Flex Consumption app runs on: Linux on x86-64. A list, because pip takes none of them for another.
PLATFORMS = ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64")
TARGET = (
    *("--only-binary=:all:", "--implementation", "cp", "--python-version", PYTHON),
    *(word for platform in PLATFORMS for word in ("--platform", platform)),
)
ROOT = Path(__file__).resolve().parent.parent
HEAD = """\
# Every package of the deployed app, for Python 3.13 on Linux (x86-64). Made by `make lock` of requirements.txt: do not edit.
"""


def pip(*arguments: str) -> str:
    """Run pip; returns what it prints on standard output, or ends the program with what it complains about."""
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own words
    if done.returncode != 0:
        raise SystemExit(done.stderr)
    return done.stdout


def lock_of(report: dict[str, Any]) -> str:
    """The lines of the lock file for pip's report of an installation: `name==version --hash=sha256:…`, sorted.

    https://pip.pypa.io/en/stable/reference/installation-report/
    """
    lines = []
    for package in report["install"]:
        name, version = package["metadata"]["name"].lower().replace("_", "-"), package["metadata"]["version"]
        lines.append(f"{name}=={version} --hash=sha256:{package['download_info']['archive_info']['hashes']['sha256']}\n")
    return HEAD + "".join(sorted(lines))


def main() -> None:
    """Resolve `requirements.txt` for the deployed Python, and write the lock file."""
    asked = ("--dry-run", "--ignore-installed", "--report", "-", *TARGET)
    report = json.loads(pip("install", *asked, "-r", str(ROOT / "requirements.txt")))
    (ROOT / "requirements.lock").write_text(lock_of(report))


if __name__ == "__main__":
    main()
