"""The health check, which runs inside the VM by Run Command."""

from dataclasses import replace
from typing import Any

from dormouse.cloud.clients import Cloud
from dormouse.environments.operations import PollRequest, Probe
from dormouse.environments.results import Progress, Stage
from dormouse.guest.health import findings_in, health_script


async def begin_health_check(request: Probe, cloud: Cloud) -> Progress:
    """Start the health script inside the VM."""
    machine = request.machine
    body: Any = {"commandId": "RunShellScript", "script": health_script(machine.setup).splitlines(), "parameters": []}
    return await cloud.begin(cloud.compute.virtual_machines.begin_run_command, machine.group, machine.name, body)


async def read_health_check(request: PollRequest, cloud: Cloud) -> Progress:
    """Poll the health script; when it has ended, return its results."""
    progress, body = await cloud.ask(request.url)
    if progress.stage is not Stage.DONE or request.machine is None:
        return progress
    return replace(progress, health_checks=findings_in(script_output(body), request.machine.setup))


def script_output(body: Any) -> str:
    """The output of a Run Command script, which Azure returns in `properties.output` or, at some URLs, on top level."""
    body = body if isinstance(body, dict) else {}
    output = (body.get("properties") or {}).get("output") or body
    return "\n".join(str(item.get("message", "")) for item in output.get("value") or [])
