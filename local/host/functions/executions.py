"""Executions: with FILE in the environment, every call of a function becomes a line of JSON there: what Azure would bill."""

import json
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

FILE = "LOCAL_HOST_EXECUTIONS"

Line = dict[str, Any]
_running: ContextVar[Line | None] = ContextVar("execution", default=None)


class Executions:
    """Writes a line per call: function and trigger, when it began, how long it took (real seconds), and what it logged."""

    def __init__(self, path: Path) -> None:
        """Append to a file; from now on, this process logs as the worker in Azure does, from INFO on."""
        self._file = path.open("a", buffering=1)
        logging.getLogger().setLevel(logging.INFO)
        logging.getLogger().addHandler(_Count())

    @classmethod
    def from_environment(cls) -> "Executions | None":
        """Those of this process, if they are asked for."""
        path = os.environ.get(FILE)
        return cls(Path(path)) if path else None

    @contextmanager
    def one(self, name: str, kind: str) -> Iterator[None]:
        """Write a line when the block ends, however it ends."""
        line: Line = {"function": name, "kind": kind, "began": time.time(), "log_lines": 0, "log_bytes": 0}
        begun, token = time.perf_counter(), _running.set(line)
        try:
            yield
        finally:
            _running.reset(token)
            self._file.write(json.dumps({**line, "seconds": time.perf_counter() - begun}) + "\n")


class _Count(logging.Handler):
    """Counts what a call logs."""

    def emit(self, record: logging.LogRecord) -> None:
        line = _running.get()
        if line is not None:
            line["log_lines"] += 1
            line["log_bytes"] += len(record.getMessage().encode())
