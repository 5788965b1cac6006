"""`python -m tests.cli.documentation`: run the commands of docs/cli.md on a simulated Azure and insert their output.

In every `console` block, the lines that begin with `$` are run in order, and the lines after each are replaced.
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
    """Rewrite docs/cli.md."""
    estate = ROOT / "examples" / "estate.yaml"
    with temporary_ground(speed=SPEED, timers=False, estate=estate) as ground, tempfile.TemporaryDirectory() as home:
        text = DOCUMENT.read_text()
        DOCUMENT.write_text(BLOCK.sub(lambda block: _run_block(block.group(), ground, Path(home)), text))


def _run_block(block: str, ground: Ground, home: Path) -> str:
    output = []
    for line in block.splitlines():
        if line.startswith("$ "):
            output += [line, *_run_line(line.removeprefix("$ "), ground, home)]
    return "\n".join(line.rstrip() for line in output).rstrip() + "\n"


def _run_line(line: str, ground: Ground, home: Path) -> list[str]:
    """The output of a shell command in which `dormouse` is the command of this working copy."""
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
