"""Limits: how long a text may be where it is stored, published or sent, and how what is left out is marked."""

import json
from collections.abc import Iterable
from typing import Any

# A row holds 1 MiB of UTF-16, and the row of an operation holds many of these texts.
# https://learn.microsoft.com/rest/api/storageservices/understanding-the-table-service-data-model
LONGEST_DETAIL = 2_000  # what Azure said about one refusal
LONGEST_EXPLANATION = 6_000  # how an operation ended, in words
LONGEST_PROBLEM = 500  # one line of a report
MOST_PROBLEMS = 25  # lines of a report, and the count of the others
MOST_REFUSALS = 20  # of one outcome
MOST_FINDINGS = 50
MOST_LEFTOVERS = 200
LONGEST_NAME = 400  # a resource id in a list
LONGEST_SENTENCE = 1_000  # what a sweep says of one machine
LONGEST_NOTICE = 3_000  # what people are told at once
# Durable Functions takes 16 KB of UTF-16, the quotes and escapes of JSON included; a little is left free.
# https://learn.microsoft.com/azure/azure-functions/durable/durable-functions-custom-orchestration-status
LONGEST_STATUS = 8_000


def clipped(text: str, longest: int) -> str:
    """A text of at most so many characters, without control characters; what is left out is counted at its end."""
    if len(text) <= longest:
        return text.translate(HARMLESS)
    mark = f" … ({len(text):,} characters in all)"
    return text[: max(longest - len(mark), 0)].translate(HARMLESS) + mark[:longest]


def first_of(texts: Iterable[str], most: int, longest: int = LONGEST_PROBLEM) -> tuple[str, ...]:
    """The first texts of many, each clipped, and how many more there are; counting what was counted before once."""
    every = list(texts)
    told = [clipped(text, longest) for text in dict.fromkeys(every) if not _counted(text)]
    left = sum(map(_counted, every)) + len(told[most:])
    return (*told[:most], *([f"{MORE}{left:,}"] if left else []))


def status_length(content: Any) -> int:
    """How long plain JSON values are as a custom status, to be compared with `LONGEST_STATUS`."""
    return len(json.dumps(content, ensure_ascii=False).encode("utf-16-le", "surrogatepass")) // 2


HARMLESS = {number: " " for number in range(32) if chr(number) not in "\t\n\r"}
MORE = "More that are not listed: "


def _counted(text: str) -> int:
    number = text.removeprefix(MORE).replace(",", "")
    return int(number) if text.startswith(MORE) and number.isdigit() else 0
