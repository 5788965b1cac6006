"""Parsing the output of nvidia-smi: rows in which each field may be unknown, and other messages."""

from __future__ import annotations

import re
from dataclasses import dataclass

QUERY = "--query-gpu=index,utilization.gpu,memory.used,memory.total,power.draw"
APPS = "--query-compute-apps=pid,used_memory"
FORMAT = "--format=csv,noheader,nounits"
INFOROM_CORRUPTED = 14  # only a warning: the query is answered
MOST_GPUS = 1024
NUMBER = re.compile(r"(\d+(?:[.,]\d+)?)\s*(?:%|W|MiB)?")


@dataclass(frozen=True)
class Reading:
    """The values of one GPU (None: not reported); `unsaid` is the text in place of its utilization."""

    percent: float | None
    memory_percent: float | None
    watts: float | None
    unsaid: str = ""


def reading_in(line: str) -> tuple[int, Reading] | None:
    """The index and values of a GPU in a line of the output; None if the line is not a row."""
    # Fields are separated by a comma and a space; a comma alone may be a decimal separator.
    fields = [field.strip() for field in (re.split(r",\s+", line) if ", " in line else line.split(","))]
    if len(fields) < 2 or not fields[0].isdigit() or int(fields[0]) >= MOST_GPUS:
        return None
    percent, used, total, watts = (_number(text) for text in (*fields[1:5], *[""] * 4)[:4])
    full = 100 * used / total if used is not None and total else None
    percent = percent if percent is not None and percent <= 100 else None
    return int(fields[0]), Reading(percent, full, watts, fields[1] if percent is None else "")


def processes_in(printed: str) -> tuple[set[int], bool]:
    """The process IDs in the list of compute processes, and whether every row had one."""
    pids, whole = set(), True
    for fields in (line.split(",") for line in printed.splitlines()):
        if fields[0].strip().isdigit():
            pids.add(int(fields[0]))
        elif len(fields) > 1 or fields[0].strip().startswith(("[", "N/A")):
            whole = whole and fields[0].strip() == "pid"  # the header
    return pids, whole


def _number(text: str) -> float | None:
    match = NUMBER.fullmatch(text)
    return float(match[1].replace(",", ".")) if match else None
