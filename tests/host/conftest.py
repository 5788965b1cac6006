import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.processes import Process
from local.sandbox import free_port
from tests.host.support import APP, Host


@contextlib.contextmanager
def running(home: Path, app: Path = APP, **settings: str) -> Iterator[Host]:
    """A host of its own, with additional settings for the app."""
    port = free_port()
    command = [sys.executable, "-m", "local.host", "--app", str(app), "--home", str(home), "--port", str(port)]
    environment = {"PATH": os.environ["PATH"], "CALLS_FILE": str(home / "calls"), "TICK": "0 0 */6 * * *", **settings}
    process = Process([*command, "--speed", "100"], environment, home / "log")
    process.start()
    try:
        yield Host(process, port, home)
    finally:
        process.kill()


@pytest.fixture(scope="session")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    with running(tmp_path_factory.mktemp("host"), APP, **{"AzureWebJobs.asleep.Disabled": "true"}) as started:
        yield started
