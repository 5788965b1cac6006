"""The check of the login: it uses the hub as people do.

It logs in as an account of its own, which has a password only for that time: no password of people is needed, and none is
guessed.
"""

import asyncio
import contextlib
import json
import secrets
import subprocess
import time
import urllib.parse
import uuid
from typing import Any

from .browser import Browser
from .certificate import certificate_of
from .results import Result, unanswered
from .rstudio import end_processes_of, open_r_session

START_TIMEOUT, KERNEL_TIMEOUT = 60.0, 60.0
WORD = "dormouse-cell"
CELL = f"""
import shutil, subprocess
command = ["nvidia-smi", "-L"] if shutil.which("nvidia-smi") else ["true"]
found = subprocess.run(command, capture_output=True, text=True).stdout
print("{WORD}", sum(line.startswith("GPU ") for line in found.splitlines()))
"""


def check_login(hub: Any) -> None:
    """Log in through PAM and TLS, start a server, run a cell in a kernel, and open RStudio if it is installed."""
    if not hub["users"]:
        raise Result("failed no user is allowed to log in")
    browser, name = Browser(f"https://127.0.0.1:{hub['port']}", certificate_of(hub)), hub["check_account"]
    if (status := browser.ask("GET", "/hub/health")[0]) != 200:
        raise unanswered(hub, f"the hub answers {status}")
    secret = secrets.token_urlsafe(24)
    subprocess.run(["chpasswd"], input=f"{name}:{secret}", text=True, capture_output=True, check=True)
    try:
        log_in(browser, name, secret)
        subprocess.run(["passwd", "--lock", name], capture_output=True, check=True)
        seen = asyncio.run(asyncio.wait_for(run_cell(browser, f"/user/{name}/"), KERNEL_TIMEOUT))
        if hub["rstudio"]:
            open_r_session(browser, name)
    finally:
        subprocess.run(["passwd", "--lock", name], capture_output=True, check=False)
        with contextlib.suppress(OSError):
            browser.ask("DELETE", f"/hub/api/users/{name}/server", under="/hub/")
        if hub["rstudio"]:
            end_processes_of(name)
    raise judged(seen, gpus_here(), rstudio=hub["rstudio"])


def judged(seen: int, there: int, *, rstudio: bool = False) -> Result:
    """The result for a kernel that sees so many of the GPUs of the machine, and for an R session that was opened."""
    if seen < there:
        return Result(f"failed no GPU in notebooks: {seen} of {there} GPUs are visible in a kernel")
    sees = f" and sees {seen} GPU{'s' if seen > 1 else ''}" if there else ""
    opens = "; RStudio opens an R session" if rstudio else ""
    return Result(f"passed a login started a server; its kernel runs cells{sees}{opens}")


def log_in(browser: Browser, name: str, secret: str) -> None:
    """Log in and wait for the server."""
    browser.ask("GET", "/hub/login")
    form = {"username": name, "password": secret, "_xsrf": browser.token("/hub/")}
    if browser.ask("POST", "/hub/login?next=%2Fhub%2Fspawn", form)[0] == 403:
        raise Result("failed the hub refuses a correct password: is the account allowed, and may the hub ask PAM?")
    status, deadline = 0, time.monotonic() + START_TIMEOUT
    while time.monotonic() < deadline:
        status, where, _ = browser.ask("GET", f"/user/{name}/lab")
        if status == 200 and urllib.parse.urlsplit(where).path == f"/user/{name}/lab":
            return
        time.sleep(0.3)
    raise Result(f"failed the login worked, but no server has started: {status}")


async def run_cell(browser: Browser, base: str) -> int:
    """Run a cell in a new kernel; returns the number of GPUs that it sees."""
    from tornado.httpclient import HTTPRequest
    from tornado.websocket import websocket_connect

    status, _, text = browser.ask("POST", f"{base}api/kernels", {}, under=base)
    if status != 201:
        raise Result(f"failed the server started, but no kernel: {status}")
    path = f"{base}api/kernels/{json.loads(text)['id']}/channels"
    url = browser.base.replace("https:", "wss:", 1) + path
    socket_ = await websocket_connect(
        HTTPRequest(url, headers={"Cookie": browser.cookies_for(path)}, ssl_options=browser.context)
    )
    await socket_.write_message(json.dumps(execution_of(CELL)))
    while True:
        message = await socket_.read_message()
        if message is None:
            raise Result("failed the connection to the kernel was closed")
        content = json.loads(message)
        said = content["content"].get("text", "") if content["msg_type"] == "stream" else ""
        if said.startswith(WORD):
            socket_.close()
            return int(said.split()[1])
        if content["msg_type"] == "error":
            raise Result(f"failed the kernel cannot run a cell: {content['content'].get('ename')}")


def execution_of(code: str) -> dict[str, Any]:
    """The message that asks a kernel to run code. https://jupyter-client.readthedocs.io/en/stable/messaging.html"""
    one = uuid.uuid4().hex
    header = {"msg_id": one, "session": one, "msg_type": "execute_request", "username": "", "version": "5.3"}
    content = {"code": code, "silent": False, "store_history": False, "allow_stdin": False}
    return {"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell", "buffers": []}


def gpus_here() -> int:
    """The number of GPUs of this machine."""
    try:
        shown = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=False).stdout
    except OSError:
        return 0
    return sum(line.startswith("GPU ") for line in shown.splitlines())
