"""`check`: in words, what would be reported now."""

from __future__ import annotations

import time
from collections.abc import Iterator

from .filesystem import Places, Unknown
from .holds import wishes
from .identity import Identity
from .intervals import Pace, now
from .main_loop import Eyes, read_configuration
from .sources import ask, problems_of

GPU_PATIENCE = 5


def check(places: Places, metadata: str) -> Iterator[str]:
    """One line for everything that is known, and for everything that is not, why."""
    yield from _whom(places, metadata)
    pace = Pace()
    eyes = Eyes(places, pace)
    began = now()
    try:
        for source in (*eyes.quick, *eyes.slow):
            ask(source, now(), began)
        for _ in range(GPU_PATIENCE):
            time.sleep(pace.tick)
            ask(eyes.gpus, now(), began)
            if eyes.gpus.state(now())[0] != "broken":
                break
        state, problem = eyes.gpus.state(now())
        yield f"GPUs: {state}{': ' if problem else ''}{problem}"
        for source in (*eyes.quick, *eyes.slow):
            signals, why = ask(source, now(), began)
            yield f"{source.name}: {_in_words(signals, why)}"
            remark = "" if why else getattr(source, "remark", "")
            if remark:
                yield f"{source.name}: {remark}"
            for name, problem in ({} if why else problems_of(source, "")).items():
                yield f"{source.name}: {name} unknown, because {problem}"
    finally:
        eyes.gpus.end()
    for hold in wishes(places, now()):
        yield f"{hold.by} wishes that the machine stays awake: {hold.reason or 'no reason given'}"


def _in_words(signals: dict[str, float], why: str) -> str:
    if why:
        return f"unknown, because {why}"
    return ", ".join(f"{name} {round(value, 2):.12g}" for name, value in signals.items()) or "nothing to report"


def _whom(places: Places, metadata: str) -> Iterator[str]:
    try:
        configuration = read_configuration(places)
        yield f"control plane: {configuration.control_plane}"
    except Unknown as error:
        yield f"control plane: unknown, because {error}"
    try:
        yield f"machine: {Identity('', metadata).machine()}"
    except Unknown as error:
        yield f"machine: unknown, because {error}"
