"""The worker: loads an app as the Functions worker for Python does, and calls its functions with their bindings."""

import asyncio
import contextvars
import importlib
import inspect
import json
import os
import sys
import threading
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import azure.functions as func
from azure.functions import meta
from azure.functions.decorators.function_app import FunctionRegister
from azure.functions.durable_functions import ActivityTriggerConverter
from azure.functions.timer import TimerRequest

from local.host.functions.executions import Executions

ENTRY = "function_app"
GRPC = "durableRequiresGrpc"
MISSING = "The function '{name}' doesn't exist, is disabled, or is not {kind} function."
THREADS = "PYTHON_THREADPOOL_THREAD_COUNT"


class AppError(Exception):
    """The app cannot be loaded; the host does not start."""


@dataclass(frozen=True, slots=True)
class Function:
    """One function of an app: its trigger, its other bindings, and the code."""

    name: str
    trigger: dict[str, Any]
    code: Callable[..., Any]
    clients: tuple[str, ...] = ()
    wants_context: bool = False
    bindings: tuple[dict[str, Any], ...] = field(default=(), repr=False)
    disabled: bool = False

    @property
    def kind(self) -> str:
        """The type of the trigger, in lower case."""
        return str(self.trigger["type"]).lower()


class Invocation(func.Context):
    """The context of one function call."""

    def __init__(self, name: str) -> None:
        """Give the call an ID of its own."""
        self._name, self._id = name, uuid.uuid4().hex

    @property
    def invocation_id(self) -> str:
        """The ID of this call."""
        return self._id

    @property
    def function_name(self) -> str:
        """The called function."""
        return self._name

    @property
    def function_directory(self) -> str:
        """The app's root."""
        return str(Path.cwd())

    @property
    def trace_context(self) -> Any:
        """This host does not trace."""
        return None

    @property
    def thread_local_storage(self) -> Any:
        """Every call has storage of its own."""
        return threading.local()

    @property
    def retry_context(self) -> Any:
        """This host has no retry policies."""
        return None


class Worker:
    """The functions of one app, by name."""

    def __init__(self, app: FunctionRegister) -> None:
        """Index an app; raises AppError."""
        self.functions = {function.name: function for function in _index(app)}
        self._found = {(function.name.lower(), function.kind): function for function in self.functions.values()}
        threads = os.environ.get(THREADS)
        self._threads = ThreadPoolExecutor(int(threads) if threads else None)
        self._executions = Executions.from_environment()

    @classmethod
    def at(cls, root: Path) -> "Worker":
        """Import the app below `root` and index it; raises AppError."""
        return cls(_import(root))

    def close(self) -> None:
        """Shut down without waiting for running threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def of_kind(self, kind: str) -> list[Function]:
        """Every function with a trigger of this type, in the order of registration."""
        return [function for function in self.functions.values() if function.kind == kind.lower()]

    def find(self, name: str, kind: str) -> Function | None:
        """The function with this name if it has such a trigger; names are case-insensitive."""
        function = self._found.get((name.lower(), kind.lower()))
        return None if function is None or function.disabled else function

    async def call_route(self, function: Function, request: func.HttpRequest, client: str) -> func.HttpResponse:
        """Call a function with an HTTP request; raises whatever the function raises."""
        answer = await self._call(function, request, client)
        if isinstance(answer, str):
            return func.HttpResponse(answer, mimetype="text/plain")
        if not isinstance(answer, func.HttpResponse):
            raise TypeError(f"function {function.name} returned {type(answer).__name__}, not an HttpResponse")
        return answer

    async def call_activity(self, function: Function, text: str | None, client: str = "") -> str:
        """Call an activity with JSON text and return JSON text; raises whatever the activity raises."""
        given = ActivityTriggerConverter.decode(meta.Datum(text or "null", "json"), trigger_metadata={})
        answer = await self._call(function, given, client)
        return str(ActivityTriggerConverter.encode(answer, expected_type=None).value)

    async def call_timer(self, function: Function, payload: dict[str, Any], client: str) -> None:
        """Call a timer's function."""
        request = TimerRequest(
            past_due=payload["IsPastDue"], schedule_status=payload["ScheduleStatus"], schedule=payload["Schedule"]
        )
        await self._call(function, request, client)

    async def call_entity(self, function: Function, context: str) -> str:
        """Pass a batch of operations to an entity and return its response as JSON text; raises whatever it raises."""
        with self._execution(function):
            return str(await self._in_thread(partial(function.code, context)))

    def call_orchestrator(self, function: Function, context: dict[str, Any]) -> str:
        """Replay an orchestrator over its history and return its response as JSON text; raises whatever it raises."""
        return self.run_orchestrator(function, lambda: function.code(json.dumps(context)))

    def run_orchestrator(self, function: Function, call: Callable[[], Any]) -> str:
        """Make a call as one execution of an orchestrator; raises whatever it raises."""
        with self._execution(function):
            return str(call())

    async def _call(self, function: Function, given: Any, client: str) -> Any:
        arguments = {str(function.trigger["name"]): given} | dict.fromkeys(function.clients, client)
        if function.wants_context:
            arguments["context"] = Invocation(function.name)
        with self._execution(function):
            if inspect.iscoroutinefunction(function.code):
                return await function.code(**arguments)
            return await self._in_thread(partial(function.code, **arguments))

    def _execution(self, function: Function) -> AbstractContextManager[None]:
        return self._executions.one(function.name, function.kind) if self._executions else nullcontext()

    async def _in_thread(self, call: Callable[[], Any]) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._threads, contextvars.copy_context().run, call)


