"""Activities that adopt and release VMs: tags for the sweep, and the agent."""

import re
from typing import Any

from activities.idle.clusters import cluster_now
from activities.idle.pools import pool_now
from activities.resources.run_command import run_script, script_output
from dormouse.cloud.clients import Cloud
from dormouse.cloud.inventory import Inventory
from dormouse.cloud.sdk_errors import get_existing
from dormouse.environments.answers import Answer, Done, Refused
from dormouse.environments.operations import Adoption
from dormouse.environments.requests import PollRequest
from dormouse.environments.results import InstanceView, Refusal, RefusalReason
from dormouse.guest.installation import install_script, remove_script
from dormouse.idle.clusters.ml_cluster import CLUSTER_ID
from dormouse.idle.clusters.node_pool import POOL_ID
from dormouse.idle.responsibility import text_of_others
from dormouse.lifecycle import State
from dormouse.records.machines import MachineRecords
from dormouse.resources.compute.machines import DEPLOYMENT_TAG, IDLE_TAG, SCHEDULE_TAG, key_of

RESULT = re.compile(r"^dormouse-check agent (?P<result>passed|failed) ?(?P<detail>.*)$", re.MULTILINE)
OURS = (IDLE_TAG, SCHEDULE_TAG, DEPLOYMENT_TAG)
SYSTEM, USER = "SystemAssigned", "UserAssigned"


async def read_machine(request: str, cloud: Cloud) -> InstanceView:
    """The current state of a VM from its instance view, or of a cluster or pool from its nodes."""
    if CLUSTER_ID.fullmatch(request):
        cluster = await cluster_now(request, cloud)
        state = cluster.state if cluster else State.ABSENT
        return InstanceView(state, "; ".join(cluster.errors) if cluster else "")
    if POOL_ID.fullmatch(request):
        pool = await pool_now(request, cloud)
        return InstanceView(pool.confirmed_state if pool else State.ABSENT)
    return await Inventory(cloud).look(request)


async def tag_machine(request: Adoption, cloud: Cloud) -> Answer:
    """Start tagging a VM, and add an identity if its agent needs one; refused if another deployment has the VM."""
    machine: Any = await get_existing(_machines(request, cloud).get(request.group, request.name))
    if refused := _of_others(machine, cloud):
        return refused
    kept = {name: value for name, value in (machine.get("tags") or {}).items() if name.lower() not in request.tags}
    change: dict[str, Any] = {"tags": {**kept, **request.tags}}  # tag names are case-insensitive in Azure
    kind = str((machine.get("identity") or {}).get("type", ""))
    if request.agent and SYSTEM not in kind:
        change["identity"] = {"type": f"{SYSTEM}, {USER}" if USER in kind else SYSTEM}
    elif machine.get("tags") == change["tags"]:
        return Done()
    return await cloud.begin(_machines(request, cloud).begin_update, request.group, request.name, change)


async def untag_machine(request: Adoption, cloud: Cloud) -> Answer:
    """Start removing Dormouse's tags from a VM, unless another deployment has it; its identity stays: others may use it."""
    machine: Any = await get_existing(_machines(request, cloud).get(request.group, request.name))
    if refused := _of_others(machine, cloud):
        return refused
    tags = {name: value for name, value in (machine.get("tags") or {}).items() if name.lower() not in OURS}
    if tags == machine.get("tags"):
        return Done()
    body: Any = {"tags": tags}
    return await cloud.begin(_machines(request, cloud).begin_update, request.group, request.name, body)


async def begin_agent_setup(request: Adoption, cloud: Cloud) -> Answer:
    """Start installing the agent on a VM by Run Command."""
    settings = cloud.settings
    script = install_script(settings.control_plane_url, settings.heartbeat_audience)
    return await run_script(request.machine, script, cloud)


async def begin_agent_removal(request: Adoption, cloud: Cloud) -> Answer:
    """Start removing the agent from a VM by Run Command."""
    return await run_script(request.machine, remove_script(), cloud)


async def read_agent_setup(request: PollRequest, cloud: Cloud) -> Answer:
    """Poll the agent script; it is refused if the script reports a failure."""
    answer, body = await cloud.ask(request.url)
    if not isinstance(answer, Done):
        return answer
    output = script_output(body)
    said = RESULT.search(output)
    if said is not None and said["result"] == "passed":
        return answer
    detail = (
        said["detail"]
        if said
        else f"The setup script did not report the result of the agent; its output ends with: {output[-300:]}"
    )
    return Refused(Refusal(RefusalReason.FAILED_LATE, detail.strip(), step="agent"))


async def forget_agent(request: Adoption, cloud: Cloud) -> str:
    """Delete the record of a VM's agent after the agent was removed."""
    await MachineRecords(cloud.tables).forget_heard(key_of(request.machine))
    return request.machine


def _of_others(machine: Any, cloud: Cloud) -> Refused | None:
    """The refusal for a machine whose tags name another deployment, which may have adopted it a moment ago."""
    tags = {name.lower(): str(value) for name, value in (machine.get("tags") or {}).items()}
    deployment = tags.get(DEPLOYMENT_TAG, cloud.settings.deployment_id)
    if deployment == cloud.settings.deployment_id:
        return None
    return Refused(Refusal(RefusalReason.CONFLICT, text_of_others(deployment)))


def _machines(request: Adoption, cloud: Cloud) -> Any:
    return cloud.compute_in(request.subscription).virtual_machines
