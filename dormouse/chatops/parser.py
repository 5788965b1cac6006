"""Parser of chat commands, the same for every chat."""

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from dormouse.blueprints.catalog import BLUEPRINTS
from dormouse.chatops.vocabulary import USAGE, WITHOUT_NAME, WORDS, Word
from dormouse.chatops.words import AROUND, undecorated, words_in
from dormouse.text.durations import duration_text, leading_duration, minutes_in
from dormouse.text.plain_text import CONTROL

LONGEST_COMMAND = 2000
LIKE_A_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,23}", re.ASCII)
SETTING = re.compile(r"([a-z_]+(?:\.[a-z_]+)?)=(.+)", re.ASCII)
OFF, SURE = "off", "yes"
SIZE_SETTINGS = ("region", "gpu", "max_price")
WITHIN = "<>=!~,"


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
        if self.word in (Word.UP, Word.SIZES):
            return [f"{key}={value}" for key, value in self.body.items() if isinstance(value, str)]
        if self.word is Word.RESIZE:
            return [
                *([str(self.body["size"])] if "size" in self.body else []),
                *(["restart"] if "restart" in self.body else []),
            ]
        if self.body.get("for") == "0":
            return [OFF]
        return [str(self.body[key]) for key in ("for", "then", "reason") if key in self.body]


def read_command(text: str) -> Command:
    """The command in a message; raises MisunderstoodError with a text that helps."""
    if len(text) > LONGEST_COMMAND:
        raise MisunderstoodError(f"That is longer than {LONGEST_COMMAND} characters.")
    parts = words_in(text)
    if not parts:
        return Command(Word.HELP)
    if any(map(CONTROL.search, parts)):
        raise MisunderstoodError("The message contains a control character. Type it again instead of pasting it.")
    word = WORDS.get(parts[0].lower())
    if word is None:
        raise MisunderstoodError(_unknown(parts[0]))
    name = parts[1].lower() if len(parts) > 1 and word not in WITHOUT_NAME else ""
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
    for part in _joined(rest):
        match = SETTING.fullmatch(part)
        if part.lower() not in BLUEPRINTS and match is None:
            raise MisunderstoodError(
                f"{part[:80]!r} is neither a blueprint nor something like size=…. Say: {USAGE[word][0]}"
            )
        key, value = (match[1], undecorated(match[2])) if match else ("blueprint", part.lower())
        if any(_overlap(key, other) for other in body):
            raise MisunderstoodError(f"{key} is given twice; send it once.")
        body[key] = value
    return Command(word, name, body)


def _overlap(one: str, other: str) -> bool:
    """Whether two settings set the same value, or one of them a part of the other."""
    return one == other or one.startswith(f"{other}.") or other.startswith(f"{one}.")


def _joined(words: Sequence[str]) -> list[str]:
    """The words, with spaces removed that belong inside: `python_packages=numpy >= 1.24, torch` is one setting."""
    joined: list[str] = []
    for word in words:
        inside = joined and (word[0] in WITHIN or joined[-1][-1] in WITHIN)
        joined[-1:] = [joined[-1] + word] if inside else [*joined[-1:], word]
    return joined


def _sizes(word: Word, name: str, rest: Sequence[str]) -> Command:
    body: dict[str, Any] = {}
    for part in rest:
        match = SETTING.fullmatch(part)
        key, value = (match[1].lower(), undecorated(match[2])) if match else ("region", part.lower())
        if key not in SIZE_SETTINGS:
            raise MisunderstoodError(f"{part[:80]!r} is not understood here. Say: {USAGE[word][0]}")
        if key in body:
            raise MisunderstoodError(f"{key} is given twice; send it once.")
        body[key] = value
    if "region" not in body:
        raise MisunderstoodError(f"In which region? Say: {USAGE[word][0]}")
    return Command(word, name, body)


def _resize(word: Word, name: str, rest: Sequence[str]) -> Command:
    if not name:
        return Command(word)
    size, *more = [undecorated(part.removeprefix("size=")) for part in rest] or [""]
    if not size or size.lower() == Word.RESTART:
        raise MisunderstoodError(f"To which size? Say: {USAGE[word][0]}")
    if [part.lower() for part in more] not in ([], [Word.RESTART]):
        raise MisunderstoodError(f"{' '.join(more)[:80]!r} is more than I understand. Say: {USAGE[word][0]}")
    return Command(word, name, {"size": size, **({"restart": True} if more else {})})


def _hold(word: Word, name: str, rest: Sequence[str]) -> Command:
    if not name:
        return Command(word)
    duration, reason = _duration(word, rest)
    if reason and reason[0][0].isdigit():
        unclear = f"{reason[0][:80]!r} may be a part of the duration or of the reason."
        raise MisunderstoodError(f"{unclear} Put 'for' before a reason that begins with a number.")
    body = {"for": duration, "reason": undecorated(" ".join(reason))}
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
    plain = [each.strip(AROUND) for each in said]
    count = leading_duration(plain) or (2 if plain[0][:1].isdigit() else 1)
    try:
        minutes = minutes_in(" ".join(plain[:count]))
    except ValueError as error:
        raise MisunderstoodError(f"{error}. Say: {USAGE[word][0]}") from None
    return duration_text(minutes) if minutes else "0", said[count:]


READERS = {
    Word.UP: _up,
    Word.SIZES: _sizes,
    Word.RESIZE: _resize,
    Word.HOLD: _hold,
    Word.EXTEND: _extend,
    Word.DELETE: _delete,
}


def read_defaults(text: str) -> dict[str, str]:
    """The arguments in words like `region=… allow_from=…`; raises ValueError for any other word."""
    try:
        return {key: str(value) for key, value in _up(Word.UP, "", text.split()).body.items()}
    except MisunderstoodError as error:
        raise ValueError(str(error)) from None