def _import(root: Path) -> FunctionRegister:
    sys.path.insert(0, str(root))
    try:
        module = importlib.import_module(ENTRY)
    except Exception as error:
        raise AppError(f"{ENTRY}.py cannot be imported: {type(error).__name__}: {error}") from error
    apps = {id(value): value for value in vars(module).values() if isinstance(value, FunctionRegister)}
    if len(apps) != 1:
        raise AppError(f"{ENTRY}.py must hold exactly one app, and holds {len(apps)}")
    return next(iter(apps.values()))


def _index(app: FunctionRegister) -> list[Function]:
    functions = [_function(built) for built in app.get_functions()]
    names = [function.name for function in functions]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise AppError(f"more than one function is called {', '.join(twice)}")
    return functions


def _function(built: Any) -> Function:
    bindings = [json.loads(text) for text in built.get_raw_bindings()]
    name = built.get_function_name()
    trigger = next((b for b in bindings if str(b["type"]).lower().endswith("trigger")), None)
    if trigger is None:
        raise AppError(f"function {name} has no trigger")
    if any(binding.get(GRPC) for binding in bindings):
        raise AppError(
            f"function {name} needs Durable Functions over gRPC ({GRPC}), as azure-functions-durable 2 does; "
            "this host serves azure-functions-durable 1 over HTTP only"
        )
    # Durable uses the name in a function's trigger, if there is one.
    name = next((str(trigger[key]) for key in ("orchestration", "activity", "entityName") if trigger.get(key)), name)
    clients = tuple(str(b["name"]) for b in bindings if str(b["type"]).lower() == "durableclient")
    code = built.get_user_function()
    parameters = inspect.signature(code).parameters
    _check_parameters(name, code, parameters, trigger, clients)
    wants_context = "context" in parameters and trigger["name"] != "context"
    disabled = os.environ.get(f"AzureWebJobs.{name}.Disabled", "").lower() in ("true", "1")
    return Function(name, trigger, code, clients, wants_context, tuple(bindings), disabled)


def _check_parameters(
    name: str,
    code: Callable[..., Any],
    parameters: Mapping[str, inspect.Parameter],
    trigger: dict[str, Any],
    clients: tuple[str, ...],
) -> None:
    if str(trigger["type"]).lower() in ("orchestrationtrigger", "entitytrigger"):
        return  # the SDK wraps it: the wrapper takes the history, or the batch
    bound = {str(trigger["name"]), *clients}
    if set(parameters) - {"context"} != bound - {"context"}:
        raise AppError(f"function {name} takes {sorted(parameters)}, but is bound to {sorted(bound)}")
    for parameter in parameters.values():
        kind = parameter.annotation
        if kind is not inspect.Parameter.empty and not isinstance(kind, (type, str)):
            raise AppError(f"parameter {parameter.name} of function {name} must be a plain class, not {kind}")
    if clients and not inspect.iscoroutinefunction(code):
        raise AppError(f"function {name} uses a durable client and must be async")
