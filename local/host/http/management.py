"""The durable management API: requires a key from outside, none from inside.

Shapes: Azure/azure-functions-durable-extension, HttpApiHandler.cs. `management_urls.py` has its URLs, `queries.py` the
parameters of lists, `history.py` the form of a history.
"""

import asyncio
import json
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from aiohttp import web

from local.host.durable import history
from local.host.durable.engine import Engine
from local.host.durable.entities import entity_id, name_and_key
from local.host.durable.rows import Instance
from local.host.durable.store import Store
from local.host.http.management_urls import Links
from local.host.http.problems import problem
from local.host.http.queries import BadQuery, flag, page, query_of, seconds_of

POLL_AGAIN_IN, ASK_AGAIN_IN = "10", "5"
TOKEN = "x-ms-continuation-token"  # noqa: S105 - the name of a header


class Management:
    """The management API over one engine."""

    def __init__(self, engine: Engine, store: Store, links: Links) -> None:
        self._engine, self._store, self._links = engine, store, links

    async def handle(self, request: web.Request) -> web.Response:
        """Answer one request; `tail` is the path below the API's root. Path segments are case-insensitive."""
        parts = [part for part in request.match_info["tail"].split("/") if part]
        try:
            return await self._handled(request, parts)
        except BadQuery as error:
            return problem(HTTPStatus.BAD_REQUEST, str(error))
        except (UnicodeDecodeError, LookupError, RecursionError):
            return problem(HTTPStatus.BAD_REQUEST, "The request content cannot be read.")

    async def _handled(self, request: web.Request, parts: list[str]) -> web.Response:
        match (request.method, [part.lower() if place % 2 == 0 else part for place, part in enumerate(parts)]):
            case ("POST", ["orchestrators", name, *identifier]) if len(identifier) < 2:
                return await self._start(request, name, parts[2] if identifier else None)
            case ("GET", ["instances"]):
                return self._list(request)
            case ("DELETE", ["instances"]):
                return self._purge_many(request)
            case ("GET", ["instances", identifier]):
                return self._status(request, identifier)
            case ("DELETE", ["instances", identifier]):
                return self._purge(identifier)
            case ("POST", ["instances", identifier, "raiseevent", name]):
                return await self._raise(request, identifier, name)
            case ("POST", ["instances", identifier, command]):
                return self._command(request, identifier, command)
            case ("GET", ["entities", *name]) if len(name) < 2:
                return self._entities(request, name[0].lower() if name else "")
            case (method, ["entities", name, _]):
                return await self._entity(request, method, name, "" if parts[2] == "$" else parts[2])
        return web.Response(status=HTTPStatus.NOT_FOUND)

    async def _start(self, request: web.Request, name: str, identifier: str | None) -> web.Response:
        text = await request.text()
        wait, pause = seconds_of(request, "timeout"), seconds_of(request, "pollingInterval")
        try:
            if text:
                json.loads(text)
        except ValueError:
            return problem(HTTPStatus.BAD_REQUEST, "Invalid JSON content")
        version = request.query.get("version")
        answer = self._started(lambda: self._engine.start(name, identifier, text or None, version))
        if answer.status == HTTPStatus.ACCEPTED and wait is not None:
            return await self._waited(request, answer, wait, pause or 1.0)
        return answer

    def _started(self, start: Callable[[], str]) -> web.Response:
        try:
            links = self._links.of(start())
        except KeyError as error:
            return problem(HTTPStatus.CONFLICT, str(error.args[0]))
        except ValueError as error:
            return problem(HTTPStatus.BAD_REQUEST, str(error))
        headers = {"Location": links["statusQueryGetUri"], "Retry-After": POLL_AGAIN_IN}
        shown = {name: link for name, link in links.items() if name != "rewindPostUri"}
        return web.json_response(shown, status=HTTPStatus.ACCEPTED, headers=headers)

    async def _waited(self, request: web.Request, accepted: web.Response, wait: float, pause: float) -> web.Response:
        identifier = json.loads(accepted.text or "{}")["id"]
        instance: Instance | None = None
        deadline = asyncio.get_running_loop().time() + wait
        while asyncio.get_running_loop().time() < deadline:
            instance = self._store.instance(identifier)
            if instance is None or instance.ended:
                break
            await asyncio.sleep(min(pause, wait))
        if instance is None or not instance.ended:
            return accepted
        if instance.status == "Completed":
            return web.json_response(history.parsed(instance.output))
        return web.json_response(self._picture(instance, request))

    async def _raise(self, request: web.Request, identifier: str, name: str) -> web.Response:
        text = await request.text() or "null"
        if request.content_type != "application/json":
            return problem(HTTPStatus.BAD_REQUEST, "Only application/json request content is supported")
        try:
            json.loads(text)
        except ValueError:
            return problem(HTTPStatus.BAD_REQUEST, "Invalid JSON content")
        return self._tell(identifier, lambda: self._engine.raise_event(identifier, name, text))

    def _command(self, request: web.Request, identifier: str, command: str) -> web.Response:
        reason, engine = request.query.get("reason", ""), self._engine
        instance = self._store.instance(identifier)
        match command.lower():
            case "terminate":
                return self._tell(identifier, lambda: engine.terminate(identifier, reason))
            case "suspend":
                wrong = instance is not None and instance.status == "Suspended"
                return self._tell(identifier, lambda: engine.suspend(identifier, reason), wrong=wrong)
            case "resume":
                wrong = instance is not None and instance.status != "Suspended"
                return self._tell(identifier, lambda: engine.resume(identifier, reason), wrong=wrong)
            case "rewind":
                return self._rewind(instance, reason)
            case "restart":
                new_id = flag(request, "restartWithNewInstanceId", default=True)
                return self._started(lambda: engine.restart(identifier, new_id=new_id))
        return web.Response(status=HTTPStatus.NOT_FOUND)

    def _rewind(self, instance: Instance | None, reason: str) -> web.Response:
        if instance is None:
            return web.Response(status=HTTPStatus.NOT_FOUND)
        if instance.status == "Failed":
            self._engine.rewind(instance.id, reason)
            return web.Response(status=HTTPStatus.ACCEPTED)
        if instance.ended:
            return web.Response(status=HTTPStatus.GONE)
        return problem(HTTPStatus.INTERNAL_SERVER_ERROR, "The rewind operation is only supported on failed instances.")

    def _status(self, request: web.Request, identifier: str) -> web.Response:
        instance = self._store.instance(identifier)
        if instance is None:
            return web.Response(status=HTTPStatus.NOT_FOUND)
        shown = self._picture(instance, request)
        if flag(request, "showHistory"):
            outputs, inputs = flag(request, "showHistoryOutput"), flag(request, "showInput", default=True)
            shown["historyEvents"] = history.picture(self._store.history(identifier), outputs=outputs, inputs=inputs)
        if not instance.ended:
            headers = {"Location": str(request.url), "Retry-After": ASK_AGAIN_IN}
            return web.json_response(shown, status=HTTPStatus.ACCEPTED, headers=headers)
        loud = instance.status == "Failed" and flag(request, "returnInternalServerErrorOnFailure")
        return web.json_response(shown, status=HTTPStatus.INTERNAL_SERVER_ERROR if loud else HTTPStatus.OK)

    def _list(self, request: web.Request) -> web.Response:
        found, token = page(request, self._selected(request))
        return web.json_response([self._picture(instance, request) for instance in found], headers={TOKEN: token})

    def _selected(self, request: web.Request) -> list[Instance]:
        wanted = query_of(request)
        return [instance for instance in self._store.instances() if wanted.matches(instance)]

    def _purge(self, identifier: str) -> web.Response:
        instance = self._store.instance(identifier)
        if instance is None:
            return web.Response(status=HTTPStatus.NOT_FOUND)
        return web.json_response({"instancesDeleted": self._purged([instance])})

    def _purge_many(self, request: web.Request) -> web.Response:
        if "createdTimeFrom" not in request.query:
            return problem(HTTPStatus.BAD_REQUEST, "Please provide value for 'createdTimeFrom' parameter.")
        deleted = self._purged(self._selected(request))
        return web.json_response({"instancesDeleted": deleted}, status=HTTPStatus.OK if deleted else HTTPStatus.NOT_FOUND)

    def _purged(self, instances: list[Instance]) -> int:
        over = [instance for instance in instances if instance.ended]
        with self._store.transaction():
            for instance in over:
                self._store.purge(instance.id)
        return len(over)

    def _tell(self, identifier: str, tell: Callable[[], None], *, wrong: bool = False) -> web.Response:
        instance = self._store.instance(identifier)
        if instance is None:
            return web.Response(status=HTTPStatus.NOT_FOUND)
        if instance.ended:
            return web.Response(status=HTTPStatus.GONE)
        if wrong:
            text = f"The instance {identifier} is {instance.status}."
            return problem(HTTPStatus.INTERNAL_SERVER_ERROR, text)
        tell()
        return web.Response(status=HTTPStatus.ACCEPTED)

    async def _entity(self, request: web.Request, method: str, name: str, key: str) -> web.Response:
        entity = self._store.entity(entity_id(name, key))
        if method == "GET":
            if entity is None:
                return web.Response(status=HTTPStatus.NOT_FOUND)
            return web.json_response(history.parsed(entity.state))
        if method not in ("POST", "DELETE"):
            return web.Response(status=HTTPStatus.NOT_FOUND)
        text = await request.text()
        if text and request.content_type != "application/json":
            text = json.dumps(text)
        try:
            json.loads(text or "null")
            what = "delete" if method == "DELETE" else request.query.get("op", "")
            self._engine.signal(name, key, what, text)
        except ValueError as error:
            return problem(HTTPStatus.BAD_REQUEST, str(error))
        return web.Response(status=HTTPStatus.ACCEPTED)

    def _entities(self, request: web.Request, name: str) -> web.Response:
        wanted = query_of(request)
        every = [item for item in self._store.entities() if wanted.matches_entity(item) and _is_called(item.id, name)]
        found, token = page(request, every)
        shown = []
        for item in found:
            title, key = name_and_key(item.id)
            entry: dict[str, Any] = {"entityId": {"name": title, "key": key}, "lastOperationTime": _seconds(item.updated)}
            shown.append(entry | ({"state": history.parsed(item.state)} if flag(request, "fetchState") else {}))
        return web.json_response(shown, headers={TOKEN: token})

    def _picture(self, instance: Instance, request: web.Request) -> dict[str, Any]:
        return {
            "name": instance.name,
            "instanceId": instance.id,
            "runtimeStatus": instance.status,
            "input": history.parsed(instance.input) if flag(request, "showInput", default=True) else None,
            "customStatus": history.parsed(instance.custom_status),
            "output": history.parsed(instance.output),
            "createdTime": _seconds(instance.created),
            "lastUpdatedTime": _seconds(instance.updated),
        }


def _is_called(identifier: str, name: str) -> bool:
    return not name or name_and_key(identifier)[0] == name


def _seconds(text: str) -> str:
    return text.partition(".")[0] + "Z"
