"""Timestamps of histories: the SDK parses each again in every replay, a third of the work; here each is parsed once."""

import functools
import importlib
from typing import Any

REMEMBERED = 20_000


def parse_timestamps_once() -> None:
    """Let the SDK remember, in this process, what it has parsed."""
    events: Any = importlib.import_module("azure.durable_functions.models.history.HistoryEvent")
    if not hasattr(events.dt_parse, "cache_info"):
        events.dt_parse = functools.lru_cache(REMEMBERED)(events.dt_parse)
