"""Activities that adopt and release VMs: tags for the sweep, and the agent."""

import re
from typing import Any

from activities.health import script_output
from dormouse.cloud.clients import Cloud
from dormouse.environments.operations import Adoption, PollRequest
from dormouse.environments.results import Progress, Refusal, RefusalReason, Stage
from dormouse.guest.installation import install_script, remove_script
from dormouse.records.machines import MachineRecords
from dormouse.resources.machines import DEPLOYMENT_TAG, IDLE_TAG, SCHEDULE_TAG, key_of

RESULT = re.compile(r"^dormouse-check agent (?P<result>passed|failed) ?(?P<detail>.*)$", re.MULTILINE)
OURS = (IDLE_TAG, SCHEDULE_TAG, DEPLOYMENT_TAG)
SYSTEM, USER = "SystemAssigned", "UserAssigned"


async def tag_machine(request: Adoption, cloud: Cloud) -> Progress:
    """Start tagging a VM, and add a system-assigned identity if its agent needs one."""
    machine: Any = await _machines(request, cloud).get(request.group, request.name)
    kept = {name: value for name, value in (machine.get("tags") or {}).items() if name.lower() not in request.tags}
    change: dict[str, Any] = {"tags": {**kept, **request.tags}}  # tag names are case-insensitive in Azure
    kind = str((machine.get("identity") or {}).get("type", ""))
    if request.agent and SYSTEM not in kind:
        change["identity"] = {"type": f"{SYSTEM}, {USER}" if USER in kind else SYSTEM}
    elif machine.get("tags") == change["tags"]:
        return Progress.done()
    return await cloud.begin(_machines(request, cloud).begin_update, request.group, request.name, change)


async def untag_machine(request: Adoption, cloud: Cloud) -> Progress:
    """Start removing Dormouse's tags from a VM; its identity stays, because others may use it."""
    machine: Any = await _machines(request, cloud).get(request.group, request.name)
    tags = {name: value for name, value in (machine.get("tags") or {}).items() if name.lower() not in OURS}
    if tags == machine.get("tags"):
        return Progress.done()
    body: Any = {"tags": tags}
    return await cloud.begin(_machines(request, cloud).begin_update, request.group, request.name, body)


async def begin_agent_setup(request: Adoption, cloud: Cloud) -> Progress:
    """Start installing the agent on a VM by Run Command."""
    settings = cloud.settings
    return await _run(request, cloud, install_script(settings.control_plane_url, settings.heartbeat_audience))


async def begin_agent_removal(request: Adoption, cloud: Cloud) -> Progress:
    """Start removing the agent from a VM by Run Command."""
    return await _run(request, cloud, remove_script())


async def read_agent_setup(request: PollRequest, cloud: Cloud) -> Progress:
    """Poll the agent script; it is refused if the script reports a failure."""
    progress, body = await cloud.ask(request.url)
    if progress.stage is not Stage.DONE:
        return progress
    output = script_output(body)
    said = RESULT.search(output)
    if said is not None and said["result"] == "passed":
        return progress
    detail = (
        said["detail"]
        if said
        else f"The setup script did not report the result of the agent; its output ends with: {output[-300:]}"
    )
    return Progress.refused(Refusal(RefusalReason.FAILED_LATE, detail.strip(), step="agent"))


async def forget_agent(request: Adoption, cloud: Cloud) -> str:
    """Delete the record of a VM's agent after the agent was removed."""
    await MachineRecords(cloud.tables).forget_heard(key_of(request.machine))
    return request.machine


async def _run(request: Adoption, cloud: Cloud, script: str) -> Progress:
    body: Any = {"commandId": "RunShellScript", "script": script.splitlines(), "parameters": []}
    return await cloud.begin(_machines(request, cloud).begin_run_command, request.group, request.name, body)


def _machines(request: Adoption, cloud: Cloud) -> Any:
    return cloud.compute_in(request.subscription).virtual_machines
