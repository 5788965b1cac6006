"""A folder that looks like a checkout in which `make run` has been called, and a shell in it."""

import os
import re
import shutil
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

from local.sandbox import Ground
from tests.fork_server import forked
from tests.support import ROOT

PATIENCE = 90.0
DORMOUSE = """\
exec {python} -I -S {folder}/client.py "$@"
"""
AWAKE = """\
cd {guest} && exec {python} -c 'from agent.main import main; exit(main())' --root "$HOME/machine" awake "$@"
"""
# A refused request ends with an exit code, and the names of the simulated Azure need no resolver.
CURL = """\
case "$1" in -fsS*) ;; *) set -- --fail-with-body --silent --show-error "$@";; esac
exec {curl} --resolve "*:{azure}:127.0.0.1" "$@"
"""
SHIMS = {"dormouse": DORMOUSE, "dormouse-awake": AWAKE, "curl": CURL}
CONTROL_PLANE = re.compile(r"https://(dormouse\.example\.net|[\w.-]+\.azurewebsites\.net)(/api)?")


class Checkout:
    """Runs lines of documents as they are, with the addresses of a running control plane in them."""

    def __init__(self, ground: Ground, folder: Path) -> None:
        self.folder, self._ground = folder, ground
        for name in ("examples", "cli", "local"):
            (folder / name).symlink_to(ROOT / name)
        (folder / ".local" / "azure").mkdir(parents=True)
        shutil.copy(ground.home / "azure" / "ca.pem", folder / ".local" / "azure")
        (folder / "key.txt").write_text(ground.key)
        (folder / "machine" / "run" / "dormouse" / "awake.d").mkdir(parents=True)
        (folder / "machine" / "run" / "dormouse" / "state.json").write_text('{"answered": 0, "hold": null, "problem": ""}')
        self._write_programs()
        self._serving = ExitStack()
        self._serving.enter_context(forked(Path(sys.executable), folder, os.environ, str(ROOT / "cli")))

    def close(self) -> None:
        """End the process that runs `dormouse`."""
        self._serving.close()

    def run(self, text: str) -> subprocess.CompletedProcess[str]:
        """Run a text as a shell of a reader would, who types the key where it is asked for."""
        api = self._ground.api
        text = text.replace("http://127.0.0.1:7071", api.removesuffix("/api"))
        text = text.replace("localhost:7443", f"localhost:{self._ground.azure_port}")
        text = CONTROL_PLANE.sub(api.removesuffix("/api"), text)
        text = re.sub(r"^(dormouse login \S+)$", r"\1 --key-stdin < key.txt", text, flags=re.MULTILINE)
        return subprocess.run(
            ["bash", "-c", f"set -o pipefail\n{text}"],
            cwd=self.folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    @property
    def _environment(self) -> dict[str, str]:
        api, key = self._ground.api, self._ground.key
        return {
            "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
            "HOME": str(self.folder),
            "XDG_CONFIG_HOME": str(self.folder / "config"),
            "DORMOUSE_EVERY": "0.3",
            "DORMOUSE_URL": api,
            "DORMOUSE_KEY": key,
            "DORMOUSE_API": api,
            "DORMOUSE_AZURE": str(self._ground.azure_port),
            "KEY": key,
            "COLUMNS": "100",
        }

    def _write_programs(self) -> None:
        (self.folder / "bin").mkdir()
        values = {
            "python": sys.executable,
            "guest": ROOT / "dormouse" / "guest",
            "curl": shutil.which("curl"),
            "azure": self._ground.azure_port,
            "folder": self.folder,
        }
        for name, lines in SHIMS.items():
            program = self.folder / "bin" / name
            program.write_text(f"#!/bin/sh\n{lines.format(**values)}")
            program.chmod(0o755)
