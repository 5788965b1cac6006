"""A small app that uses the features of Durable Functions."""

import json
import logging
import os
from datetime import timedelta
from pathlib import Path

import azure.durable_functions as df
import azure.functions as func

app = df.DFApp(http_auth_level=func.AuthLevel.FUNCTION)
CALLS = Path(os.environ["CALLS_FILE"])


@app.route(route="start/{name}/{id?}", methods=["POST"])
@app.durable_client_input(client_name="client")
async def start(req: func.HttpRequest, client) -> func.HttpResponse:
    given = json.loads(req.get_body() or b"null")
    try:
        started = await client.start_new(req.route_params["name"], req.route_params.get("id"), given)
    except Exception as error:
        return func.HttpResponse(str(error), status_code=409)
    return func.HttpResponse(started)


@app.route(route="status/{id}", methods=["GET"])
@app.durable_client_input(client_name="client")
async def status(req: func.HttpRequest, client) -> func.HttpResponse:
    found = await client.get_status(req.route_params["id"])
    return func.HttpResponse(json.dumps(found.to_json() if found else None), mimetype="application/json")


@app.route(route="tell/{id}/{event}", methods=["POST"])
@app.durable_client_input(client_name="client")
async def tell(req: func.HttpRequest, client) -> func.HttpResponse:
    await client.raise_event(req.route_params["id"], req.route_params["event"], json.loads(req.get_body()))
    return func.HttpResponse("told")


@app.route(route="end/{id}", methods=["POST"])
@app.durable_client_input(client_name="client")
async def end(req: func.HttpRequest, client) -> func.HttpResponse:
    await client.terminate(req.route_params["id"], "enough")
    return func.HttpResponse("ended")


@app.route(route="purge/{id}", methods=["POST"])
@app.durable_client_input(client_name="client")
async def purge(req: func.HttpRequest, client) -> func.HttpResponse:
    result = await client.purge_instance_history(req.route_params["id"])
    return func.HttpResponse(str(result.instances_deleted))


