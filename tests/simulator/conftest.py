import contextlib
import os
import shutil
import ssl
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import httpx
import jwt
import pytest
import trustme
from azure.core.credentials import AccessToken
from azure.core.pipeline.transport import AioHttpTransport
from azure.data.tables.aio import TableServiceClient

from local.azure.server import BLOBS, IDENTITY, TABLES
from local.hostnames import resolve_localhost_names
from local.sandbox import Ground, free_port, temporary_ground
from tests.conftest import unchecked
from tests.support import ROOT

AZURITE = ROOT / ".azurite" / "node_modules" / ".bin" / "azurite"
AUDIENCE = "https://storage.azure.com"
ACCOUNT = "records"
VERSIONS = {"tables": "2019-02-02", "blobs": "2021-12-02"}


@dataclass
class Storage:
    """Table Storage and Blob Storage behind one interface, simulated or real."""

    name: str
    client: httpx.Client
    roots: dict[str, str]
    authority: Path
    token: str
    hosts: dict[str, str] = field(default_factory=dict)

    def ask(self, service: str, method: str, path: str, **more: Any) -> httpx.Response:
        accept = {"Accept": "application/json;odata=minimalmetadata"} if service == "tables" else {}
        host = {"Host": self.hosts[service]} if self.hosts else {}
        headers = {"x-ms-version": VERSIONS[service], **accept, **host, **more.pop("headers", {})}
        return self.client.request(method, self.roots[service] + path, headers=headers, **more)

    def table(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        return (
            self.ask("tables", method, path, json=body, headers=headers)
            if body is not None
            else self.ask("tables", method, path, headers=headers)
        )

    def blob(self, method: str, path: str, content: bytes = b"", **headers: str) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.ask("blobs", method, path, content=content, headers=named)

    @contextlib.asynccontextmanager
    async def service(self) -> AsyncIterator[TableServiceClient]:
        """The tables as the app reaches them: through the SDK, without retries."""
        address = f"https://{self.hosts['tables']}" if self.hosts else self.roots["tables"]
        connector = aiohttp.TCPConnector(ssl=ssl.create_default_context(cafile=self.authority))
        async with aiohttp.ClientSession(connector=connector, auto_decompress=False) as session:
            transport: Any = AioHttpTransport(session=session, session_owner=False)
            credential: Any = _Bearer(self.token)
            async with TableServiceClient(address, credential=credential, transport=transport, retry_total=0) as service:
                yield service


@dataclass(frozen=True, slots=True)
class _Bearer:
    """A credential with a fixed token."""

    token: str

    async def get_token(self, *scopes: str, **more: Any) -> AccessToken:
        return AccessToken(self.token, int(time.time()) + 3600)


@pytest.fixture(scope="session")
def simulated_storage() -> Iterator[Storage]:
    with temporary_ground(speed=1.0) as ground, _client(ground) as client:
        header = ground.app_environment["IDENTITY_HEADER"]
        answer = client.get(
            f"https://127.0.0.1:{ground.azure_port}/msi/token",
            params={"resource": AUDIENCE},
            headers={"Host": f"{IDENTITY}:{ground.azure_port}", "X-IDENTITY-HEADER": header},
        )
        token = answer.raise_for_status().json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        resolve_localhost_names()
        root = f"https://127.0.0.1:{ground.azure_port}"
        hosts = {"tables": f"{TABLES}:{ground.azure_port}", "blobs": f"{BLOBS}:{ground.azure_port}"}
        roots = {"tables": root, "blobs": root}
        yield Storage("simulated", client, roots, ground.home / "azure" / "ca.pem", token, hosts)


@contextlib.contextmanager
def _client(ground: Ground) -> Iterator[httpx.Client]:
    trust = ssl.create_default_context(cafile=str(ground.home / "azure" / "ca.pem"))
    trust.check_hostname = False
    with httpx.Client(verify=trust, trust_env=False, timeout=30) as client:
        yield client


@pytest.fixture(scope="session")
def azurite_storage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Storage]:
    """Microsoft's own emulator, over HTTPS because it accepts tokens only over HTTPS."""
    if shutil.which("node") is None or not AZURITE.exists():
        unchecked("Azurite", "that the simulated tables and blobs answer as Azurite does (it needs Node.js and npm)")
    home, ports = tmp_path_factory.mktemp("azurite"), {"tables": free_port(), "blobs": free_port(), "queues": free_port()}
    authority = trustme.CA()
    (home / "ca.pem").write_bytes(authority.cert_pem.bytes())
    identity = authority.issue_cert("127.0.0.1")
    identity.private_key_pem.write_to_path(home / "key.pem")
    (home / "cert.pem").write_bytes(b"".join(part.bytes() for part in identity.cert_chain_pems))
    command = [str(AZURITE), "--inMemoryPersistence", "--skipApiVersionCheck", "--disableTelemetry", "--silent"]
    command += ["--oauth", "basic", "--cert", str(home / "cert.pem"), "--key", str(home / "key.pem")]
    for service, flag in (("tables", "table"), ("blobs", "blob"), ("queues", "queue")):
        command += [f"--{flag}Host", "127.0.0.1", f"--{flag}Port", str(ports[service])]
    with (home / "log").open("wb") as log:
        settings = {"PATH": os.environ["PATH"], "AZURITE_ACCOUNTS": f"{ACCOUNT}:{'a2V5' * 8}"}
        running = subprocess.Popen(command, cwd=home, env=settings, stdout=log, stderr=subprocess.STDOUT)
    try:
        _wait_until(home / "log", running)
        now = int(time.time())
        claims = {"iss": "https://sts.windows.net/0/", "aud": AUDIENCE, "iat": now, "nbf": now - 60, "exp": now + 3600}
        token = jwt.encode(claims, "x" * 32, algorithm="HS256")  # Azurite does not verify signatures
        trust = ssl.create_default_context(cafile=str(home / "ca.pem"))
        with httpx.Client(verify=trust, trust_env=False, timeout=30, headers={"Authorization": f"Bearer {token}"}) as client:
            roots = {service: f"https://127.0.0.1:{port}/{ACCOUNT}" for service, port in ports.items()}
            yield Storage("azurite", client, roots, home / "ca.pem", token)
    finally:
        running.terminate()
        running.wait()


def _wait_until(log: Path, running: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 30
    while log.read_text().count("successfully listen") < 3:
        if running.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"Azurite does not start: {log.read_text()}")
        time.sleep(0.05)


@pytest.fixture(params=["simulated", "azurite"])
def storage(request: pytest.FixtureRequest) -> Storage:
    """The simulated services, and then Microsoft's emulator: each test must pass with both."""
    chosen: Storage = request.getfixturevalue(f"{request.param}_storage")
    return chosen
