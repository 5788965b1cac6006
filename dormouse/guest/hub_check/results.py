"""How a check ends, and what is said of a hub that does not answer."""

import time
from pathlib import Path
from typing import Any

# Until then a hub that does not answer is starting.
STARTING_SECONDS = 120


class Result(Exception):
    """The result of the check, which ends it."""


def unanswered(hub: Any, words: str) -> Result:
    """The result of a hub that does not answer: it is starting, or it is broken."""
    if hub["certificate"] and not (Path(hub["tls"]) / "certificate.pem").exists():
        return Result("waiting the certificate cannot be read from Key Vault yet; see journalctl -u jupyterhub")
    boot = time.time() - float(Path("/proc/uptime").read_text().split()[0])
    mark = Path(hub["ready"])
    ready = mark.stat().st_mtime if mark.exists() else time.time()
    young = time.time() - max(boot, ready) < STARTING_SECONDS
    return Result(f"waiting the hub is starting: {words}" if young else f"failed {words}; see journalctl -u jupyterhub")
