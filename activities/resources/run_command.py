"""Run Command: a script inside a VM, and its output. https://learn.microsoft.com/azure/virtual-machines/linux/run-command"""

from typing import Any

from dormouse.cloud.clients import Cloud
from dormouse.environments.answers import Answer
from dormouse.resources.naming import group_of, name_of, subscription_of


async def run_script(machine: str, script: str, cloud: Cloud) -> Answer:
    """Start a shell script inside the VM with this resource ID."""
    body: Any = {"commandId": "RunShellScript", "script": script.splitlines(), "parameters": []}
    machines = cloud.compute_in(subscription_of(machine)).virtual_machines
    return await cloud.begin(machines.begin_run_command, group_of(machine), name_of(machine), body)


def script_output(body: Any) -> str:
    """The output of a script, which Azure returns in `properties.output` or, at some URLs, on top level."""
    body = body if isinstance(body, dict) else {}
    output = (body.get("properties") or {}).get("output") or body
    return "\n".join(str(item.get("message", "")) for item in output.get("value") or [])
