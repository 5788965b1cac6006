"""Drives Microsoft's own worker library for Python (azure-functions-runtime): loads an app, indexes it, invokes
functions.

Run by an interpreter that has the library: reads one JSON list of invocations from standard input, prints one JSON
object. An invocation is {"function", "input", "type"}; for HTTP the input is {"method", "url", "headers", "params",
"body"}.
"""

import asyncio
import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import azure_functions_runtime as library

from local.hostnames import resolve_localhost_names

MESSAGES = (
    *("WorkerInitResponse", "WorkerMetadata", "StatusResult", "RpcException", "FunctionMetadataResponse"),
    *("RpcFunctionMetadata", "BindingInfo", "FunctionLoadResponse", "FunctionEnvironmentReloadResponse"),
    *("InvocationResponse", "ParameterBinding", "TypedData", "RpcHttp", "RpcHttpCookie", "RpcRetryOptions"),
    *("NullableString", "NullableBool", "NullableDouble", "NullableTimestamp"),
)
DATA = ("string", "json", "http", "bytes", "stream", "int", "double")


class Message:
    """What the library expects as a protocol buffer: a bag of attributes that knows which of its data is set."""

    def __init__(self, **fields: Any) -> None:
        """Store the given attributes."""
        self.__dict__.update(fields)

    def WhichOneof(self, group: str) -> str | None:  # noqa: N802 - the protocol's name
        """The name of the data that is set: a parameter's is always called "data"."""
        if group == "rpc_data":
            return "data"
        return next((name for name in DATA if name in self.__dict__), None)


PROTOCOL = SimpleNamespace(**{name: type(name, (Message,), {}) for name in MESSAGES})
PROTOCOL.StatusResult.Success, PROTOCOL.StatusResult.Failure = 1, 0
for number, direction in enumerate(("in", "out", "inout", "undefined")):
    setattr(PROTOCOL.BindingInfo, direction, number)


def request(kind: str, **fields: Any) -> SimpleNamespace:
    """A request of the host, as the library reads it."""
    inner = SimpleNamespace(**{kind: SimpleNamespace(**fields)})
    return SimpleNamespace(request=inner, properties={"host": "127.0.0.1", "protos": PROTOCOL})


async def main(root: Path, invocations: list[dict[str, Any]]) -> dict[str, Any]:
    """Load the app below `root`, run the invocations and print the library's responses."""
    library.start_threadpool_executor()
    folder = str(root)
    await library.worker_init_request(
        request(
            "worker_init_request",
            function_app_directory=folder,
            capabilities={},
            host_version="4",
            worker_directory="/",
            log_categories={},
        )
    )
    indexed = await library.functions_metadata_request(request("functions_metadata_request", function_app_directory=folder))
    functions = {function.name: function for function in indexed.function_metadata_results or []}
    for function in functions.values():
        load = request("function_load_request", function_id=function.function_id, metadata=function)
        loaded = await library.function_load_request(load)
        if loaded.result.status != PROTOCOL.StatusResult.Success:
            raise RuntimeError(f"{function.name} is not loaded: {loaded.result.exception.message}")
    answers = [await invoke(functions[invocation["function"]], invocation) for invocation in invocations]
    bindings = {name: [json.loads(text) for text in function.raw_bindings] for name, function in functions.items()}
    return {"functions": bindings, "answers": answers}


async def invoke(function: Any, invocation: dict[str, Any]) -> dict[str, Any]:
    """Invoke one function; return whether it succeeded, and its result."""
    trigger = next(b for b in map(json.loads, function.raw_bindings) if b["type"].lower().endswith("trigger"))
    given = [binding(trigger["name"], typed(invocation))]
    if "client" in invocation:
        given.append(binding("client", PROTOCOL.TypedData(string=invocation["client"])))
    answer = await library.invocation_request(
        request(
            "invocation_request",
            invocation_id="1",
            function_id=function.function_id,
            input_data=given,
            trigger_metadata={},
            trace_context=SimpleNamespace(trace_parent="", trace_state="", attributes={}),
            retry_context=SimpleNamespace(retry_count=0, max_retry_count=0, exception=None),
        )
    )
    if answer.result.status != PROTOCOL.StatusResult.Success:
        return {"error": answer.result.exception.message}
    value = answer.return_value
    kind = value.WhichOneof("data")
    if kind == "http":
        http = value.http
        body = http.body.bytes if http.body.WhichOneof("data") == "bytes" else http.body.string
        text = body.decode() if isinstance(body, bytes) else body
        return {"status": int(http.status_code), "headers": dict(http.headers), "body": text}
    return {"value": getattr(value, kind)}


def binding(name: str, data: Any) -> Any:
    """One parameter of an invocation."""
    return PROTOCOL.ParameterBinding(name=name, data=data)


def typed(invocation: dict[str, Any]) -> Any:
    """The trigger's data, in the form that the official host sends."""
    given = invocation["input"]
    if invocation["type"] != "http":
        return PROTOCOL.TypedData(**{invocation["type"]: given})
    headers = {name: PROTOCOL.NullableString(value=value) for name, value in given.get("headers", {}).items()}
    query = {name: PROTOCOL.NullableString(value=value) for name, value in given.get("query", {}).items()}
    params = {name: PROTOCOL.NullableString(value=value) for name, value in given.get("params", {}).items()}
    return PROTOCOL.TypedData(
        http=PROTOCOL.RpcHttp(
            method=given["method"],
            url=given["url"],
            headers=given.get("headers", {}),
            params=given.get("params", {}),
            query=given.get("query", {}),
            nullable_headers=headers,
            nullable_query=query,
            nullable_params=params,
            body=PROTOCOL.TypedData(bytes=given.get("body", "").encode()),
            identities=[],
        )
    )


if __name__ == "__main__":
    resolve_localhost_names()
    json.dump(asyncio.run(main(Path(sys.argv[1]), json.load(sys.stdin))), sys.stdout)
