"""Idle shutdown: evidence, verdicts, decisions, holds, leases and schedules. Pure."""
