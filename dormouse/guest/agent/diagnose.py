"""`check`: print what would be reported now."""

from __future__ import annotations

import time
from collections.abc import Iterator

from .filesystem import FileSystem, Unknown
from .holds import read_holds
from .identity import Identity
from .intervals import Intervals, now
from .main_loop import Sources, read_configuration
from .sources import problems_of, read_source

GPU_ATTEMPTS = 5


def check(filesystem: FileSystem, metadata: str) -> Iterator[str]:
    """One line for each signal, or why it is unknown."""
    yield from _configuration_lines(filesystem, metadata)
    intervals = Intervals()
    sources = Sources(filesystem, intervals)
    began = now()
    try:
        for source in (*sources.quick, *sources.slow):
            read_source(source, now(), began)
        for _ in range(GPU_ATTEMPTS):
            time.sleep(intervals.tick)
            read_source(sources.gpus, now(), began)
            if sources.gpus.state(now())[0] != "broken":
                break
        state, problem = sources.gpus.state(now())
        yield f"GPUs: {state}{': ' if problem else ''}{problem}"
        for source in (*sources.quick, *sources.slow):
            signals, why = read_source(source, now(), began)
            yield f"{source.name}: {_format_signals(signals, why)}"
            remark = "" if why else getattr(source, "remark", "")
            if remark:
                yield f"{source.name}: {remark}"
            for name, problem in ({} if why else problems_of(source, "")).items():
                yield f"{source.name}: {name} unknown, because {problem}"
    finally:
        sources.gpus.end()
    for hold in read_holds(filesystem, now()):
        yield f"hold by {hold.by}: {hold.reason or 'no reason given'}"


def _format_signals(signals: dict[str, float], why: str) -> str:
    if why:
        return f"unknown, because {why}"
    return ", ".join(f"{name} {round(value, 2):.12g}" for name, value in signals.items()) or "nothing to report"


def _configuration_lines(filesystem: FileSystem, metadata: str) -> Iterator[str]:
    try:
        configuration = read_configuration(filesystem)
        yield f"control plane: {configuration.control_plane}"
    except Unknown as error:
        yield f"control plane: unknown, because {error}"
    try:
        yield f"machine: {Identity('', metadata).machine()}"
    except Unknown as error:
        yield f"machine: unknown, because {error}"
