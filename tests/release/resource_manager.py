"""A small Resource Manager for what the simulated Azure does not model: deployments, apps, and roles that were defined.

Its answers follow documentation and have been compared with no recording, except those of role definitions and role
assignments, whose shape is that of recorded traffic. Whatever else is asked is answered with 501.
https://learn.microsoft.com/rest/api/resources/deployments/get-at-subscription-scope,
https://learn.microsoft.com/rest/api/appservice/web-apps (list-functions, list-host-keys, sync-function-triggers).
"""

import contextlib
import json
import re
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from release.permissions import BUILT_IN, ROLES, custom_role
from tests.support import ROOT as REPOSITORY

INFRA = REPOSITORY / "infra"
SUBSCRIPTION = "0d0e5e00-0000-4000-8000-000000000001"
ROOT = f"/subscriptions/{SUBSCRIPTION}"
PRINCIPAL = "0d0e5e00-0000-4000-8000-0000000000aa"
GROUP, APP = "dormouse-control-int", "dm-abc-int"
STORAGE = f"{ROOT}/resourceGroups/{GROUP}/providers/Microsoft.Storage/storageAccounts/dmabc"
TOKEN = "the-token-that-must-not-be-shown"
FILTER = re.compile(r"principalId eq '([0-9a-f-]{36})'")
DEFINITIONS = "providers/Microsoft.Authorization/roleDefinitions"


def condition(ids: Sequence[str] = ROLES["assignable"]) -> str:
    """The condition on assigning roles as `infra/` writes it, for these roles."""
    return (INFRA / "assignment-condition.txt").read_text().replace("<assignable>", ", ".join(ids))


def definition(name: str, kind: str, actions: list[str], scope: str = ROOT) -> dict[str, Any]:
    """A role definition; recorded: "GET /{roleDefinitionId}"."""
    permission = {"actions": list(actions), "notActions": [], "dataActions": [], "notDataActions": []}
    return {"roleName": name, "type": kind, "description": "", "assignableScopes": [scope], "permissions": [permission]}


@dataclass
class ResourceManager:
    """The state that tests change: functions, roles, and what was asked."""

    url: str = ""
    api: str = ""
    key: str = ""
    state: str = "Succeeded"
    functions: list[str] = field(default_factory=list)
    disabled: set[str] = field(default_factory=set)
    page: int = 7
    definitions: dict[str, dict[str, Any]] = field(default_factory=dict)
    assignments: list[dict[str, Any]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def define(self, name: str, identifier: str, actions: list[str], kind: str = "CustomRole") -> None:
        self.definitions[f"{ROOT}/{DEFINITIONS}/{identifier}"] = definition(name, kind, actions)

    def assign(self, identifier: str, scope: str = ROOT, **more: Any) -> None:
        given = {"roleDefinitionId": f"{ROOT}/{DEFINITIONS}/{identifier}", "principalId": PRINCIPAL, "scope": scope}
        self.assignments.append({**given, "principalType": "ServicePrincipal", "condition": None, **more})

    def as_deployed(self) -> None:
        """The roles that infra/ gives to the app of the stage int."""
        for name in ("Reader", "Monitoring Reader"):
            self.define(name, BUILT_IN[name], ["*/read"], "BuiltInRole")
            self.assign(BUILT_IN[name])
        self.define("Storage Blob Data Owner", BUILT_IN["Storage Blob Data Owner"], [], "BuiltInRole")
        self.assign(BUILT_IN["Storage Blob Data Owner"], STORAGE)
        self.define(custom_role("sweep", "int", SUBSCRIPTION), "sweep", ROLES["sweep"])
        self.assign("sweep")
        self.define(custom_role("provision", "int", SUBSCRIPTION), "provision", ROLES["provision"])
        self.assign("provision", condition=condition(), conditionVersion="2.0")

    def answer(self, method: str, target: str) -> tuple[int, Any]:
        parts = urlsplit(target)
        path, query = parts.path, {name: values[0] for name, values in parse_qs(parts.query).items()}
        self.asked.append(f"{method} {path}")
        site = f"{ROOT}/resourceGroups/{GROUP}/providers/Microsoft.Web/sites/{APP}"
        match method, path.removeprefix(site):
            case "GET", "/functions":
                return 200, self._functions(query, path)
            case "POST", "/host/default/listKeys":
                return 200, {"masterKey": "never", "functionKeys": {"default": self.key}, "systemKeys": {}}
            case "POST", "/syncfunctiontriggers":
                return 204, None
        if (method, path) == ("GET", f"{ROOT}/providers/Microsoft.Authorization/roleAssignments"):
            return self._assigned(query)
        if method == "GET" and path in self.definitions:
            return 200, {"properties": self.definitions[path], "id": path, "name": path.rpartition("/")[2]}
        deployment = re.fullmatch(rf"{ROOT}/providers/Microsoft.Resources/deployments/dormouse-(\w+)", path)
        if method == "GET" and deployment:
            return self._deployment(deployment[1])
        return 501, {"error": {"code": "NotSimulated", "message": f"{method} {path}"}}

    def _deployment(self, stage: str) -> tuple[int, Any]:
        if stage != "int":
            return 404, {
                "error": {"code": "DeploymentNotFound", "message": f"Deployment 'dormouse-{stage}' could not be found."}
            }
        outputs = {
            "url": self.api,
            "appName": APP,
            "groupName": GROUP,
            "deploymentId": "int",
            "principalId": PRINCIPAL,
            "roles": ["sweep", "provision"],
        }
        values = {
            name: {"type": "Array" if name == "roles" else "String", "value": value} for name, value in outputs.items()
        }
        return 200, {"name": f"dormouse-{stage}", "properties": {"provisioningState": self.state, "outputs": values}}

    def _functions(self, query: dict[str, str], path: str) -> Any:
        first = int(query.get("$skiptoken", "0"))
        shown = self.functions[first : first + self.page]
        page: dict[str, Any] = {
            "value": [
                {"name": f"{APP}/{one}", "properties": {"name": one, "isDisabled": one in self.disabled}} for one in shown
            ]
        }
        if first + self.page < len(self.functions):
            page["nextLink"] = f"{self.url}{path}?api-version={query['api-version']}&$skiptoken={first + self.page}"
        return page

    def _assigned(self, query: dict[str, str]) -> tuple[int, Any]:
        asked = FILTER.fullmatch(query.get("$filter", ""))
        if asked is None:
            return 501, {"error": {"code": "NotSimulated", "message": "another filter"}}
        return 200, {"value": [{"properties": one} for one in self.assignments if one["principalId"] == asked[1]]}


@contextlib.contextmanager
def served(manager: ResourceManager) -> Iterator[ResourceManager]:
    """The manager behind an address of this computer."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _handle(self) -> None:
            status: int
            body: Any
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if self.headers.get("Authorization") != f"Bearer {TOKEN}":
                status, body = (
                    401,
                    {"error": {"code": "InvalidAuthenticationToken", "message": "The access token is invalid."}},
                )
            elif "api-version" not in self.path:
                status, body = 400, {"error": {"code": "MissingApiVersionParameter", "message": ""}}
            else:
                status, body = manager.answer(self.command, self.path)
            content = b"" if body is None else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_DELETE = _handle  # noqa: N815 - the library's names

        def log_message(self, format: str, *args: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    manager.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield manager
    finally:
        server.shutdown()
        server.server_close()
