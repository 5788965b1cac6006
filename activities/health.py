"""The health check: asked inside the machine by Run Command."""

from dataclasses import replace
from typing import Any

from dormouse.cloud.clients import Cloud
from dormouse.environments.operations import PollRequest, Probe
from dormouse.environments.results import Progress, Stage
from dormouse.guest.health import findings_in, health_script


async def begin_health_check(request: Probe, cloud: Cloud) -> Progress:
    """Begin to run the health script inside the machine."""
    machine = request.machine
    body: Any = {"commandId": "RunShellScript", "script": health_script(machine.setup).splitlines(), "parameters": []}
    return await cloud.begin(cloud.compute.virtual_machines.begin_run_command, machine.group, machine.name, body)


async def read_health_check(request: PollRequest, cloud: Cloud) -> Progress:
    """Ask whether the script has run, and if so, what it found."""
    progress, body = await cloud.ask(request.url)
    if progress.stage is not Stage.DONE or request.machine is None:
        return progress
    return replace(progress, health_checks=findings_in(script_output(body), request.machine.setup))


def script_output(body: Any) -> str:
    """The text the script printed: Azure gives it under `properties.output` or bare, by the address it was asked at."""
    body = body if isinstance(body, dict) else {}
    output = (body.get("properties") or {}).get("output") or body
    return "\n".join(str(item.get("message", "")) for item in output.get("value") or [])
