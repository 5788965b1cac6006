"""The host over HTTP: the app's routes, the admin API, and the durable management API."""

import asyncio
import json
import logging
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import azure.functions as func
from aiohttp import web

from local.host.configuration import HostJson
from local.host.durable.engine import Engine
from local.host.durable.store import Store
from local.host.functions.schedules import Timer
from local.host.functions.worker import AppError, Function, Worker
from local.host.http.keys import Keys, Level
from local.host.http.management import Management
from local.host.http.management_urls import Links
from local.host.http.requests import handed_on
from local.host.http.routing import Route, find

log = logging.getLogger(__name__)

VERSION = "4.1048.200"  # the official host version whose behaviour this one follows
NO_HOMEPAGE = "AzureWebJobsDisableHomepage"
LARGEST_REQUEST = 100 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Place:
    """How to run a host: the app's root, a folder for state and keys, port, speed, whether orchestrators stay in memory."""

    app: Path
    home: Path
    port: int
    speed: float
    sessions: bool = False


class Host:
    """One running host."""

    def __init__(self, place: Place, worker: Worker | None = None, store: Store | None = None) -> None:
        """Load the app and open the store, unless they are given; raises AppError."""
        self._place = place
        place.home.mkdir(parents=True, exist_ok=True)
        self.keys = Keys.at(place.home / "keys.json")
        self._lock = _locked(place.home / "lock")
        self._store = store or Store(place.home / "host.sqlite")
        self._clock = self._store.clock(place.speed)
        self._configuration = HostJson.at(place.app / "host.json")
        self._http = self._configuration.extensions.http
        self._worker = worker or Worker.at(place.app)
        self._engine = Engine(
            self._worker,
            self._store,
            self._clock,
            self._configuration,
            lambda: self._client,
            sessions=place.sessions,
        )
        self._routes = [Route.of(function, self._http.route_prefix) for function in self._worker.of_kind("httpTrigger")]
        hub = self._configuration.extensions.durable_task.hub_name
        outside = f"http://127.0.0.1:{place.port}/runtime/webhooks/durabletask"
        self._links = Links(outside, hub, self.keys.durable)
        self._management = Management(self._engine, self._store, self._links)
        self._timers = {timer.name.lower(): self._timer(timer) for timer in self._worker.of_kind("timerTrigger")}
        self._places = asyncio.Semaphore(self._http.max_concurrent_requests)
        self._outstanding = self._inside_port = 0
        self._began = self._clock.now()
        self._background: set[asyncio.Task[None]] = set()

    async def serve(self, started: Callable[[], None]) -> None:
        """Serve until cancelled; `started` is called when requests are accepted."""
        inside, outside = (web.Application(client_max_size=LARGEST_REQUEST) for _ in range(2))
        inside.router.add_route("*", r"/durabletask/{tail:[\s\S]*}", self._management.handle)
        outside.router.add_route("*", r"/runtime/webhooks/{extension}/{tail:[\s\S]*}", self._webhook)
        outside.router.add_route("*", r"/admin/{tail:[\s\S]*}", self._admin)
        outside.router.add_route("*", r"/{path:[\s\S]*}", self._function)
        # Compressed bodies are not decompressed, as in Azure's host.
        runners = [
            web.AppRunner(app, access_log=None, shutdown_timeout=1, auto_decompress=False) for app in (inside, outside)
        ]
        try:
            for runner, port in zip(runners, (0, self._place.port), strict=True):
                await runner.setup()
                await web.TCPSite(runner, "127.0.0.1", port).start()
            self._inside_port = runners[0].addresses[0][1]
            self._engine.take_up()
            for timer in self._timers.values():
                if not timer.function.disabled:
                    self._spawn(timer.run(self._client))
            started()
            await asyncio.Event().wait()
        finally:
            for job in list(self._background):
                job.cancel()
            await self._engine.close()
            for runner in runners:
                await runner.cleanup()
            self._worker.close()
            self._store.close()
            self._lock.close()

    async def _function(self, request: web.Request) -> web.StreamResponse:
        found = find(self._routes, request.method, request.path)
        if found is None:
            return _homepage() if request.path == "/" else web.Response(status=404)
        route, parameters = found
        level = self.keys.level_of(request.headers, request.query)
        if route.function.disabled and level is not Level.ADMIN:
            return web.Response(status=404)
        if not _opens(level, route.level):
            return web.Response(status=401)
        if self._outstanding >= self._http.max_outstanding_requests:
            return web.Response(status=429)
        self._outstanding += 1
        try:
            async with self._places:
                answer = await self._called(route.function, request, parameters)
        finally:
            self._outstanding -= 1
        for name, value in self._http.custom_headers.items():
            answer.headers[name] = value
        return answer

    async def _called(self, function: Function, request: web.Request, parameters: dict[str, str]) -> web.Response:
        limit = self._configuration.function_timeout
        try:
            async with asyncio.timeout(limit.total_seconds() if limit else None):
                return _answer(await self._worker.call_route(function, await handed_on(request, parameters), self._client))
        except (Exception, SystemExit):  # an uncaught error of the app is an empty 500
            log.exception("The function %s has failed.", function.name)
            return web.Response(status=500)

    def _timer(self, function: Function) -> Timer:
        try:
            return Timer(function, self._worker, self._store, self._clock)
        except ValueError as error:
            raise AppError(f"timer {function.name}: {error}") from None

    async def _webhook(self, request: web.Request) -> web.Response:
        if request.match_info["extension"].lower() != "durabletask":
            return web.Response(status=404)
        return await self._guarded(request, {Level.SYSTEM, Level.ADMIN}, self._management.handle)

    async def _admin(self, request: web.Request) -> web.Response:
        if request.match_info["tail"].lower() == "host/ping":
            return web.Response()
        return await self._guarded(request, {Level.ADMIN}, self._administer)

    async def _guarded(
        self, request: web.Request, levels: set[Level], handle: Callable[[web.Request], Awaitable[web.Response]]
    ) -> web.Response:
        level = self.keys.level_of(request.headers, request.query)
        if level is Level.ANONYMOUS:
            return web.Response(status=401)
        return await handle(request) if level in levels else web.Response(status=403)

    async def _administer(self, request: web.Request) -> web.Response:
        known = {name.lower(): function for name, function in self._worker.functions.items()}
        match (request.method, request.match_info["tail"].lower().split("/")):
            case ("GET", ["host", "status"]):
                return web.json_response(self._status())
            case ("GET", ["functions"]):
                return web.json_response([_described(function) for _, function in sorted(known.items())])
            case ("GET", ["functions", name]) if name in known:
                return web.json_response(_described(known[name]))
            case ("GET", ["functions", name, "status"]) if name in known:
                return web.json_response({})
            case ("POST", ["functions", name]) if name in known:
                return await self._fired_by_hand(request, name)
        return web.Response(status=404)

    async def _fired_by_hand(self, request: web.Request, name: str) -> web.Response:
        try:
            given = json.loads(await request.read())
        except ValueError:
            return web.Response(status=400)
        if not isinstance(given, dict):
            return web.Response(status=400)
        if name not in self._timers:
            return web.Response(status=501, text="This host can invoke only timers manually.")
        self._spawn(self._timers[name].fire(self._client, past_due=False))
        return web.Response(status=202)

    def _status(self) -> dict[str, Any]:
        up = int((self._clock.now() - self._began).total_seconds() * 1000)
        told = {"id": "dormouse-local", "state": "Running", "version": VERSION, "versionDetails": VERSION}
        return {**told, "platformVersion": "", "instanceId": "", "computerName": "", "processUptime": up}

    @property
    def _client(self) -> str:
        return self._links.client_binding(f"http://127.0.0.1:{self._inside_port}/durabletask/")

    def _spawn(self, job: Any) -> None:
        task = asyncio.get_running_loop().create_task(job)
        self._background.add(task)
        task.add_done_callback(self._background.discard)


