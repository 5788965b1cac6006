"""`dormouse-awake`: keep the machine awake for a while, stop doing so, or ask what keeps it awake."""

from __future__ import annotations

from collections.abc import Sequence

from .durations import EXAMPLE, MINUTE, in_words, leading_duration, seconds_in
from .filesystem import Places, plain
from .heartbeat import Hold
from .holds import LONGEST_SECONDS, wish, wishes, withdraw
from .intervals import now
from .state import State, read_state

DONE, COULD_NOT, MISUSED = 0, 1, 2
USAGE = f"""\
dormouse-awake 2h "reason"   keep this machine awake for 2 hours (a duration is like {EXAMPLE}; at most 7d)
dormouse-awake off           end your hold
dormouse-awake               show what keeps this machine awake"""
SILENT_FOR_LONG = 300.0


def awake(words: Sequence[str], places: Places) -> tuple[int, str]:
    """Do what the words ask for: the exit code and what to say."""
    if words and words[0] in ("-h", "--help", "help"):
        return DONE, USAGE
    try:
        if not words:
            return DONE, "\n".join(_what_is(places))
        if words[0] == "off":
            return DONE, "Your hold has ended." if withdraw(places) else "You have no hold to end."
        return _wish(words, places)
    except (OSError, ValueError) as error:
        return COULD_NOT, f"This failed. Is the agent running (systemctl status dormouse-agent)? {plain(error)}"


def _wish(words: Sequence[str], places: Places) -> tuple[int, str]:
    count = leading_duration(words) or 1
    duration, reason = plain(" ".join(words[:count]), 60), " ".join(words[count:])
    try:
        seconds = seconds_in(duration)
    except ValueError as error:
        return MISUSED, f"{error}.\n{USAGE}"
    if seconds < MINUTE:
        return MISUSED, f"{duration} is too short: at least 1 minute.\n{USAGE}"
    if seconds > LONGEST_SECONDS:
        return MISUSED, f"{duration} is too long: at most {in_words(LONGEST_SECONDS)}."
    moment = now()
    longer = wish(places, moment, seconds, reason)
    if longer:
        left, why = in_words(longer.until - moment), longer.reason or "no reason given"
        said = f"Your hold for another {left} ({why}) lasts longer than {in_words(seconds)} and stays in place."
        return DONE, f"{said} To end it: dormouse-awake off"
    said = f"You hold this machine awake for {in_words(seconds)}. The control plane may shorten that;"
    return DONE, f"{said} run dormouse-awake in a minute to see its answer."


def _what_is(places: Places) -> list[str]:
    state, moment = read_state(places), now()
    lines = []
    if state.hold and state.hold.until > moment:
        lines.append(f"Kept awake for another {_of(state.hold, moment)}")
    lines += [f"Held on this machine for another {_of(hold, moment)}" for hold in wishes(places, moment)]
    return [*(lines or ["No hold keeps this machine awake."]), *_silence(state, moment)]


def _of(hold: Hold, moment: float) -> str:
    return f"{in_words(hold.until - moment)}, by {plain(hold.by)}: {plain(hold.reason) or 'no reason given'}"


def _silence(state: State, moment: float) -> list[str]:
    because = f" ({plain(state.problem)})" if state.problem else ""
    if not state.answered:
        return [f"The control plane has not answered yet{because}."]
    if moment - state.answered > SILENT_FOR_LONG:
        return [f"The control plane has not answered for {in_words(moment - state.answered)}{because}."]
    return []
