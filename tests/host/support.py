"""Runs a host with a small app of its own, for tests."""

import contextlib
import json
import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from local.plain_http import NO_TLS
from local.processes import Process

APP = Path(__file__).parent / "app"
OVER = ("Completed", "Failed", "Terminated")


@dataclass
class Host:
    process: Process
    port: int
    home: Path

    @property
    def keys(self) -> dict[str, str]:
        keys: dict[str, str] = json.loads((self.home / "keys.json").read_text())
        return keys

    @property
    def calls(self) -> list[str]:
        path = self.home / "calls"
        return path.read_text().splitlines() if path.exists() else []

    def ask(self, method: str, path: str, *, key: str | None = "function", **more: Any) -> httpx.Response:
        headers = {"x-functions-key": self.keys[key]} | more.pop("headers", {}) if key else more.pop("headers", None)
        return httpx.request(
            method, f"http://127.0.0.1:{self.port}{path}", headers=headers, trust_env=False, verify=NO_TLS, **more
        )

    def rows(self, table: str) -> list[Any]:
        """The rows of a table in the host's state."""
        with contextlib.closing(sqlite3.connect(f"file:{self.home / 'host.sqlite'}?mode=ro", uri=True)) as memory:
            return memory.execute(f"SELECT * FROM {table}").fetchall()

    def change(self, statement: str) -> None:
        """Change the state of a host that is not running."""
        with contextlib.closing(sqlite3.connect(self.home / "host.sqlite")) as memory:
            memory.execute(statement)
            memory.commit()

    def start(self, name: str, given: Any = None, identifier: str = "") -> str:
        answer = self.ask("POST", f"/api/start/{name}/{identifier}".rstrip("/"), json=given)
        assert answer.status_code == 200, answer.text
        return answer.text

    def status(self, identifier: str) -> dict[str, Any]:
        content: dict[str, Any] = self.ask("GET", f"/api/status/{identifier}").json()
        return content

    def until(self, identifier: str, *states: str) -> dict[str, Any]:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            status = self.status(identifier)
            if status["runtimeStatus"] in states:
                return status
            time.sleep(0.01)
        raise AssertionError(f"{identifier} is {self.status(identifier)}")

    def result(self, name: str, given: Any = None) -> Any:
        status = self.until(self.start(name, given), *OVER)
        assert status["runtimeStatus"] == "Completed", status
        return status["output"]

    def manage(self, method: str, path: str, **more: Any) -> httpx.Response:
        """Send a request to the management API, with its key."""
        return self.ask(method, f"/runtime/webhooks/durabletask/{path}", key="durable", **more)