def _locked(path: Path) -> IO[str]:
    """A file that this process has locked exclusively; raises AppError. The lock ends with the process, however it ends."""
    held = path.open("w")
    try:
        import fcntl

        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except ImportError:
        pass  # an operating system without such locks
    except OSError:
        held.close()
        raise AppError(f"another host is running in {path.parent}") from None
    return held


def _homepage() -> web.Response:
    if os.environ.get(NO_HOMEPAGE, "").lower() == "true":
        return web.Response(status=204)
    return web.Response(text="<!DOCTYPE html><title>Functions</title><p>The host is running.", content_type="text/html")


def _described(function: Function) -> dict[str, Any]:
    return {"name": function.name, "isDisabled": function.disabled, "config": {"bindings": list(function.bindings)}}


def _opens(level: Level, needed: Level) -> bool:
    if needed is Level.ANONYMOUS or level is Level.ADMIN:
        return True
    return needed is Level.FUNCTION and level is Level.FUNCTION


def _answer(answer: func.HttpResponse) -> web.Response:
    headers = {name.lower(): value for name, value in answer.headers.items()}
    text = answer.mimetype.startswith("text/")
    headers.setdefault("content-type", f"{answer.mimetype}; charset={answer.charset}" if text else answer.mimetype)
    return web.Response(body=answer.get_body(), status=answer.status_code, headers=headers)
