"""Timestamps of histories: the SDK parses each again in every replay, a third of the work; a cache parses each once."""

import functools
import importlib
from typing import Any

CACHED = 20_000


def parse_timestamps_once() -> None:
    """Make the SDK cache parsed timestamps in this process."""
    events: Any = importlib.import_module("azure.durable_functions.models.history.HistoryEvent")
    if not hasattr(events.dt_parse, "cache_info"):
        events.dt_parse = functools.lru_cache(CACHED)(events.dt_parse)
