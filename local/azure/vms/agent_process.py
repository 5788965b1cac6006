"""The agent in a machine: its installation and removal, and whether it runs."""

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
    """The configuration of an agent that a text contains, as a line of its own or within one, or None."""
    for match in OBJECT.finditer(text):
        try:
            found = json.loads(match[0])
        except ValueError:
            continue
        if isinstance(found.get("control_plane"), str) and isinstance(found.get("audience"), str):
            return {"control_plane": found["control_plane"], "audience": found["audience"]}
    return None


def changed_by(script: str, machine: Document, at: float) -> tuple[Document, str] | None:
    """The machine after a script that installs or removes the agent, and the script's output; None for any other script.

    The shell of simulated machines lacks the commands to do it: such scripts are recognized.
    """
    if REMOVING in script:
        guest = {name: value for name, value in (machine.get("_guest") or {}).items() if name != "agent"}
        return {**machine, "_guest": guest}, REMOVED
    configuration = configuration_in(script) if UNIT in script else None
    if configuration is None:
        return None
    return with_agent(machine, configuration, at), INSTALLED


def with_agent(machine: Document, configuration: dict[str, str] | None, at: float, *, running: bool = True) -> Document:
    """A machine whose agent was installed, started or killed at a time; without a configuration it keeps the existing one."""
    guest: dict[str, Any] = dict(machine.get("_guest") or {})
    guest["agent"] = {**guest.get("agent", {}), **(configuration or {}), "since": at, "running": running}
    return {**machine, "_guest": guest}


def agent_of(machine: Document | None) -> dict[str, Any] | None:
    """The agent that runs in a machine now or as soon as the machine is up, or None."""
    if machine is None or machine["type"] != MACHINE or machine["_power"] != "running":
        return None
    agent: dict[str, Any] | None = (machine.get("_guest") or {}).get("agent")
    return agent if agent and agent["running"] else None


def begun(machine: Document) -> float:
    """When the agent's process began: with the machine, or later if started separately."""
    guest = machine["_guest"]
    return max(float(guest.get("up", 0.0)), float(guest["agent"]["since"]))


def gpu_of(machine: Document) -> str:
    """The agent's view of the GPU: "ok", "absent", or "broken", which it also is before the driver is installed."""
    guest = machine["_guest"]
    if "gpu" in guest:
        return str(guest["gpu"])
    if not str(machine["properties"]["hardwareProfile"]["vmSize"]).lower().startswith("standard_n"):
        return "absent"
    return "ok" if guest.get("driver") and "driver" not in guest.get("lost", []) else "broken"
