"""The agent in a machine: what installs and removes it, and whether it runs."""

import json
import re
from typing import Any

from local.azure.core.store import Document
from local.azure.providers.kinds import MACHINE

CONFIGURATION = "/etc/dormouse/agent.json"
UNIT = "dormouse-agent.service"
REMOVING = f"systemctl disable --now {UNIT}"
INSTALLED = "dormouse-check agent passed the agent is reporting\n"
REMOVED = "dormouse-check agent passed the agent has been removed\n"
OBJECT = re.compile(r"\{[^{}]*\}")


def configuration_in(text: str) -> dict[str, str] | None:
    """The configuration of an agent that stands in a text on a line of its own or in one, or None."""
    for match in OBJECT.finditer(text):
        try:
            found = json.loads(match[0])
        except ValueError:
            continue
        if isinstance(found.get("control_plane"), str) and isinstance(found.get("audience"), str):
            return {"control_plane": found["control_plane"], "audience": found["audience"]}
    return None


def changed_by(script: str, machine: Document, at: float) -> tuple[Document, str] | None:
    """The machine in which a script has installed or removed the agent, and what it prints; None if it does neither.

    The shell of simulated machines knows no commands that could do it: such scripts are recognised.
    """
    if REMOVING in script:
        guest = {name: value for name, value in (machine.get("_guest") or {}).items() if name != "agent"}
        return {**machine, "_guest": guest}, REMOVED
    configuration = configuration_in(script) if UNIT in script else None
    if configuration is None:
        return None
    return with_agent(machine, configuration, at), INSTALLED


def with_agent(machine: Document, configuration: dict[str, str] | None, at: float, *, running: bool = True) -> Document:
    """A machine whose agent has been installed, started or killed at a moment; without a configuration it keeps the one it has."""
    guest: dict[str, Any] = dict(machine.get("_guest") or {})
    guest["agent"] = {**guest.get("agent", {}), **(configuration or {}), "since": at, "running": running}
    return {**machine, "_guest": guest}


def agent_of(machine: Document | None) -> dict[str, Any] | None:
    """The agent that runs in a machine now or as soon as that is up, or None."""
    if machine is None or machine["type"] != MACHINE or machine["_power"] != "running":
        return None
    agent: dict[str, Any] | None = (machine.get("_guest") or {}).get("agent")
    return agent if agent and agent["running"] else None


def begun(machine: Document) -> float:
    """When the agent's process has begun: with the machine, or later by hand."""
    guest = machine["_guest"]
    return max(float(guest.get("up", 0.0)), float(guest["agent"]["since"]))


def gpu_of(machine: Document) -> str:
    """What the agent finds of a GPU: "ok", "absent", or "broken", which it also is before the driver is there."""
    guest = machine["_guest"]
    if "gpu" in guest:
        return str(guest["gpu"])
    if not str(machine["properties"]["hardwareProfile"]["vmSize"]).lower().startswith("standard_n"):
        return "absent"
    return "ok" if guest.get("driver") and "driver" not in guest.get("lost", []) else "broken"
