"""A time limit for a whole piece of work, whatever it waits for."""

import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from threading import Thread
from typing import TypeVar

T = TypeVar("T")
SLICE = 0.2  # seconds; Windows delivers Ctrl-C only between two waits


class DeadlineExceeded(Exception):
    """The work did not end in time; its thread is abandoned."""


def run_within(seconds: float, work: Callable[[], T]) -> T:
    """The result of some work, or its exception; raises DeadlineExceeded after so many seconds."""
    future, deadline = Future[T](), time.monotonic() + seconds
    # A daemon does not keep the process alive. httpx limits single reads only: headers can dribble for hours.
    Thread(target=_settle, args=(future, work), daemon=True).start()
    while not future.done():
        remaining = deadline - time.monotonic()
        if remaining <= 0:
            raise DeadlineExceeded
        wait([future], timeout=min(remaining, SLICE))
    return future.result()


def _settle(future: Future[T], work: Callable[[], T]) -> None:
    try:
        future.set_result(work())
    except Exception as error:  # noqa: BLE001 - passed on to the thread that waits
        future.set_exception(error)
