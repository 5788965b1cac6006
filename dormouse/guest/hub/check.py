"""The check of JupyterHub on its machine: `certificate` looks at what is served, `login` uses the hub as people do.

It prints one line: `passed`, `waiting` or `failed`, and the reason. `login` logs in as an account of its own, which has a
password only for that time: no password of people is needed, and none is guessed.
"""

import asyncio
import contextlib
import hashlib
import http.cookiejar
import json
import os
import re
import secrets
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from pathlib import Path
from typing import Any

SETTINGS = os.environ.get("DORMOUSE_HUB", "/etc/jupyterhub/hub.json")
PROGRAMS = os.environ.get("DORMOUSE_SBIN", "/usr/local/sbin")
# Until then a hub that does not answer is starting.
STARTING_SECONDS = 120
TIMEOUT, START_TIMEOUT, KERNEL_TIMEOUT = 15.0, 60.0, 60.0
WORD = "dormouse-cell"
CELL = f"""
import shutil, subprocess
command = ["nvidia-smi", "-L"] if shutil.which("nvidia-smi") else ["true"]
found = subprocess.run(command, capture_output=True, text=True).stdout
print("{WORD}", sum(line.startswith("GPU ") for line in found.splitlines()))
"""


class Result(Exception):
    """The result of the check, which ends it."""


class Browser:
    """A client with cookies that trusts the certificate which the hub serves, and no other."""

    def __init__(self, base: str, certificate: str) -> None:
        """Talk to the hub at this URL."""
        self.base, self.jar = base, http.cookiejar.CookieJar()
        self.context = ssl.create_default_context(cadata=certificate)
        self.context.check_hostname = False  # the check asks on the loopback address
        self.context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        handlers = (urllib.request.HTTPSHandler(context=self.context), urllib.request.HTTPCookieProcessor(self.jar))
        self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), *handlers)

    def ask(self, method: str, path: str, form: "dict[str, str] | None" = None, under: str = "") -> tuple[int, str, str]:
        """The status, final URL and text of an answer; `under` is the path of the cookie against forged requests."""
        data = urllib.parse.urlencode(form).encode() if form is not None else None
        request = urllib.request.Request(self.base + path, data, method=method)
        if under:
            request.add_header("X-XSRFToken", self.token(under))
        try:
            with self.opener.open(request, timeout=TIMEOUT) as answer:
                return answer.status, answer.url, answer.read().decode(errors="replace")
        except urllib.error.HTTPError as error:
            return error.code, error.url or "", error.read().decode(errors="replace")

    def token(self, path: str) -> str:
        """The token against forged requests to this path."""
        return next((cookie.value or "" for cookie in self.jar if cookie.name == "_xsrf" and cookie.path == path), "")

    def cookies_for(self, path: str) -> str:
        """The header with the cookies for a path."""
        request = urllib.request.Request(self.base + path)
        self.jar.add_cookie_header(request)
        return str(request.get_header("Cookie") or "")


def main() -> int:
    """Make one check and print its result."""
    hub = json.loads(Path(SETTINGS).read_text())
    try:
        check_certificate(hub) if sys.argv[1] == "certificate" else check_login(hub)
    except Result as result:
        print(result)
    except (OSError, ValueError, KeyError, subprocess.SubprocessError, asyncio.TimeoutError) as error:
        print(f"waiting the check could not be made: {type(error).__name__}: {error}"[:180])
    return 0


def check_certificate(hub: Any) -> None:
    """Is a certificate served that is valid, that is the one in place, and that is for the public address?"""
    served = ssl.PEM_cert_to_DER_cert(certificate_of(hub))
    fingerprint = hashlib.sha256(served).hexdigest().upper()
    place = Path(hub["tls"]) / "certificate.pem"
    kept = re.search("-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", place.read_text(), re.DOTALL)
    if not kept or ssl.PEM_cert_to_DER_cert(kept[0]) != served:
        raise Result("waiting the hub serves an older certificate than the one in place; it needs a restart")
    shown = x509(place, "-enddate", "-checkend", "0")
    if shown.returncode:
        raise Result("failed the certificate has expired")
    ends = time.strftime("%Y-%m-%d", time.gmtime(ssl.cert_time_to_seconds(shown.stdout.splitlines()[0].partition("=")[2])))
    if hub["certificate"]:
        names = names_in(place)
        raise Result(f"passed certificate from Key Vault for {names}, valid until {ends}, SHA-256 {fingerprint}")
    addresses = public_addresses()
    if not addresses:
        raise Result("waiting the metadata service does not name the public address that the certificate must be for")
    missing = [address for address in addresses if not is_for(place, address)]
    if missing:
        raise Result(f"failed the certificate is not for this address: {', '.join(missing)}")
    raise Result(f"passed self-signed certificate (browsers warn), valid until {ends}, SHA-256 {fingerprint}")


def public_addresses() -> list[str]:
    """The public addresses as the program for the certificate reads them."""
    done = subprocess.run(
        [f"{PROGRAMS}/dormouse-hub-certificate", "--addresses"], capture_output=True, text=True, check=True
    )
    return done.stdout.split()


def names_in(certificate: Path) -> str:
    """The first names that a certificate is for."""
    return ", ".join(re.findall(r"(?:DNS|IP Address):([^,\s]+)", x509(certificate, "-ext", "subjectAltName").stdout)[:2])


def is_for(certificate: Path, address: str) -> bool:
    """Whether a certificate is for an IP address."""
    return "does match" in x509(certificate, "-checkip", address).stdout


def x509(certificate: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    """What openssl says of a certificate."""
    command = ["openssl", "x509", "-noout", *words, "-in", str(certificate)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def certificate_of(hub: Any) -> str:
    """The certificate that is served."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with socket.create_connection(("127.0.0.1", hub["port"]), TIMEOUT) as plain, context.wrap_socket(plain) as safe:
            return ssl.DER_cert_to_PEM_cert(safe.getpeercert(binary_form=True) or b"")
    except OSError as error:
        raise unanswered(hub, f"nothing answers on port {hub['port']}: {error}") from None


def unanswered(hub: Any, words: str) -> Result:
    """The result of a hub that does not answer: it is starting, or it is broken."""
    if hub["certificate"] and not (Path(hub["tls"]) / "certificate.pem").exists():
        return Result("waiting the certificate cannot be read from Key Vault yet; see journalctl -u jupyterhub")
    boot = time.time() - float(Path("/proc/uptime").read_text().split()[0])
    mark = Path(hub["ready"])
    ready = mark.stat().st_mtime if mark.exists() else time.time()
    young = time.time() - max(boot, ready) < STARTING_SECONDS
    return Result(f"waiting the hub is starting: {words}" if young else f"failed {words}; see journalctl -u jupyterhub")


def check_login(hub: Any) -> None:
    """Log in through PAM and TLS, start a server, and run a cell in a kernel."""
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
    finally:
        subprocess.run(["passwd", "--lock", name], capture_output=True, check=False)
        with contextlib.suppress(OSError):
            browser.ask("DELETE", f"/hub/api/users/{name}/server", under="/hub/")
    raise judged(seen, gpus_here())


def judged(seen: int, there: int) -> Result:
    """The result for a kernel that sees so many of the GPUs of the machine."""
    if seen < there:
        return Result(f"failed no GPU in notebooks: {seen} of {there} GPUs are visible in a kernel")
    sees = f" and sees {seen} GPU{'s' if seen > 1 else ''}" if there else ""
    return Result(f"passed a login started a server; its kernel runs cells{sees}")


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


if __name__ == "__main__":
    raise SystemExit(main())
