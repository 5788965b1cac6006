"""Adoption and release of VMs that Dormouse did not create."""

from typing import Any

from activities.machines import (
    begin_agent_removal,
    begin_agent_setup,
    forget_agent,
    read_agent_setup,
    read_machine,
    tag_machine,
    untag_machine,
)
from activities.operations import poll_operation
from dormouse import serialization
from dormouse.environments.answers import Answer
from dormouse.environments.operations import Adoption
from dormouse.environments.results import Outcome, OutcomeStatus, Refusal, RefusalReason
from dormouse.lifecycle import State
from orchestrators.complete import run_operation
from orchestrators.durable import Activity, Context, Orchestration, poll, refusal_in, run
from orchestrators.progress import DONE, REFUSED, ProgressTracker

NOT_RUNNING = "The VM is not running, so the agent cannot be installed or removed; start the VM and retry."


def adopt_machine(context: Context) -> Orchestration[Any]:
    """Tag a VM so that sweeps watch it, and install the agent."""
    request = serialization.decode(Adoption, context.get_input())
    return (yield from _run_and_complete(context, request, _adopt, f"{request.name} is adopted; the next sweep watches it."))


def release_machine(context: Context) -> Orchestration[Any]:
    """Remove the agent and Dormouse's tags from a VM, so that sweeps ignore it."""
    request = serialization.decode(Adoption, context.get_input())
    return (
        yield from _run_and_complete(
            context, request, _release, f"{request.name} is released; its agent and tags were removed."
        )
    )


def _run_and_complete(context: Context, request: Adoption, story: Any, words: str) -> Orchestration[Any]:
    tracker = ProgressTracker(context)

    def work() -> Orchestration[Outcome]:
        refusals = yield from story(context, request, tracker)
        return Outcome.failed(refusals) if refusals else Outcome(OutcomeStatus.SUCCEEDED, words)

    return (yield from run_operation(context, request.operation, request.lock, tracker, work()))


def _adopt(context: Context, request: Adoption, tracker: ProgressTracker) -> Orchestration[list[Refusal]]:
    refusals = yield from _step(context, request, tracker, "tag", tag_machine)
    if request.agent and not refusals:
        refusals = yield from _inside(context, request, tracker, begin_agent_setup)
    return refusals


def _release(context: Context, request: Adoption, tracker: ProgressTracker) -> Orchestration[list[Refusal]]:
    refusals = []
    if request.agent:
        refusals = yield from _inside(context, request, tracker, begin_agent_removal)
        yield from run(context, forget_agent, request)
    return [*refusals, *(yield from _step(context, request, tracker, "tag", untag_machine))]


def _inside(
    context: Context, request: Adoption, tracker: ProgressTracker, begin: Activity[Answer]
) -> Orchestration[list[Refusal]]:
    view = yield from run(context, read_machine, request.machine)
    if view.state is State.RUNNING:
        return (yield from _step(context, request, tracker, "agent", begin))
    tracker.begin("agent")
    tracker.end("agent", REFUSED)
    return [Refusal(RefusalReason.CONFLICT, NOT_RUNNING, step="agent")]


def _step(
    context: Context, request: Adoption, tracker: ProgressTracker, name: str, begin: Activity[Answer]
) -> Orchestration[list[Refusal]]:
    tracker.begin(name)
    answer = yield from poll(context, begin, request, ask=read_agent_setup if name == "agent" else poll_operation)
    refusal = refusal_in(answer, name)
    tracker.end(name, REFUSED if refusal else DONE)
    return [refusal] if refusal else []
