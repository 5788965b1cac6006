"""`python -m tests.cli.documentation`: run every command of docs/cli.md on a simulated Azure and write down what it prints.

In a block that is called `console`, lines that begin with `$` are run one after the other, and what follows is replaced.
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from local.sandbox import Ground, temporary_ground
from tests.support import ROOT

DOCUMENT = ROOT / "docs" / "cli.md"
BLOCK = re.compile(r"(?<=```console\n).*?(?=```)", re.DOTALL)
SPEED = 60.0


def main() -> None:
    """Rewrite the document."""
    estate = ROOT / "examples" / "estate.yaml"
    with temporary_ground(speed=SPEED, timers=False, estate=estate) as ground, tempfile.TemporaryDirectory() as home:
        text = DOCUMENT.read_text()
        DOCUMENT.write_text(BLOCK.sub(lambda block: _played(block.group(), ground, Path(home)), text))


def _played(block: str, ground: Ground, home: Path) -> str:
    said = []
    for line in block.splitlines():
        if line.startswith("$ "):
            said += [line, *_run(line.removeprefix("$ "), ground, home)]
    return "\n".join(line.rstrip() for line in said).rstrip() + "\n"


def _run(line: str, ground: Ground, home: Path) -> list[str]:
    """What a line of shell prints where `dormouse` is the command of this working copy."""
    program = home / "bin" / "dormouse"
    if not program.exists():
        program.parent.mkdir()
        program.write_text(f'#!/bin/sh\nexec {sys.executable} -m dormouse_cli "$@"\n')
        program.chmod(0o755)
    variables = {
        "PATH": f"{program.parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT / "cli"),
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home / "config"),
        "DORMOUSE_EVERY": "0.2",
        "DORMOUSE_URL": ground.api,
        "DORMOUSE_KEY": ground.key,
        "COLUMNS": "100",
    }
    done = subprocess.run(
        ["sh", "-c", line], cwd=ROOT, env=variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    lines = done.stdout.replace(ground.api, "http://127.0.0.1:7071/api").splitlines()
    return [*lines, *([f"[exit code {done.returncode}]"] if done.returncode else []), ""]


if __name__ == "__main__":
    main()
