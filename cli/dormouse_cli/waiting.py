"""Waiting: an operation or a sweep is followed to its end; whoever stops waiting does not stop the operation."""

import time
from typing import Any

from dormouse_cli import screens
from dormouse_cli.board import Board, board
from dormouse_cli.connection import Answer, ControlPlane
from dormouse_cli.errors import EndedBadly, Interrupted, NoServer
from dormouse_cli.output import note, say, table, write_out

UNDER_WAY = ("pending", "running")
WELL = ("succeeded", "ended")
LONGEST_PAUSE = 5.0
# A control plane that is being deployed anew is away for about so long.
PATIENCE = 180.0


def follow(plane: ControlPlane, path: str, identifier: str, *, every: float | None, asked: float) -> Answer:
    """What is at a path, when it has ended; asks as often as the server wants, or `every` so many seconds.

    Raises Interrupted on Ctrl-C, NoServer when the server is away for long, and what else goes wrong.
    """
    pause = every or min(asked or LONGEST_PAUSE, LONGEST_PAUSE)
    try:
        note(f"Following {identifier}; Ctrl-C stops the waiting, not the operation.")
        with board() as shown:
            while True:
                answer = _look(plane, path, identifier, shown)
                shown.show(answer.fields)
                if answer.fields.get("state") not in UNDER_WAY:
                    return answer
                time.sleep(every or min(answer.ask_again_in or pause, LONGEST_PAUSE))
    except KeyboardInterrupt:
        raise Interrupted("You have stopped waiting; the operation goes on.", *_ways_on(identifier)) from None


def finish(plane: ControlPlane, path: str, identifier: str, *, as_json: bool, every: float | None, asked: float) -> Answer:
    """Follow something to its end and tell how it ended; raises EndedBadly, its sentence said already, if not well."""
    ended = follow(plane, path, identifier, every=every, asked=asked)
    if as_json:
        write_out(ended.text)
    else:
        tell(ended.fields)
    if ended.fields.get("state") not in WELL:
        raise EndedBadly("")
    return ended


def tell(operation: dict[str, Any]) -> None:
    """Print how an operation stands: its explanation, what the machine said where it is not well, what is left."""
    if "tally" in operation:
        screens.sweep(operation)
        return
    title = f"{operation.get('verb')} {operation.get('environment')}: {operation.get('state')}."
    say(f"{title} {operation.get('explanation') or ''}".strip())
    findings = operation.get("findings") or []
    if findings and operation.get("state") not in WELL:
        rows = [[str(item.get(word) or "") for word in ("name", "result", "detail")] for item in findings]
        table(("check", "result", "what the machine says"), rows)
    for left in operation.get("leftovers") or []:
        say(f"Left, and may cost money: {left}")


def _look(plane: ControlPlane, path: str, identifier: str, shown: Board) -> Answer:
    """One look, and many when the server is away for a while."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return plane.read(path)
        except NoServer as trouble:
            if not trouble.may_pass:
                raise NoServer(str(trouble), *trouble.more, "The operation goes on.", *_ways_on(identifier)) from None
            if time.monotonic() > deadline:
                words = f"It has been away for {PATIENCE / 60:.0f} minutes. The operation goes on without it being watched."
                raise NoServer(str(trouble), words, *_ways_on(identifier)) from None
            shown.say(f"{trouble} The operation goes on; asking again …")
            time.sleep(LONGEST_PAUSE if trouble.ask_again_in is None else min(trouble.ask_again_in, PATIENCE))


def _ways_on(identifier: str) -> list[str]:
    cancel = [f"Cancel it: dormouse cancel {identifier}"] if "-provision-" in identifier else []
    return [f"Watch it: dormouse watch {identifier}", *cancel]
