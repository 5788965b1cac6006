"""The check of RStudio behind the hub: opened as its page does, it must start an R session of the account.

The page asks for its session with `client_init`, and repeats the token that RStudio has set in a cookie.
https://github.com/rstudio/rstudio/blob/main/src/cpp/core/http/CSRFToken.cpp
"""

import contextlib
import json
import os
import pwd
import signal
import time
from collections.abc import Iterator
from pathlib import Path

from .browser import Browser
from .results import Result

# The port of the service that its package installs; the hub needs none.
PORT = 8787
LOOPBACK = ("0100007F", "0" * 24 + "01000000", "0" * 16 + "FFFF00000100007F")
LISTENING = "0A"
# Longer than the configuration of the hub gives RStudio to start.
OPEN_SECONDS = 45.0
SESSION, TOKEN = "rsession", "rs-csrf-token"
CLIENT_INIT = {"method": "client_init", "params": [], "clientId": "", "clientVersion": ""}


def open_r_session(browser: Browser, name: str) -> None:
    """Open RStudio in the server of an account; raises Result if it starts no R session, or can be reached past the hub."""
    if any(map(is_open_to_others, tables())):
        raise Result(f"failed RStudio listens on port {PORT}, past the login of the hub")
    base = f"/user/{name}/rstudio/"
    status, _, _ = browser.send("GET", base, None, {}, OPEN_SECONDS)
    if status != 200:
        raise Result(f"failed the login worked, but RStudio does not start: {status}")
    headers = {"Content-Type": "application/json", "X-RS-CSRF-Token": browser.token("", TOKEN)}
    status, _, _ = browser.send("POST", f"{base}rpc/client_init", json.dumps(CLIENT_INIT).encode(), headers, OPEN_SECONDS)
    if status != 200 or not stays(name):
        raise Result(f"failed RStudio started, but no R session: {status}")


def stays(name: str) -> bool:
    """Whether an R session of an account runs, and still runs a second later."""
    before = {pid for pid, word in processes_of(name) if word == SESSION}
    time.sleep(1)
    return any(pid in before for pid, _ in processes_of(name))


def tables() -> Iterator[str]:
    """The TCP sockets of this machine, as the kernel lists them."""
    for name in ("tcp", "tcp6"):
        with contextlib.suppress(FileNotFoundError):
            yield Path(f"/proc/net/{name}").read_text()


def is_open_to_others(table: str) -> bool:
    """Whether a list of sockets has one that others than this machine can reach at RStudio's own port."""
    rows = (line.split() for line in table.splitlines()[1:])
    places = (row[1].split(":") for row in rows if row[3] == LISTENING)
    return any(int(port, 16) == PORT and address not in LOOPBACK for address, port in places)


def processes_of(name: str) -> Iterator[tuple[int, str]]:
    """The processes of an account, with their names; one that has ended and is not waited for is none."""
    number = str(pwd.getpwnam(name).pw_uid)
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            lines = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines() if ":" in line)
            if lines["Uid"].split()[0] == number and "Z" not in lines["State"].split()[0]:
                yield int(folder.name), lines["Name"].strip()


def end_processes_of(name: str) -> None:
    """End what the account of the check has left: an R session outlives the server that has started it."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline and (left := [pid for pid, _ in processes_of(name)]):
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.1)
