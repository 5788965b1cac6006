"""Random orchestrations: programs as data, the app that runs them, and the result that each must have."""

# The SDK's decorators have no types.
# mypy: disable-error-code="untyped-decorator"

from collections import Counter
from datetime import timedelta
from typing import Any

import azure.durable_functions as df
from hypothesis import strategies as st

from local.host.functions.worker import Worker

Statement = list[Any]
ATTEMPTS: Counter[str] = Counter()

numbers = st.integers(0, 99)
quiet = st.one_of(
    st.tuples(st.just("call"), numbers),
    st.tuples(st.just("sleep"), st.integers(0, 40)),
)
single = st.one_of(
    quiet,
    st.tuples(st.just("hear"), numbers),
    # A crash may repeat the same attempt: failing calls always fail, others have attempts to spare.
    st.tuples(st.just("fails"), st.just(99), st.integers(1, 3)),
    st.tuples(st.just("fails"), st.integers(0, 1), st.integers(2, 3)),
    st.tuples(st.just("count"), numbers),
    st.tuples(st.just("signal"), numbers),
)
children = st.recursive(
    st.lists(st.one_of(single, st.tuples(st.just("all"), st.lists(quiet, min_size=1, max_size=5))), max_size=3),
    lambda inner: st.lists(
        st.one_of(
            st.tuples(st.just("child"), inner),
            st.tuples(st.just("family"), st.lists(inner, min_size=1, max_size=3)),
            st.tuples(st.just("all"), st.lists(quiet, min_size=1, max_size=6)),
            st.tuples(st.just("any"), st.lists(quiet, min_size=1, max_size=4)),
            single,
        ),
        min_size=1,
        max_size=4,
    ),
    max_leaves=12,
)
# Every generation continues as the next one.
programs = st.lists(children, min_size=1, max_size=3)


def _build() -> df.DFApp:
    app = df.DFApp()

    @app.function_name("program")
    @app.orchestration_trigger(context_name="context")
    def program(context: df.DurableOrchestrationContext) -> Any:
        given = context.get_input()
        results = list(given["results"])
        for place, statement in enumerate(given["generations"][0]):
            results.append((yield from _run(context, statement, f"{len(given['generations'])}.{place}", given["name"])))
        if len(given["generations"]) > 1:
            context.continue_as_new({**given, "generations": given["generations"][1:], "results": results})
            return None
        return results

    @app.function_name("double")
    @app.activity_trigger(input_name="number")
    async def double(number: int) -> int:
        return 2 * number

    @app.function_name("fail")
    @app.activity_trigger(input_name="given")
    def fail(given: dict) -> str:  # type: ignore[type-arg]
        ATTEMPTS[given["name"]] += 1
        if ATTEMPTS[given["name"]] <= given["times"]:
            raise RuntimeError("not yet")
        return "at last"

    @app.entity_trigger(context_name="context", entity_name="total")
    def total(context: df.DurableEntityContext) -> None:
        context.set_state(context.get_state(lambda: 0) + context.get_input())
        context.set_result(context.get_state())

    return app


def _run(context: Any, statement: Statement, place: str, name: str) -> Any:
    kind, *rest = statement
    here = f"{name}/{place}"
    if kind == "fails":
        times, tries = rest
        try:
            given = {"name": here, "times": times}
            return (yield context.call_activity_with_retry("fail", df.RetryOptions(1000, tries), given))
        except Exception:  # noqa: BLE001 - the SDK raises nothing more exact
            return "in vain"
    if kind == "count":
        return (yield context.call_entity(df.EntityId("total", here), "add", rest[0]))
    if kind == "signal":
        context.signal_entity(df.EntityId("total", here), "add", rest[0])
        return (yield context.call_entity(df.EntityId("total", here), "add", 1))
    if kind == "all":
        return (yield context.task_all([_task(context, item, here) for item in rest[0]]))
    if kind == "family":
        whole = [_task(context, ["child", item], f"{here}.{number}") for number, item in enumerate(rest[0])]
        return (yield context.task_all(whole))
    if kind == "any":
        racers = [_task(context, item, here) for item in rest[0]]
        yield context.task_any(racers)
        for racer, item in zip(racers, rest[0], strict=True):
            if item[0] == "sleep" and not racer.is_completed:
                racer.cancel()
        return "one"
    return (yield _task(context, statement, here))


def _task(context: Any, statement: Statement, here: str) -> Any:
    match statement:
        case ["call", number]:
            return context.call_activity("double", number)
        case ["sleep", seconds]:
            return context.create_timer(context.current_utc_datetime + timedelta(seconds=seconds))
        case ["hear", number]:
            return context.wait_for_external_event(f"{here}/{number}")
        case ["child", program]:
            given = {"name": here, "generations": [program], "results": []}
            return context.call_sub_orchestrator("program", given)
    raise ValueError(statement)


def come_to(generations: list[list[Statement]]) -> list[Any]:
    """The result that a program must have, whatever happens to the host."""
    return [_result(statement) for generation in generations for statement in generation]


def _result(statement: Statement) -> Any:
    match statement:
        case ["hear" | "count", number]:
            return number
        case ["call", number]:
            return 2 * number
        case ["signal", number]:
            return number + 1
        case ["fails", times, tries]:
            return "at last" if times < tries else "in vain"
        case ["child", program]:
            return come_to([program])
        case ["all", parts]:
            return [_result(part) for part in parts]
        case ["family", whole]:
            return [come_to([program]) for program in whole]
    return "one" if statement[0] == "any" else None


def heard(generations: list[list[Statement]], name: str) -> dict[str, int]:
    """The events that a program waits for, and the value of each."""
    found: dict[str, int] = {}
    for age, generation in enumerate(generations):
        for place, statement in enumerate(generation):
            here = f"{name}/{len(generations) - age}.{place}"
            match statement:
                case ["hear", number]:
                    found[f"{here}/{number}"] = number
                case ["child", program]:
                    found |= heard([program], here)
                case ["family", whole]:
                    for number, program in enumerate(whole):
                        found |= heard([program], f"{here}.{number}")
    return found


def worker() -> Worker:
    """The worker that runs programs."""
    return Worker(_build())
