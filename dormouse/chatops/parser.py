"""Chat commands: one parser and one set of words, whatever chat they come from."""

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
    """What a command begins with."""

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
        "build an environment, or bring it to what you ask for",
    ),
    Word.START: ("start NAME", "start its machine"),
    Word.STOP: ("stop NAME", "deallocate its machine, so that it is not billed"),
    Word.RESTART: ("restart NAME", "restart its machine"),
    Word.STATUS: ("status [NAME]", "how one stands, or all of them"),
    Word.HOLD: (
        "hold NAME 2h [why]",
        "keep it awake for so long (2h, 30m, 1 day); a longer hold stays, `hold NAME off` ends it",
    ),
    Word.EXTEND: (
        "extend NAME 8h [stop|delete]",
        "stop or delete it in so long unless somebody asks again; `off` ends that",
    ),
    Word.IDLE: ("idle", "which machines nobody uses, and what will become of them"),
    Word.PASSWORD: ("password NAME", "where its password is kept"),
    Word.DELETE: ("delete NAME", "delete it with everything that belongs to it; you are asked first"),
    Word.HELP: ("help", "these words"),
}
NEEDS_NAME = frozenset(Word) - {Word.STATUS, Word.IDLE, Word.HELP}


class MisunderstoodError(Exception):
    """What somebody said is no command; the sentence says what would be."""


@dataclass(frozen=True, slots=True)
class Command:
    """What somebody wants done: the word, the name of an environment ("" for none), and what the word takes."""

    word: Word
    name: str = ""
    body: dict[str, Any] = field(default_factory=dict)
    sure: bool = False

    def about(self, name: str) -> str:
        """The same command about another environment, as somebody would type it."""
        return " ".join(filter(None, (self.word, name, *self._rest(), SURE if self.sure else "")))

    def _rest(self) -> list[str]:
        if self.word is Word.UP:
            return [f"{key}={value}" for key, value in self.body.items() if isinstance(value, str)]
        if self.body.get("for") == "0":
            return [OFF]
        return [str(self.body[key]) for key in ("for", "then", "reason") if key in self.body]


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """Input of `answer_command`: the command, who gave it, and whether they can be told what comes of it.

    Where to is in the receipt of this id: the address is a secret for as long as it is good.
    """

    id: str
    command: Command
    caller: Caller
    tellable: bool = False


@dataclass(frozen=True, slots=True)
class ChatPoll:
    """Input of the activity that looks how an operation stands, which somebody in a chat has asked for."""

    operation: str
    environment: str
    caller: Caller


@dataclass(frozen=True, slots=True)
class CommandResult:
    """What came of a command: what to say, and the operation that goes on, "" when everything has been said."""

    card: Card
    operation: str = ""


@dataclass(frozen=True, slots=True)
class ChatReply:
    """Input of the activity that answers in a chat: what to say, and the receipt that holds where to."""

    receipt: str
    card: Card


def read_command(text: str) -> Command:
    """The command in what somebody said; raises MisunderstoodError with a sentence that helps."""
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
    """How long is said, as it is understood ("0" for `off`), and the words behind it."""
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
    """What words like `region=… allow_from=…` say; raises ValueError for words that say nothing."""
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
