"""The power of machines over time: what sweeps observe, and what was billed for it."""
