"""The words of a chat message, without the decoration that people and editors put around them."""

import re
import unicodedata

# Nothing that anybody sees: zero-width signs, and marks of writing direction.
UNSEEN = re.compile(r"[\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufe00-\ufe0f\ufeff]")
PAIRS = {
    **{sign: sign for sign in "*_~`\"'"},
    "\N{LEFT DOUBLE QUOTATION MARK}": "\N{RIGHT DOUBLE QUOTATION MARK}",
    "\N{LEFT SINGLE QUOTATION MARK}": "\N{RIGHT SINGLE QUOTATION MARK}",
    "\N{DOUBLE LOW-9 QUOTATION MARK}": "\N{LEFT DOUBLE QUOTATION MARK}",
    "\N{SINGLE LOW-9 QUOTATION MARK}": "\N{LEFT SINGLE QUOTATION MARK}",
    "\N{LEFT-POINTING DOUBLE ANGLE QUOTATION MARK}": "\N{RIGHT-POINTING DOUBLE ANGLE QUOTATION MARK}",
}
AROUND = "".join({*PAIRS, *PAIRS.values()})
# No question mark: `stop ml1?` asks something.
BEFORE_NAMES, BEHIND_NAMES = f"{AROUND}([<@#", f"{AROUND})]>.,;:!"
NAMES = 2  # the command and what it is about


def words_in(text: str) -> list[str]:
    """The words of a message: the first two without any decoration, the others without what encloses them."""
    words = undecorated(UNSEEN.sub("", text).strip()).split()
    named = [_name_in(unicodedata.normalize("NFKC", word)) or word for word in words[:NAMES]]
    return [*named, *map(undecorated, words[NAMES:])]


def _name_in(word: str) -> str:
    return word.lstrip(BEFORE_NAMES).rstrip(BEHIND_NAMES)


def undecorated(text: str) -> str:
    """A text without what encloses it as a whole."""
    while len(text) > 2 and PAIRS.get(text[0]) == text[-1]:
        text = text[1:-1]
    return text.strip()
