"""Parser of chat commands, the same for every chat."""

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, get_origin

from dormouse.access.roles import Caller
from dormouse.blueprints.specs import SPECS
from dormouse.chatops.words import words_in
from dormouse.notifications.cards import Card
from dormouse.text.durations import duration_text, leading_duration, minutes_in

LONGEST_COMMAND = 2000
LIKE_A_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,23}", re.ASCII)
SETTING = re.compile(r"([a-z_]+(?:\.[a-z_]+)?)=(.+)", re.ASCII)
OFF, SURE = "off", "yes"


class Word(StrEnum):
    """The first word of a command."""

    UP = "up"
    START = "start"
    STOP = "stop"
    RESTART = "restart"
    STATUS = "status"
    HOLD = "hold"
    EXTEND = "extend"
    IDLE = "idle"
    PASSWORD = "password"  # noqa: S105 - a word that people say
    DELETE = "delete"
    HELP = "help"


ALIASES = {
    "create": Word.UP,
    "list": Word.STATUS,
    "ls": Word.STATUS,
    "show": Word.STATUS,
    "keep": Word.HOLD,
    "snooze": Word.HOLD,
    "lease": Word.EXTEND,
    "rm": Word.DELETE,
    "remove": Word.DELETE,
    "?": Word.HELP,
}
WORDS = {**{word.value: word for word in Word}, **ALIASES}

USAGE: dict[Word, tuple[str, str]] = {
    Word.UP: (
        "up NAME [workstation] [size=… region=… allow_from=…]",
        "create an environment, or update it to this spec",
    ),
    Word.START: ("start NAME", "start its VM"),
    Word.STOP: ("stop NAME", "deallocate its VM; it is not billed while it is stopped"),
    Word.RESTART: ("restart NAME", "restart its VM"),
    Word.STATUS: ("status [NAME]", "show one environment, or list all"),
    Word.HOLD: (
        "hold NAME 2h [why]",
        "keep its VM running for this long (2h, 30m, 1 day); a longer hold stays in place, `off` removes it",
    ),
    Word.EXTEND: (
        "extend NAME 8h [stop|delete]",
        "set or renew a lease: stop or delete it when the lease expires; `off` removes the lease",
    ),
    Word.IDLE: ("idle", "list idle VMs and what will happen to them"),
    Word.PASSWORD: ("password NAME", "show where its password is stored"),
    Word.DELETE: ("delete NAME", "delete it with all its resources; asks for confirmation"),
    Word.HELP: ("help", "show this list"),
}
NEEDS_NAME = frozenset(Word) - {Word.STATUS, Word.IDLE, Word.HELP}


class MisunderstoodError(Exception):
    """A message is not a command; the text says what a valid one looks like."""


@dataclass(frozen=True, slots=True)
class Command:
    """A command: its word, the name of an environment ("" for none), and its arguments."""

    word: Word
    name: str = ""
    body: dict[str, Any] = field(default_factory=dict)
    sure: bool = False

    def about(self, name: str) -> str:
        """The same command for another environment, as a person would type it."""
        return " ".join(filter(None, (self.word, name, *self._rest(), SURE if self.sure else "")))

    def _rest(self) -> list[str]:
        if self.word is Word.UP:
            return [f"{key}={value}" for key, value in self.body.items() if isinstance(value, str)]
        if self.body.get("for") == "0":
            return [OFF]
        return [str(self.body[key]) for key in ("for", "then", "reason") if key in self.body]


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """Input of `answer_command`: the command, who sent it, and whether replies can be sent later.

    Where to is in the receipt of this id: the address is a secret for as long as it is good.
    """

    id: str
    command: Command
    caller: Caller
    tellable: bool = False


@dataclass(frozen=True, slots=True)
class ChatPoll:
    """Input of the activity that polls an operation on behalf of a chat user."""

    operation: str
    environment: str
    caller: Caller


@dataclass(frozen=True, slots=True)
class CommandResult:
    """The result of a command: the reply, and the operation that is still running ("" if none)."""

    card: Card
    operation: str = ""


@dataclass(frozen=True, slots=True)
class ChatReply:
    """Input of the activity that replies in a chat: the reply, and the receipt that has the reply URL."""

    receipt: str
    card: Card


