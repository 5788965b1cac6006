"""Starting, stopping and restarting: done when Azure shows it, not when Azure was asked."""

from typing import Any

import wire
from activities.machine import begin_power_change, read_machine
from environments.lifecycle import State, Verb
from environments.operations import ChangePower
from environments.outcomes import MachineView, Outcome, Refusal, RefusalReason, Verdict
from orchestrators.board import DONE, REFUSED, Board
from orchestrators.fence import lost_lock
from orchestrators.finish import Ending, finish
from orchestrators.steps import Context, GaveUp, Story, follow, refusal_in, run, sleep

WANTED = {Verb.START: State.RUNNING, Verb.STOP: State.STOPPED, Verb.RESTART: State.RUNNING}
LOOKS = 12
BETWEEN_LOOKS = 10.0

SUCCESS = {
    Verb.START: "{name} is running; Azure shows it so.",
    Verb.STOP: "{name} is deallocated; Azure shows it so. The machine is not billed, its disk, address and storage are.",
    Verb.RESTART: "{name} has been restarted and is running; Azure shows it so.",
}


def change_power(context: Context) -> Story[Any]:
    """Change the power of an environment's machine, and look until Azure shows the change."""
    request = wire.decode(ChangePower, context.get_input())
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
        return Outcome(Verdict.SUCCEEDED, SUCCESS[request.verb].format(name=request.environment))
    board.end("verify", REFUSED)
    detail = f"Azure reported success, but shows {request.environment} as {view.state}. {view.problem}".strip()
    return Outcome.failed([Refusal(RefusalReason.FAILED_LATE, detail, step="verify")])


def _look(context: Context, request: ChangePower) -> Story[MachineView]:
    for _ in range(LOOKS):
        view = yield from run(context, read_machine, request)
        if view.state is WANTED[request.verb]:
            break
        yield from sleep(context, BETWEEN_LOOKS)
    return view
