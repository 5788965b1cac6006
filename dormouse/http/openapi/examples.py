"""Examples of what routes take, by the name of who answers, for people who read the description."""

from typing import Any

from dormouse.resources.compute.machines import machine_id

MACHINE = machine_id("00000000-0000-0000-0000-000000000000", "research", "gpu1")
EXAMPLES: dict[str, Any] = {
    "put_environment": {"blueprint": "workstation", "region": "polandcentral"},
    "hold_environment": {"for": "2h", "reason": "a long run"},
    "extend_environment": {"for": "8h", "then": "stop"},
    "hold_machine": {"machine": MACHINE, "for": "2h", "reason": "a long run"},
    "extend_machine": {"machine": MACHINE, "for": "8h"},
    "adopt": {"machine": MACHINE, "idle": "window=45m, lead=10m", "agent": True},
    "release": {"machine": MACHINE},
    "receive_heartbeat": {
        "version": 1,
        "machine": MACHINE,
        "boot": "0f8c3b1e5d0f4f0e9f0c0a4d5c1c7e11",
        "uptime_seconds": 3600.0,
        "minutes": [{"sequence": 59, "age_seconds": 12.5, "signals": {"gpu_percent": {"max": 99.0, "p95": 97.0}}}],
        "gpu": "ok",
    },
    "teams_message_in": {"id": "1", "timestamp": "2026-05-01T12:00:00Z", "from": {"id": "29:1"}, "text": "start ml1"},
    "generic_message": {"id": "0f8c3b1e-5d0f", "at": "2026-05-01T12:00:00Z", "user": "alice", "text": "start ml1"},
}
# What Slack sends as forms; other fields are left alone.
FORMS: dict[str, tuple[str, ...]] = {
    "slack_command": ("command", "text", "user_id", "trigger_id", "response_url"),
    "slack_interaction": ("payload",),
}