@app.route(route="open", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
def open_to_all(req: func.HttpRequest) -> str:
    return "come in"


@app.route(route="echo", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
def echo(req: func.HttpRequest) -> func.HttpResponse:
    logging.getLogger("app").info("echoed")
    told = {"url": req.url, "params": dict(req.params), "headers": dict(req.headers), "body": req.get_body().hex()}
    return func.HttpResponse(json.dumps(told), mimetype="application/json")


@app.route(route="asleep", methods=["GET"])
def asleep(req: func.HttpRequest) -> str:
    return "awake after all"


@app.route(route="number/{value:int}", methods=["GET"])
def number(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    return func.HttpResponse(f"{context.function_name} {req.route_params['value']}")


@app.route(route="wrong", methods=["GET"])
def wrong(req: func.HttpRequest) -> dict:
    return {"not": "an answer"}


@app.timer_trigger(schedule="%TICK%", arg_name="timer", run_on_startup=False)
def tick(timer: func.TimerRequest) -> None:
    with CALLS.open("a") as calls:
        calls.write(f"tick {timer.past_due}\n")


@app.route(route="signal/{key}/{operation}", methods=["POST"])
@app.durable_client_input(client_name="client")
async def signal(req: func.HttpRequest, client) -> func.HttpResponse:
    entity = df.EntityId("Counter", req.route_params["key"])
    await client.signal_entity(entity, req.route_params["operation"], json.loads(req.get_body()))
    return func.HttpResponse("said")


@app.route(route="state/{key}", methods=["GET"])
@app.durable_client_input(client_name="client")
async def state(req: func.HttpRequest, client) -> func.HttpResponse:
    found = await client.read_entity_state(df.EntityId("Counter", req.route_params["key"]))
    return func.HttpResponse(json.dumps(found.entity_state if found.entity_exists else None))


@app.route(route="errand/{left:int}", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
def errand(req: func.HttpRequest) -> func.HttpResponse:
    """Responds 202 twice, then 200."""
    left = int(req.route_params["left"])
    if left:
        return func.HttpResponse(status_code=202, headers={"Location": f"/api/errand/{left - 1}", "Retry-After": "5"})
    return func.HttpResponse("done", headers={"X-Seen": req.headers.get("x-mine", "")})


@app.entity_trigger(context_name="counter_context", entity_name="Counter")
def counter(counter_context):
    total = counter_context.get_state(lambda: 0)
    match counter_context.operation_name:
        case "add":
            total += counter_context.get_input()
        case "refuse":
            raise ValueError("I never do that")
        case "delete":
            counter_context.destruct_on_exit()
            return
    counter_context.set_state(total)
    counter_context.set_result(total)


@app.entity_trigger(context_name="context", entity_name="Quitter")
def leaves(context):
    raise SystemExit(3)


@app.orchestration_trigger(context_name="context", orchestration="CalledByItsTrigger")
def called_otherwise(context):
    return (yield context.call_activity("add", [1, 1]))


@app.orchestration_trigger(context_name="context")
def calls_what_it_is_told(context):
    """Calls an activity or an entity that fails in an unusual way, and returns the error."""
    kind, name = context.get_input()
    try:
        if kind == "entity":
            yield context.call_entity(df.EntityId(name, "x"), "go")
        else:
            yield context.call_activity(name, None)
    except Exception as error:
        return str(error).splitlines()[0]


@app.orchestration_trigger(context_name="context")
def fails_oddly(context):
    yield context.call_activity("add", [1, 1])
    match context.get_input():
        case "exit":
            raise SystemExit(4)
        case "yields":
            yield 5
        case "number":
            yield context.call_activity(123)
        case "retries":
            yield context.call_activity_with_retry("always_fail", df.RetryOptions(10**18, 3), "x")


@app.orchestration_trigger(context_name="context")
def counts(context):
    """Calls an entity, signals it, gets an error, and signals it once more at the end."""
    entity = df.EntityId("Counter", context.get_input())
    first = yield context.call_entity(entity, "add", 5)
    context.signal_entity(entity, "add", 10)
    second = yield context.call_entity(entity, "get")
    try:
        yield context.call_entity(entity, "refuse")
    except Exception as error:
        trouble = str(error)
    context.signal_entity(entity, "add", 100)
    return [first, second, trouble]


@app.orchestration_trigger(context_name="context")
def runs_an_errand(context):
    answer = yield context.call_http("GET", context.get_input(), headers={"x-mine": "yes", "x-functions-key": "secret"})
    return answer


@app.orchestration_trigger(context_name="context")
def hears_three(context):
    heard = []
    for word in ("one", "two", "three"):
        heard.append((yield context.wait_for_external_event(word)))
        yield context.call_activity("note", f"heard {context.instance_id} {word}")
    return heard


@app.orchestration_trigger(context_name="context")
def fails_while_told_to(context):
    """Fails, and its child with it, for as long as a file exists."""
    kept = yield context.call_activity("note", f"kept {context.instance_id}")
    child = yield context.call_sub_orchestrator("child_that_fails", context.get_input())
    return [kept, child]


@app.orchestration_trigger(context_name="context")
def child_that_fails(context):
    return (yield context.call_activity("fail_while_told_to", context.get_input()))


@app.orchestration_trigger(context_name="context")
def version_of(context):
    return context.version
    yield


@app.orchestration_trigger(context_name="context")
def chain(context):
    first = yield context.call_activity("add", [1, 2])
    second = yield context.call_activity("add", [first, 10])
    return second


@app.orchestration_trigger(context_name="context")
def fan_out(context):
    count = context.get_input()
    results = yield context.task_all([context.call_activity("add", [number, 1]) for number in range(count)])
    return sum(results)


@app.orchestration_trigger(context_name="context")
def family(context):
    children = [context.call_sub_orchestrator("child", number) for number in (1, 2)]
    results = yield context.task_all(children)
    named = yield context.call_sub_orchestrator("child", 3, f"{context.instance_id}-third")
    try:
        yield context.call_sub_orchestrator("naughty_child", None)
    except Exception as error:
        trouble = str(error)
    return {"results": results, "named": named, "trouble": trouble}


@app.orchestration_trigger(context_name="context")
def child(context):
    doubled = yield context.call_activity("add", [context.get_input(), context.get_input()])
    return {"input": context.get_input(), "doubled": doubled}


@app.orchestration_trigger(context_name="context")
def naughty_child(context):
    yield context.call_activity("add", [1, 1])
    raise ValueError("I do not want to")


@app.orchestration_trigger(context_name="context")
def stubborn(context):
    result = yield context.call_activity_with_retry("fail_at_first", df.RetryOptions(1000, 4), context.instance_id)
    try:
        yield context.call_activity_with_retry("always_fail", df.RetryOptions(1000, 3), context.instance_id)
    except Exception as error:
        return [result, str(error).splitlines()[0]]


@app.orchestration_trigger(context_name="context")
def first_of_two(context):
    """Starts new tasks while old ones are pending: the old ones must not delay the new ones."""
    slow = context.create_timer(context.current_utc_datetime + timedelta(seconds=context.get_input()))
    quick = context.call_activity("add", [1, 1])
    yield context.task_any([slow, quick])
    began = context.current_utc_datetime
    after = yield context.call_activity("add", [2, 2])
    waited = (context.current_utc_datetime - began).total_seconds()
    if not slow.is_completed:
        slow.cancel()
    return [quick.result, after, waited < context.get_input()]


@app.orchestration_trigger(context_name="context")
def says_so_much(context):
    context.set_custom_status("ü" * context.get_input())
    return "said"
    yield


@app.orchestration_trigger(context_name="context")
def waits_for_approval(context):
    context.set_custom_status({"waiting": "approval"})
    deadline = context.create_timer(context.current_utc_datetime + timedelta(hours=5))
    approval = context.wait_for_external_event("Approval")
    winner = yield context.task_any([approval, deadline])
    if winner is approval:
        deadline.cancel()
        context.set_custom_status("approved")
        return approval.result
    return "too late"


@app.orchestration_trigger(context_name="context")
def counts_down(context):
    left = context.get_input()
    yield context.call_activity("add", [left, 0])
    if left > 0:
        context.continue_as_new(left - 1)
        return None
    return "lift-off"


@app.orchestration_trigger(context_name="context")
def collects(context):
    """Receives one event per generation, whenever it comes."""
    heard = context.get_input() or []
    said = yield context.wait_for_external_event("Word")
    heard = [*heard, said]
    if len(heard) < 3:
        context.continue_as_new(heard)
        return None
    return heard


@app.orchestration_trigger(context_name="context")
def fickle(context):
    """Schedules something else on replay, which no orchestrator may do."""
    seen = Path(f"{CALLS}.{context.instance_id}")
    name = "always_fail" if seen.exists() else "add"
    seen.touch()
    yield context.call_activity(name, [1, 1])


@app.orchestration_trigger(context_name="context")
def calls_nobody(context):
    yield context.call_activity("nobody", None)


@app.orchestration_trigger(context_name="context")
def unspeakable(context):
    yield context.call_activity("add", [1, 1])
    raise ValueError("\ud800 $OutOfProcData$: {")


@app.orchestration_trigger(context_name="context")
def steps(context):
    for number in range(4):
        yield context.call_activity("note", f"{context.instance_id} {number}")
        yield context.create_timer(context.current_utc_datetime + timedelta(seconds=20))
    results = yield context.task_all([context.call_sub_orchestrator("child", number) for number in range(3)])
    return [result["doubled"] for result in results]


@app.activity_trigger(input_name="numbers")
async def add(numbers) -> int:
    return sum(numbers)


@app.activity_trigger(input_name="text")
def note(text: str) -> str:
    with CALLS.open("a") as calls:
        calls.write(f"{text}\n")
    return text


@app.activity_trigger(input_name="nothing")
async def times_out(nothing) -> None:
    raise TimeoutError("mine")


@app.activity_trigger(input_name="nothing")
def looks_in_vain(nothing) -> None:
    raise KeyError


@app.activity_trigger(input_name="nothing")
def leaves_the_house(nothing) -> None:
    raise SystemExit(5)


@app.activity_trigger(input_name="path")
def fail_while_told_to(path: str) -> str:
    if Path(path).exists():
        raise RuntimeError("I was told to")
    return "well"


@app.activity_trigger(input_name="key")
def fail_at_first(key: str) -> str:
    note_of(f"fail {key}")
    if CALLS.read_text().count(f"fail {key}\n") < 3:
        raise RuntimeError("not yet")
    return "at last"


@app.activity_trigger(input_name="key")
def always_fail(key) -> None:
    raise RuntimeError("never")


def note_of(text: str) -> None:
    with CALLS.open("a") as calls:
        calls.write(f"{text}\n")
