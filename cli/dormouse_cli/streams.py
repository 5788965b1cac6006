"""The standard streams of the process, which may be closed, full, or a pipe whose reader has ended."""

import errno
import io
import os
import sys
import time
from typing import Any

from dormouse_cli.errors import OutputError

PAUSE = 0.01  # seconds until the next attempt to write to a pipe that is full and does not block
# Windows reports a pipe without a reader as EINVAL.
NO_READER = frozenset({errno.EPIPE, errno.EINVAL} if os.name == "nt" else {errno.EPIPE})


class Output(io.RawIOBase):
    """A raw stream that drops what cannot be delivered; if `required`, the first failure to write raises OutputError."""

    def __init__(self, stream: io.TextIOWrapper, *, required: bool) -> None:
        self._stream = stream  # without this reference, the file would be closed
        self._raw: Any = getattr(stream.buffer, "raw", stream.buffer)
        self._required, self._failed = required, False

    def writable(self) -> bool:
        """Always."""
        return True

    def fileno(self) -> int:
        """The file descriptor below."""
        return int(self._raw.fileno())

    def isatty(self) -> bool:
        """Whether it is a terminal."""
        return bool(self._raw.isatty())

    def write(self, data: Any) -> int:
        """Write bytes, or drop them after a failure; raises OutputError."""
        if self._failed:
            return len(data)
        try:
            while (count := self._raw.write(data)) is None:
                time.sleep(PAUSE)
            return int(count)
        except OSError as error:
            self._failed = True
            if self._required and error.errno not in NO_READER:
                raise OutputError(f"Cannot write the output: {error.strerror or error}.") from None
            return len(data)


def prepare_streams() -> None:
    """Replace the standard streams: closed ones by the null device, stdout and stderr by an `Output`."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:  # the process was started with this file descriptor closed
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115, PTH123 - open until the end
    sys.stdout = _guarded(sys.stdout, required=True)
    sys.stderr = _guarded(sys.stderr, required=False)


def _guarded(stream: Any, *, required: bool) -> Any:
    """The text stream over an `Output`; a character that its encoding lacks is replaced."""
    if not isinstance(stream, io.TextIOWrapper):
        return stream
    buffer = io.BufferedWriter(Output(stream, required=required))
    return io.TextIOWrapper(buffer, stream.encoding, "replace", line_buffering=stream.isatty() or not required)