def read_command(text: str) -> Command:
    """The command in a message; raises MisunderstoodError with a text that helps."""
    if len(text) > LONGEST_COMMAND:
        raise MisunderstoodError(f"That is longer than {LONGEST_COMMAND} characters.")
    parts = words_in(text)
    if not parts:
        return Command(Word.HELP)
    word = WORDS.get(parts[0].lower())
    if word is None:
        raise MisunderstoodError(_unknown(parts[0]))
    name = parts[1].lower() if len(parts) > 1 and word not in (Word.IDLE, Word.HELP) else ""
    if name and not LIKE_A_NAME.fullmatch(name):
        raise MisunderstoodError(f"{parts[1]!r} is not the name of an environment. Say: {USAGE[word][0]}")
    if word is Word.UP and not name:
        raise MisunderstoodError(f"What is it to be called? Say: {USAGE[word][0]}")
    rest = parts[2:] if name else [] if word is Word.HELP else parts[1:]
    return READERS.get(word, _plain)(word, name, rest)


def _unknown(said: str) -> str:
    near = difflib.get_close_matches(said.lower(), [word.value for word in Word], n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return f"I do not know the word {said[:40]!r}.{hint}"


def _plain(word: Word, name: str, rest: Sequence[str]) -> Command:
    if rest:
        raise MisunderstoodError(f"{' '.join(rest)[:80]!r} is more than I understand. Say: {USAGE[word][0]}")
    return Command(word, name)


def _up(word: Word, name: str, rest: Sequence[str]) -> Command:
    body: dict[str, Any] = {}
    for part in rest:
        match = SETTING.fullmatch(part)
        if part.lower() in SPECS:
            body["blueprint"] = part.lower()
        elif match:
            body[match[1]] = match[2]
        else:
            raise MisunderstoodError(
                f"{part[:80]!r} is neither a blueprint nor something like size=…. Say: {USAGE[word][0]}"
            )
    return Command(word, name, body)


def _hold(word: Word, name: str, rest: Sequence[str]) -> Command:
    if not name:
        return Command(word)
    duration, reason = _duration(word, rest)
    if reason and reason[0][0].isdigit():
        unclear = f"{reason[0][:80]!r} may be a part of the duration or of the reason."
        raise MisunderstoodError(f"{unclear} Put 'for' before a reason that begins with a number.")
    body = {"for": duration, "reason": " ".join(reason)}
    return Command(word, name, {key: value for key, value in body.items() if value})


def _extend(word: Word, name: str, rest: Sequence[str]) -> Command:
    if not name:
        return Command(word)
    duration, left = _duration(word, rest)
    then = " ".join(left).lower().removeprefix("then ") or "stop"
    if then not in ("stop", "delete"):
        raise MisunderstoodError(f"It can be stopped or deleted then, and not {then[:80]!r}. Say: {USAGE[word][0]}")
    return Command(word, name, {"for": duration, "then": then})


def _delete(word: Word, name: str, rest: Sequence[str]) -> Command:
    sure = [part.lower() for part in rest] == [SURE]
    return Command(word, name, sure=True) if sure else _plain(word, name, rest)


def _duration(word: Word, rest: Sequence[str]) -> tuple[str, Sequence[str]]:
    """The duration at the start of the words ("0" for `off`), and the words after it."""
    said = rest[1:] if rest and rest[0].lower() == "for" else rest
    if not said:
        raise MisunderstoodError(f"For how long? Say: {USAGE[word][0]}")
    if said[0].lower() == OFF:
        return "0", said[1:]
    # A number without a unit says nothing, whatever follows it; so the refusal quotes what follows, too.
    count = leading_duration(said) or (2 if said[0].isdigit() else 1)
    try:
        minutes = minutes_in(" ".join(said[:count]))
    except ValueError as error:
        raise MisunderstoodError(f"{error}. Say: {USAGE[word][0]}") from None
    return duration_text(minutes) if minutes else "0", said[count:]


READERS = {Word.UP: _up, Word.HOLD: _hold, Word.EXTEND: _extend, Word.DELETE: _delete}


def read_defaults(text: str) -> dict[str, str]:
    """The arguments in words like `region=… allow_from=…`; raises ValueError for any other word."""
    try:
        return {key: str(value) for key, value in _up(Word.UP, "", text.split()).body.items()}
    except MisunderstoodError as error:
        raise ValueError(str(error)) from None


def spec_in(settings: dict[str, str]) -> dict[str, Any]:
    """A spec's body from words like `size=…`: dots lead inside, and what takes many takes them with commas between."""
    body: dict[str, Any] = {}
    many = {
        name for kind in SPECS.values() for name, described in kind.model_fields.items()
        if get_origin(described.annotation) is tuple
    }  # fmt: skip
    for key, value in settings.items():
        outer, _, inner = key.partition(".")
        if inner:
            part = body.setdefault(outer, {})
            body[outer] = {**(part if isinstance(part, dict) else {}), inner: value}
        else:
            body[key] = value.split(",") if key in many else value
    return body
