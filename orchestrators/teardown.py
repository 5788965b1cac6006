"""Taking an environment down without leftovers."""

from typing import Any

import wire
from activities.inventory import Remains, Search, find_remains, read_group_owner
from activities.removal import remove_resource
from activities.secret import remove_secret
from environments.operations import Teardown
from environments.outcomes import Outcome, Progress, Refusal, RefusalReason, Verdict
from orchestrators.board import DONE, REFUSED, Board
from orchestrators.finish import Ending, finish
from orchestrators.steps import Activity, Context, GaveUp, Story, follow, refusal_in, run, sleep

LOOKS = 12
BETWEEN_LOOKS = 10.0


def delete_environment(context: Context) -> Story[Any]:
    """Remove an environment's group, its secrets and whatever else carries its tag, and prove that nothing is left."""
    request = wire.decode(Teardown, context.get_input())
    board = Board(context)
    try:
        ending = yield from _delete(context, request, board)
    except GaveUp as gave_up:
        ending = Ending(Outcome.failed([gave_up.refusal]))
    return (yield from finish(context, request.operation, request.environment, board, ending))


def _delete(context: Context, request: Teardown, board: Board) -> Story[Ending]:
    owner = yield from run(context, read_group_owner, request.group)
    if owner not in ("", request.environment):
        detail = f"The resource group {request.group} does not carry the tag dormouse={request.environment}."
        return Ending(Outcome.failed([Refusal(RefusalReason.NAME_TAKEN, detail, step="group")]))
    board.begin("survey")
    found = yield from _look(context, request)
    board.end("survey")
    refusals = yield from _remove(context, request, found, board)
    board.begin("verify", needs=[report.name for report in board.reports])
    left = yield from _look_until_gone(context, request)
    board.end("verify", REFUSED if left.all else DONE)
    if left.all or refusals:
        return Ending(Outcome.failed(refusals, left.all), forget=not left.all)
    words = f"{request.environment} is gone: its group, its secrets and everything with its tag; nothing is left."
    return Ending(Outcome(Verdict.SUCCEEDED, words), forget=True)


def _remove(context: Context, request: Teardown, found: Remains, board: Board) -> Story[list[Refusal]]:
    inside = f"/resourcegroups/{request.group}".lower()
    outside = [identifier for identifier in found.resources if inside not in identifier.lower()]
    group = [identifier for identifier in found.resources if identifier.lower().endswith(inside)]
    work: list[tuple[str, Activity[Progress], str]] = [
        *(("secrets", remove_secret, name) for name in found.secrets),
        *((identifier.rsplit("/", 1)[-1], remove_resource, identifier) for identifier in reversed(outside)),
        *(("group", remove_resource, identifier) for identifier in group),
    ]
    refusals = []
    for name, remove, target in work:
        board.begin(name, needs=("survey",))
        progress = yield from _removed(context, remove, target)
        refusal = refusal_in(progress, name)
        refusals += [refusal] if refusal else []
        board.end(name, REFUSED if refusal else DONE)
    return refusals


def _removed(context: Context, remove: Activity[Progress], target: str) -> Story[Progress]:
    try:
        return (yield from follow(context, remove, target))
    except GaveUp as gave_up:  # one thing that resists must not keep the rest alive
        return Progress.refused(gave_up.refusal)


def _look(context: Context, request: Teardown) -> Story[Remains]:
    return (yield from run(context, find_remains, Search(request.environment, request.group)))


def _look_until_gone(context: Context, request: Teardown) -> Story[Remains]:
    for _ in range(LOOKS):
        remains = yield from _look(context, request)
        if not remains.all:
            break
        yield from sleep(context, BETWEEN_LOOKS)
    return remains
