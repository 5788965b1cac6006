"""Plain text: user input without the control characters that a terminal or browser would interpret."""

import re
from typing import Annotated

from pydantic import AfterValidator

# C0, DEL and C1, line separators, direction marks, invisible format characters (but not the joiners that scripts and emoji
# need), lone surrogates, and noncharacters.
CONTROL = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028\u2029\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    r"\ud800-\udfff\ufffe\uffff]"
)
BLANK = re.compile(r"[\t\n\r\x0b\x0c\x85\u2028\u2029]+")


def plain(text: str) -> str:
    """A text on one line, with control characters replaced."""
    return CONTROL.sub("\ufffd", BLANK.sub(" ", text))


def require_plain(text: str) -> str:
    """The same text; raises ValueError if it has control characters or direction marks."""
    found = CONTROL.search(text)
    if found:
        raise ValueError(f"contains a control character, line break or direction mark (U+{ord(found[0]):04X}); remove it")
    return text


PlainText = Annotated[str, AfterValidator(require_plain)]
