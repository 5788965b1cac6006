import os
import sys
from collections.abc import Iterator

import pytest

from local.ground import Process, free_port
from tests.host.support import APP, Host


@pytest.fixture(scope="session")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    home, port = tmp_path_factory.mktemp("host"), free_port()
    command = [sys.executable, "-m", "local.host", "--app", str(APP), "--home", str(home), "--port", str(port)]
    environment = {"PATH": os.environ["PATH"], "CALLS_FILE": str(home / "calls"), "TICK": "0 0 */6 * * *"}
    process = Process([*command, "--speed", "100"], environment, home / "log")
    process.start()
    yield Host(process, port, home)
    process.kill()
