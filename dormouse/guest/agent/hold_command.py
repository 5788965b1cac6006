"""`dormouse-awake`: set a hold that keeps the machine running, end it, or show all holds."""

from __future__ import annotations

from collections.abc import Sequence

from .durations import EXAMPLE, MINUTE, in_words, leading_duration, seconds_in
from .filesystem import FileSystem, plain
from .heartbeat import Hold
from .holds import LONGEST_SECONDS, read_holds, remove_holds, set_hold
from .intervals import now
from .state import State, read_state

SUCCESS, FAILURE, USAGE_ERROR = 0, 1, 2
USAGE = f"""\
dormouse-awake 2h "reason"   keep this machine running for 2 hours (durations: {EXAMPLE}; at most 7d)
dormouse-awake off           remove your hold
dormouse-awake               show the holds on this machine"""
SILENCE_LIMIT = 660.0  # two of the longest intervals between heartbeats, and a minute


def run_hold_command(words: Sequence[str], filesystem: FileSystem) -> tuple[int, str]:
    """Run the command with these arguments; returns the exit code and the text to print."""
    if words and words[0] in ("-h", "--help", "help"):
        return SUCCESS, USAGE
    try:
        if not words:
            return SUCCESS, "\n".join(_status(filesystem))
        if words[0] == "off":
            return SUCCESS, "Hold removed." if remove_holds(filesystem) else "You have no hold to remove."
        return _set_hold(words, filesystem)
    except (OSError, ValueError) as error:
        return FAILURE, f"Failed: {plain(error)}. Check that the agent is running: systemctl status dormouse-agent"


def _set_hold(words: Sequence[str], filesystem: FileSystem) -> tuple[int, str]:
    count = leading_duration(words) or 1
    duration, reason = plain(" ".join(words[:count]), 60), " ".join(words[count:])
    try:
        seconds = seconds_in(duration)
    except ValueError as error:
        return USAGE_ERROR, f"{error}.\n{USAGE}"
    if seconds < MINUTE:
        return USAGE_ERROR, f"{duration} is too short: at least 1 minute.\n{USAGE}"
    if seconds > LONGEST_SECONDS:
        return USAGE_ERROR, f"{duration} is too long: at most {in_words(LONGEST_SECONDS)}."
    moment = now()
    longer = set_hold(filesystem, moment, seconds, reason)
    if longer:
        left, why = in_words(longer.until - moment), longer.reason or "no reason given"
        text = f"Your hold for another {left} ({why}) lasts longer than {in_words(seconds)} and stays in place."
        return SUCCESS, f"{text} To remove it: dormouse-awake off"
    text = f"Hold requested for {in_words(seconds)}; the control plane may shorten it"
    return SUCCESS, f"{text} (run dormouse-awake in a minute to see)."


def _status(filesystem: FileSystem) -> list[str]:
    state, moment = read_state(filesystem), now()
    lines = []
    if state.hold and state.hold.until > moment:
        lines.append(f"Confirmed by the control plane: hold for another {_describe(state.hold, moment)}")
    lines += [f"Set on this machine: hold for another {_describe(hold, moment)}" for hold in read_holds(filesystem, moment)]
    return [*(lines or ["There are no holds on this machine."]), *_connection_status(state, moment)]


def _describe(hold: Hold, moment: float) -> str:
    return f"{in_words(hold.until - moment)}, by {plain(hold.by)}: {plain(hold.reason) or 'no reason given'}"


def _connection_status(state: State, moment: float) -> list[str]:
    because = f" ({plain(state.problem)})" if state.problem else ""
    if not state.answered:
        return [f"The control plane has not answered yet{because}."]
    if moment - state.answered > SILENCE_LIMIT:
        return [f"The control plane has not answered for {in_words(moment - state.answered)}{because}."]
    return []
