"""The durable management interface: start, status, events, terminate, purge; with a key from outside, without from inside.

Shapes: Azure/azure-functions-durable-extension, HttpApiHandler.cs.
"""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from aiohttp import web

from local.clock import moment
from local.host.engine import Engine
from local.host.store import Instance, Store

POLL_AGAIN_IN = "10"
OPERATIONS = {
    "statusQueryGetUri": "",
    "sendEventPostUri": "/raiseEvent/{eventName}",
    "terminatePostUri": "/terminate",
    "purgeHistoryDeleteUri": "",
}


class Management:
    """The management interface over one engine."""

    def __init__(self, engine: Engine, store: Store, hub: str, outside: Callable[[], str], key: str) -> None:
        """`outside` says where the interface is reached from outside, `key` is what it takes to enter there."""
        self._engine, self._store, self._hub, self._outside, self._key = engine, store, hub, outside, key

    def client_binding(self, inside: str) -> str:
        """What a function gets for its durable client: JSON that says where the interface is."""
        start = f"{self._outside()}/orchestrators/{{functionName}}"
        return json.dumps(
            {
                "taskHubName": self._hub,
                "creationUrls": {
                    "createNewInstancePostUri": f"{start}[/{{instanceId}}]?{self._query}",
                    "createAndWaitOnNewInstancePostUri": f"{start}?{self._query}",
                },
                "managementUrls": self._links("INSTANCEID"),
                "baseUrl": self._outside(),
                "requiredQueryStringParameters": f"code={self._key}",
                "rpcBaseUrl": inside,
            }
        )

    async def handle(self, request: web.Request) -> web.Response:
        """Answer one request; the path below the interface's root is in `tail`."""
        parts = [part for part in request.match_info["tail"].split("/") if part]
        match (request.method, parts):
            case ("POST", ["orchestrators", name]):
                return await self._start(request, name, None)
            case ("POST", ["orchestrators", name, identifier]):
                return await self._start(request, name, identifier)
            case ("GET", ["instances"]):
                return self._list(request)
            case ("GET", ["instances", identifier]):
                return self._status(request, identifier)
            case ("DELETE", ["instances"]):
                return self._purge_many(request)
            case ("DELETE", ["instances", identifier]):
                return self._purge(identifier)
            case ("POST", ["instances", identifier, "raiseEvent", name]):
                return await self._raise(request, identifier, name)
            case ("POST", ["instances", identifier, "terminate"]):
                reason = request.query.get("reason", "")
                return self._tell(identifier, lambda: self._engine.terminate(identifier, reason))
        return web.Response(status=404)

    async def _start(self, request: web.Request, name: str, identifier: str | None) -> web.Response:
        text = await request.text()
        try:
            if text:
                json.loads(text)
            started = self._engine.start(name, identifier, text or None)
        except KeyError as error:
            return _error(409, str(error.args[0]))
        except ValueError as error:
            return _error(400, str(error))
        links = self._links(started)
        headers = {"Location": links["statusQueryGetUri"], "Retry-After": POLL_AGAIN_IN}
        return web.json_response(links, status=202, headers=headers)

    async def _raise(self, request: web.Request, identifier: str, name: str) -> web.Response:
        text = await request.text() or "null"
        if request.content_type != "application/json":
            return _error(400, "Only application/json request content is supported")
        try:
            json.loads(text)
        except ValueError:
            return _error(400, "Invalid JSON content")
        return self._tell(identifier, lambda: self._engine.raise_event(identifier, name, text))

    def _status(self, request: web.Request, identifier: str) -> web.Response:
        instance = self._store.instance(identifier)
        if instance is None:
            return web.Response(status=404)
        status = 200 if instance.ended else 202
        shown = self._picture(instance, request)
        if _flag(request, "showHistory"):
            shown["historyEvents"] = self._store.history(identifier)
        headers = {} if instance.ended else {"Location": str(request.url), "Retry-After": "5"}
        return web.json_response(shown, status=status, headers=headers)

    def _list(self, request: web.Request) -> web.Response:
        found = [self._picture(instance, request) for instance in self._selected(request)]
        return web.json_response(found, headers={"x-ms-continuation-token": ""})

    def _selected(self, request: web.Request) -> list[Instance]:
        query = request.query
        wanted = {status for status in query.get("runtimeStatus", "").split(",") if status}
        first, last = query.get("createdTimeFrom", ""), query.get("createdTimeTo", "")
        prefix = query.get("instanceIdPrefix", "")
        return [
            instance
            for instance in self._store.instances()
            if instance.id.startswith(prefix)
            and (not wanted or instance.status in wanted)
            and (not first or moment(instance.created) >= moment(first))
            and (not last or moment(instance.created) <= moment(last))
        ]

    def _purge(self, identifier: str) -> web.Response:
        instance = self._store.instance(identifier)
        if instance is None:
            return web.Response(status=404)
        if not instance.ended:
            return web.json_response({"instancesDeleted": 0})
        with self._store.transaction():
            self._store.purge(identifier)
        return web.json_response({"instancesDeleted": 1})

    def _purge_many(self, request: web.Request) -> web.Response:
        if "createdTimeFrom" not in request.query:
            return _error(400, "Please provide value for 'createdTimeFrom' parameter.")
        over = [instance for instance in self._selected(request) if instance.ended]
        with self._store.transaction():
            for instance in over:
                self._store.purge(instance.id)
        return web.json_response({"instancesDeleted": len(over)}, status=200 if over else 404)

    def _tell(self, identifier: str, tell: Callable[[], None]) -> web.Response:
        instance = self._store.instance(identifier)
        if instance is None:
            return web.Response(status=404)
        if instance.ended:
            return web.Response(status=410)
        tell()
        return web.Response(status=202)

    def _picture(self, instance: Instance, request: web.Request) -> dict[str, Any]:
        return {
            "name": instance.name,
            "instanceId": instance.id,
            "runtimeStatus": instance.status,
            "input": _parsed(instance.input) if _flag(request, "showInput", default=True) else None,
            "customStatus": _parsed(instance.custom_status),
            "output": _parsed(instance.output),
            "createdTime": _seconds(instance.created),
            "lastUpdatedTime": _seconds(instance.updated),
        }

    def _links(self, identifier: str) -> dict[str, str]:
        base = f"{self._outside()}/instances/{quote(identifier, safe='')}"
        links = {name: f"{base}{path}?{self._query}" for name, path in OPERATIONS.items()}
        return {"id": identifier, **links}

    @property
    def _query(self) -> str:
        return f"taskHub={self._hub}&connection=Storage&code={self._key}"


def _flag(request: web.Request, name: str, *, default: bool = False) -> bool:
    return request.query.get(name, str(default)).lower() == "true"


def _parsed(text: str | None) -> Any:
    if text is None:
        return None
    try:
        return json.loads(text)
    except ValueError:
        return text


def _seconds(text: str) -> str:
    return text.partition(".")[0] + "Z"


def _error(status: int, message: str) -> web.Response:
    summary = "One or more of the arguments submitted is incorrect" if status == 400 else "Conflict"
    body = {"Message": summary, "ExceptionMessage": message, "ExceptionType": "System.ArgumentException", "StackTrace": ""}
    return web.json_response(body, status=status)
