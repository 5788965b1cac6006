"""`dormouse-awake`: keep the machine awake for a while, stop doing so, or ask what keeps it awake."""

from __future__ import annotations

import re
from collections.abc import Sequence

from .awake import LONGEST_SECONDS, wish, wishes, withdraw
from .heartbeat import Hold
from .pace import now
from .places import Places
from .state import State, read_state

DONE, COULD_NOT, MISUSED = 0, 1, 2
USAGE = """\
dormouse-awake 2h "reason"   keep this machine awake for 2 hours (also 90m, 1d; at most 7d)
dormouse-awake off           you do not need it any more
dormouse-awake               what keeps it awake"""
DURATION = re.compile(r"(\d+(?:\.\d+)?)([mhd]?)", re.ASCII)
SECONDS_IN = {"m": 60.0, "h": 3600.0, "": 3600.0, "d": 86400.0}
SILENT_FOR_LONG = 300.0


def awake(words: Sequence[str], places: Places) -> tuple[int, str]:
    """Do what the words ask for: the exit code and what to say."""
    if words and words[0] in ("-h", "--help", "help"):
        return DONE, USAGE
    try:
        if not words:
            return DONE, "\n".join(_what_is(places))
        if words[0] == "off":
            return DONE, "Your wish is taken back." if withdraw(places) else "You had no wish to take back."
        return _wish(words[0], " ".join(words[1:]), places)
    except (OSError, ValueError) as error:
        return COULD_NOT, f"This could not be done; does the agent run (systemctl status dormouse-agent)? {error}"


def _wish(duration: str, reason: str, places: Places) -> tuple[int, str]:
    match = DURATION.fullmatch(duration)
    seconds = float(match[1]) * SECONDS_IN[match[2]] if match else 0.0
    if seconds < SECONDS_IN["m"]:
        return MISUSED, f"{duration} is not a time that can be waited for.\n{USAGE}"
    if seconds > LONGEST_SECONDS:
        return MISUSED, f"{duration} is too long: at most {in_words(LONGEST_SECONDS)}."
    wish(places, now(), seconds, reason)
    said = f"You wish that this machine stays awake for {in_words(seconds)}. The control plane may shorten that;"
    return DONE, f"{said} dormouse-awake says in a minute what it made of it."


def _what_is(places: Places) -> list[str]:
    state, moment = read_state(places), now()
    lines = []
    if state.hold and state.hold.until > moment:
        lines.append(f"Kept awake for another {_of(state.hold, moment)}")
    lines += [f"Wished for here: another {_of(hold, moment)}" for hold in wishes(places, moment)]
    return [*(lines or ["Nobody has wished that this machine stays awake."]), *_silence(state, moment)]


def _of(hold: Hold, moment: float) -> str:
    return f"{in_words(hold.until - moment)}, by {hold.by}: {hold.reason or 'no reason given'}"


def _silence(state: State, moment: float) -> list[str]:
    because = f" ({state.problem})" if state.problem else ""
    if not state.answered:
        return [f"The control plane has not answered yet{because}."]
    if moment - state.answered > SILENT_FOR_LONG:
        return [f"The control plane has not answered for {in_words(moment - state.answered)}{because}."]
    return []


def in_words(seconds: float) -> str:
    """A duration as people say it."""
    minutes = max(1, round(seconds / 60))
    days, hours, minutes = minutes // 1440, minutes // 60 % 24, minutes % 60
    parts = [f"{count} {unit}" for count, unit in ((days, "d"), (hours, "h"), (minutes, "min")) if count]
    return " ".join(parts)
