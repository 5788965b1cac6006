"""Use cases: typed functions that HTTP handlers, chat commands and timers call."""
