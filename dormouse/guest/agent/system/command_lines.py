"""Options in the command lines of other programs."""

from __future__ import annotations

from collections.abc import Sequence


def option_value(option: str, words: Sequence[str]) -> str:
    """The value of an option, written as `--option value` or `--option=value`; "" if it is absent."""
    for place, word in enumerate(words):
        if word == option:
            return "".join(words[place + 1 : place + 2])
        if word.startswith(f"{option}="):
            return word[len(option) + 1 :]
    return ""
