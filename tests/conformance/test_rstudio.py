"""RStudio behind the real JupyterHub and its real proxy; RStudio Server is a stand-in, because no package index has it."""

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from dormouse.resources.network import COMMANDS
from tests.conformance.hub_machine import VENV, HubMachine, Metadata, served, wait
from tests.conformance.rstudio_stand_in import SESSION, STAND_IN
from tests.conformance.test_jupyterhub import need_a_hub
from tests.conftest import unchecked

OPENED = "passed a login started a server; its kernel runs cells; RStudio opens an R session"


@pytest.fixture(scope="module")
def hub() -> Iterator[HubMachine]:
    """A hub that runs, with a stand-in for RStudio Server; it can be checked only by root."""
    need_a_hub()
    if not list(VENV.glob("lib/*/site-packages/jupyter_rsession_proxy")):
        unchecked(f"{VENV.name} with jupyter-rsession-proxy", "that RStudio opens behind the real JupyterHub")
    folder = Path(tempfile.mkdtemp(prefix="dormouse-hub-"))
    folder.chmod(0o755)
    with served(Metadata()) as port:
        machine = HubMachine(folder, Metadata(), port)
        try:
            machine.set_up()
            machine.start()
            yield machine
        finally:
            machine.clear()


@pytest.fixture(autouse=True)
def stand_in(hub: HubMachine) -> None:
    hub.script("rserver", STAND_IN)
    hub.script("rsession", SESSION)


def test_the_check_opens_an_r_session_and_leaves_nothing_behind(hub: HubMachine) -> None:
    assert hub.check("login") == OPENED
    assert hub.processes_of(hub.check_account, "") == []


def test_an_rstudio_that_is_missing_or_starts_no_session_is_reported(hub: HubMachine) -> None:
    hub.script("rsession", "#!/bin/sh\nexit 1\n")
    assert hub.check("login") == "failed RStudio started, but no R session: 200"
    hub.script("rserver", "#!/bin/sh\nexit 1\n")
    assert hub.check("login") == "failed the login worked, but RStudio does not start: 500"
    assert hub.processes_of(hub.check_account, "") == []


def test_two_users_open_rstudio_and_share_no_path(hub: HubMachine) -> None:
    with hub.client() as client:
        base = hub.open_server(client)
        page = client.get(urlsplit(COMMANDS["rstudio"].format(host="h", port=8000)).path)
        assert (page.status_code, page.url.path) == (200, f"{base}rstudio/"), page.text
        assert "<title>RStudio</title>" in page.text
    wait(lambda: hub.processes_of(hub.allowed, "rserver"), hub.log)
    assert hub.check("login") == OPENED, "as another account, while the session of the first one stays"
    assert hub.processes_of(hub.allowed, "rserver")
    mine, others = (paths_of(hub.folder / name) for name in (hub.allowed, hub.check_account))
    assert len(mine) == len(others) == 4, "socket, data, database and key"
    assert not mine & others
    for path in mine:
        top = Path(*path.parts[:3])
        assert not top.exists() or (top.stat().st_mode & 0o077) == 0, top


def paths_of(home: Path) -> set[Path]:
    """The files and folders with which the RStudio Server of an account was started."""
    text = (home / "rserver.options").read_text()
    return {Path(value) for value in re.findall(r"=(/\S+)", text) if not value.startswith("/user/")}


def test_rstudio_has_no_port_of_its_own(hub: HubMachine) -> None:
    with hub.client() as client:
        assert client.get(f"{hub.open_server(client)}rstudio/").status_code == 200
    (pid,) = hub.processes_of(hub.allowed, "rserver")
    sockets = [str(path.readlink()) for path in Path(f"/proc/{pid}/fd").iterdir()]
    inodes = {name[8:-1] for name in sockets if name.startswith("socket:[")}
    assert inodes, "it listens"
    rows = [line.split() for name in ("tcp", "tcp6") for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]]
    assert not [row for row in rows if row[9] in inodes]


def test_a_restart_of_the_hub_keeps_an_r_session(hub: HubMachine) -> None:
    with hub.client() as client:
        base = hub.open_server(client)
        client.get(f"{base}rstudio/")
        answer = client.post(f"{base}rstudio/rpc/client_init", headers={"X-RS-CSRF-Token": "t0k"}, json={})
        assert answer.status_code == 200, answer.text
    before = [hub.processes_of(hub.allowed, word) for word in ("rserver", "rsession")]
    assert all(before)
    hub.stop()
    hub.start()
    assert [hub.processes_of(hub.allowed, word) for word in ("rserver", "rsession")] == before


def test_without_a_login_there_is_no_rstudio(hub: HubMachine) -> None:
    with hub.client() as client:
        hub.open_server(client)
    with hub.client() as stranger:
        stranger.follow_redirects = True
        answer = stranger.get(f"/user/{hub.allowed}/rstudio/")
        assert answer.url.path == "/hub/login"
        assert stranger.post(f"/user/{hub.allowed}/rstudio/rpc/client_init").status_code in (403, 405)
