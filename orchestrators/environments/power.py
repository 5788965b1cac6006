"""Starting, stopping and restarting: done when Azure shows it and, after a boot, when the machine itself works."""

from typing import Any

from activities.resources.compute import begin_power_change, read_machine
from dormouse import serialization
from dormouse.environments.operations import ChangePower
from dormouse.environments.results import MachineView, Outcome, Refusal, RefusalReason, Verdict
from dormouse.lifecycle import State, Verb
from orchestrators.complete import Ending, finish
from orchestrators.durable import Context, GaveUp, Story, follow, refusal_in, run, sleep
from orchestrators.environments.health import HEALTH, LATER_BOOT, health_outcome, look_inside
from orchestrators.lock_check import lost_lock
from orchestrators.progress import DONE, REFUSED, Board

WANTED = {Verb.START: State.RUNNING, Verb.STOP: State.STOPPED, Verb.RESTART: State.RUNNING}
LOOKS = 12
BETWEEN_LOOKS = 10.0

DEALLOCATED = "{name} is deallocated; Azure shows it so. The machine is not billed, its disk, address and storage are."
RUNNING = {Verb.START: "{name} is running", Verb.RESTART: "{name} has been restarted and is running"}
NOT_ASKED = "Azure shows it so. Its checks did not run: the control plane cannot read its spec on record."


def change_power(context: Context) -> Story[Any]:
    """Change the power of an environment's machine, look until Azure shows it, and check what has booted from inside."""
    request = serialization.decode(ChangePower, context.get_input())
    board = Board(context)
    try:
        lost = yield from lost_lock(context, request.operation, request.environment)
        outcome = lost or (yield from _change(context, request, board))
    except GaveUp as gave_up:
        outcome = Outcome.failed([gave_up.refusal])
    return (yield from finish(context, request.operation, request.environment, board, Ending(outcome)))


def _change(context: Context, request: ChangePower, board: Board) -> Story[Outcome]:
    board.begin(request.verb)
    progress = yield from follow(context, begin_power_change, request)
    refusal = refusal_in(progress, request.verb)
    board.end(request.verb, REFUSED if refusal else DONE)
    if refusal:
        return Outcome.failed([refusal])
    board.begin("verify", needs=(request.verb,))
    view = yield from _look(context, request)
    if view.state is WANTED[request.verb]:
        board.end("verify")
        return (yield from _check(context, request, board))
    board.end("verify", REFUSED)
    detail = f"Azure reported success, but shows {request.environment} as {view.state}. {view.problem}".strip()
    return Outcome.failed([Refusal(RefusalReason.FAILED_LATE, detail, step="verify")])


def _check(context: Context, request: ChangePower, board: Board) -> Story[Outcome]:
    """Drivers and mounts can be gone after any boot: a kernel was updated, a role was taken away."""
    if request.verb not in RUNNING:
        return Outcome(Verdict.SUCCEEDED, DEALLOCATED.format(name=request.environment))
    running = RUNNING[request.verb].format(name=request.environment)
    if request.inside is None:
        return Outcome(Verdict.SUCCEEDED, f"{running}; {NOT_ASKED}")
    board.begin(HEALTH, needs=("verify",))
    findings = yield from look_inside(context, request.inside, LATER_BOOT)
    outcome = health_outcome(findings, passed=running, failed=running)
    board.end(HEALTH, DONE if outcome.verdict is Verdict.SUCCEEDED else REFUSED)
    return outcome


def _look(context: Context, request: ChangePower) -> Story[MachineView]:
    for _ in range(LOOKS):
        view = yield from run(context, read_machine, request)
        if view.state is WANTED[request.verb]:
            break
        yield from sleep(context, BETWEEN_LOOKS)
    return view
