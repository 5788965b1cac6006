"""Length limits for stored, published and sent texts, and truncation that says how much was cut."""

import json
from collections.abc import Iterable
from typing import Any

# A row holds 1 MiB of UTF-16, and the row of an operation holds many of these texts.
# https://learn.microsoft.com/rest/api/storageservices/understanding-the-table-service-data-model
LONGEST_DETAIL = 2_000  # Azure's message about one refusal
LONGEST_EXPLANATION = 6_000  # the reason of an outcome
LONGEST_PROBLEM = 500  # one line of a report
MOST_PROBLEMS = 25  # lines of a report; further lines are counted
MOST_REFUSALS = 20  # of one outcome
MOST_FINDINGS = 50
MOST_LEFTOVERS = 200
LONGEST_NAME = 400  # a resource id in a list
LONGEST_SENTENCE = 1_000  # the sweep's sentence about one machine
LONGEST_NOTICE = 3_000  # one notification
# Durable Functions limits a custom status to 16 KB of UTF-16, including JSON quotes and escapes; this leaves some room.
# https://learn.microsoft.com/azure/azure-functions/durable/durable-functions-custom-orchestration-status
LONGEST_STATUS = 8_000


def clipped(text: str, longest: int) -> str:
    """A text of at most so many characters, without control characters; what is left out is counted at its end."""
    if len(text) <= longest:
        return text.translate(HARMLESS)
    mark = f" … ({len(text):,} characters in all)"
    return text[: max(longest - len(mark), 0)].translate(HARMLESS) + mark[:longest]


def first_of(texts: Iterable[str], most: int, longest: int = LONGEST_PROBLEM) -> tuple[str, ...]:
    """The first texts, each truncated, plus a line that counts the others; an earlier count is added, not repeated."""
    every = list(texts)
    told = [clipped(text, longest) for text in dict.fromkeys(every) if not _counted(text)]
    left = sum(map(_counted, every)) + len(told[most:])
    return (*told[:most], *([f"{MORE}{left:,}"] if left else []))


def status_length(content: Any) -> int:
    """The length of JSON values as a custom status, for comparison with `LONGEST_STATUS`."""
    return len(json.dumps(content, ensure_ascii=False).encode("utf-16-le", "surrogatepass")) // 2


HARMLESS = {number: " " for number in range(32) if chr(number) not in "\t\n\r"}
MORE = "More that are not listed: "


def _counted(text: str) -> int:
    number = text.removeprefix(MORE).replace(",", "")
    return int(number) if text.startswith(MORE) and number.isdigit() else 0
