"""Requests for agents in a pool of Azure Pipelines, and for the right of their machines to read the token."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from activities.resources.api import ResourceApi
from activities.resources.arm import delete_by_id, get_by_id
from activities.resources.compute import get_virtual_machine
from dormouse.cloud.clients import Cloud
from dormouse.cloud.pipelines import NOT_FOUND, AgentPool, token_in
from dormouse.environments.answers import Answer, Done, Pending, Refused
from dormouse.environments.requests import PutRequest
from dormouse.environments.results import Refusal, RefusalReason
from dormouse.lifecycle import State
from dormouse.resources.compute.machine_views import power_state
from dormouse.resources.identity import OTHER_PRINCIPAL, ROLE_ASSIGNMENT, principal_in
from dormouse.resources.kinds import Observed
from dormouse.resources.naming import group_of, name_of, subscription_of
from dormouse.resources.pipelines import PIPELINES_AGENT, TOKEN_ACCESS, machine_of
from dormouse.resources.plan import Plan, Resource

SHORTLY, LATER, STOPPING = 5.0, 15.0, 30.0
HTTP_OK, NO_CONTENT = 200, 204
# Azure DevOps refuses to delete an agent that runs a job: https://github.com/MicrosoftDocs/azure-devops-docs/pull/10586
RUNS_A_JOB = "is running a job"

TAKEN = (
    "The pool {pool} has an agent {agent} already, created on {created}, that is not of this environment. Choose another "
    "environment name, or delete that agent."
)
NOT_REGISTERED = "The agent {agent} is not in the pool {pool} any more; delete the environment and create it again."
NO_VAULT = "The setting KEY_VAULT_ID is empty, so that no machine can be given the right to read the token."
NO_TOKEN = "The key vault has no secret {secret}; store the token in it."  # noqa: S105


async def put_agent(request: PutRequest, cloud: Cloud) -> Answer:
    """Wait until the agent is in its pool, online and enabled; one of the same name that is not ours is left alone."""
    resource, pool = request.resource, agent_pool(request.resource, cloud)
    agent = await pool.agent(resource.settings["agent"])
    if agent is None:
        return Pending(LATER, detail="The machine has not registered its agent yet.")
    if not _is_ours(agent, resource):
        return Refused(_taken(agent, resource))
    if not agent.get("enabled"):
        await pool.enable(agent, enabled=True)
        return Pending(SHORTLY)
    return Done() if agent.get("status") == "online" else Pending(LATER, detail="The agent is offline.")


async def get_agent(resource: Resource, cloud: Cloud) -> Observed | None:
    """The registration of the agent, or None; an agent of the same name that is not ours counts as none."""
    return await _own_agent(resource, agent_pool(resource, cloud))


async def delete_agent(resource: Resource, cloud: Cloud) -> Answer:
    """Delete the registration; one that is gone already is deleted.

    An agent cannot be deleted while it runs a job. Its suspension has waited for that, so its machine, which goes next, is
    stopped: Azure DevOps gives the job up minutes later.
    """
    pool = agent_pool(resource, cloud)
    agent = await _own_agent(resource, pool)
    if agent is None:
        return Done()
    said = await pool.delete(agent)
    if said.status in (HTTP_OK, NO_CONTENT, NOT_FOUND):
        return Done()
    if RUNS_A_JOB not in said.message:
        return Refused(pool.refusal_of(said))
    machine = resource.settings["machine"]
    stop = cloud.compute_in(subscription_of(machine)).virtual_machines.begin_deallocate
    await cloud.begin(stop, group_of(machine), name_of(machine))
    return Pending(STOPPING, detail="The agent runs a job.")


async def suspend_agent(resource: Resource, cloud: Cloud) -> Answer:
    """Let the agent take no more jobs, and wait until it has none and does not update itself.

    It is looked at again after that: a job may have been assigned in between. Where the machine does not run there is
    nothing to wait for.
    """
    pool = agent_pool(resource, cloud)
    agent = await _own_agent(resource, pool)
    if agent is None:
        return Done()
    if agent.get("enabled"):
        await pool.enable(agent, enabled=False)
        return Pending(SHORTLY)
    busy = agent.get("assignedRequest") or agent.get("pendingUpdate")
    if not busy or (agent.get("status") != "online" and not await _runs(resource.settings["machine"], cloud)):
        return Done()
    return Pending(LATER, detail="The agent runs a job." if agent.get("assignedRequest") else "The agent updates itself.")


async def resume_agent(resource: Resource, cloud: Cloud) -> Answer:
    """Let the agent take jobs again; that it is online is what the health check of its machine waits for."""
    pool = agent_pool(resource, cloud)
    agent = await _own_agent(resource, pool)
    if agent is None:
        words = NOT_REGISTERED.format(**resource.settings)
        return Refused(Refusal(RefusalReason.NOT_FOUND, words))
    if not agent.get("enabled"):
        await pool.enable(agent, enabled=True)
    return Done()


async def agent_names_are_free(plan: Plan, absent: Sequence[Resource], cloud: Cloud) -> Sequence[Refusal]:
    """The agents whose names others have in the pool: a second registration would take the first one's place.

    Each pool is asked once for all its agents.
    """
    wanted: dict[tuple[str, ...], list[Resource]] = {}
    for one in absent:
        if one.kind == PIPELINES_AGENT.name:
            wanted.setdefault(pool_key(one), []).append(one)
    refusals = []
    for resources in wanted.values():
        known = {agent["name"].lower(): agent for agent in await agent_pool(resources[0], cloud).agents()}
        found = [(known.get(one.settings["agent"].lower()), one) for one in resources]
        refusals += [_taken(agent, one) for agent, one in found if agent is not None and not _is_ours(agent, one)]
    return refusals


async def allow_registration(request: PutRequest, cloud: Cloud) -> Answer:
    """Nothing is needed for a machine whose identity is a user of the organization; it registers its agent by itself."""
    return Done()


async def put_token_access(request: PutRequest, cloud: Cloud) -> Answer:
    """Let the identity of the machine read the token; an assignment to that of an earlier machine is replaced."""
    resource = request.resource
    principal = principal_in(request.outputs[resource.settings["principal_of"]])
    role = resource.body["properties"]["roleDefinitionId"]
    properties = {"roleDefinitionId": role, "principalId": principal, "principalType": "ServicePrincipal"}
    create = cloud.authorization.role_assignments.create
    scope, name = resource.settings["scope"], name_of(resource.id)
    answer = await cloud.put(create, scope, name, {"properties": properties})
    if isinstance(answer, Refused) and answer.refusal.code == OTHER_PRINCIPAL:
        await cloud.put(cloud.authorization.role_assignments.delete, scope, name)
        return Pending(SHORTLY)
    return answer


async def get_token_access(resource: Resource, cloud: Cloud) -> Observed | None:
    """The role assignment, `outdated` if it is not for the present machine; None if there is none."""
    if not resource.settings["scope"].startswith("/subscriptions/"):
        return None
    found = await get_by_id(_assignment(resource), cloud)
    if found is None:
        return None
    machine = await _machine(resource.settings["machine"], cloud)
    principal = ((machine or {}).get("identity") or {}).get("principalId")
    return {**found, "outdated": found["properties"]["principalId"] != principal}


async def delete_token_access(resource: Resource, cloud: Cloud) -> Answer:
    """Start deleting the role assignment, and first what its machine has registered; deleting what is gone succeeds."""
    answer = await delete_agent(resource, cloud)
    return await delete_by_id(_assignment(resource), cloud) if isinstance(answer, Done) else answer


async def tokens_are_usable(plan: Plan, absent: Sequence[Resource], cloud: Cloud) -> Sequence[Refusal]:
    """The secrets with tokens that do not exist; raises ReadRefused for one whose owner has not allowed its use."""
    wanted = {one.settings["secret"]: one for one in reversed(absent) if one.kind == TOKEN_ACCESS.name}
    refusals = []
    for name, resource in wanted.items():
        words = await _trouble_of_token(name, resource, cloud)
        if words:
            refusals.append(Refusal(RefusalReason.FORBIDDEN, words, step=resource.name))
    return refusals


async def _trouble_of_token(name: str, resource: Resource, cloud: Cloud) -> str:
    if not resource.settings["scope"].startswith("/subscriptions/"):
        return NO_VAULT
    token = await token_in(name, resource.settings["organization"], cloud)
    return NO_TOKEN.format(secret=name) if token is None else ""


def _assignment(resource: Resource) -> Resource:
    return replace(resource, kind=ROLE_ASSIGNMENT.name)


def pool_key(resource: Resource) -> tuple[str, str, str]:
    """What distinguishes the pool of an agent, and the token for it, from others."""
    settings = resource.settings
    return settings["organization"].lower(), settings["pool"].lower(), settings["secret"].lower()


def agent_pool(resource: Resource, cloud: Cloud) -> AgentPool:
    """The pool of an agent."""
    settings = resource.settings
    return AgentPool(cloud, settings["organization"], settings["pool"], settings["secret"])


async def _own_agent(resource: Resource, pool: AgentPool) -> Observed | None:
    agent = await pool.agent(resource.settings["agent"])
    return agent if agent is not None and _is_ours(agent, resource) else None


def _is_ours(agent: Observed, resource: Resource) -> bool:
    """Whether an agent has been registered by the machine of this environment; its name proves nothing."""
    return machine_of(agent).lower() == resource.settings["machine"].lower()


def _taken(agent: Observed, resource: Resource) -> Refusal:
    settings, created = resource.settings, str(agent.get("createdOn") or "an unknown date")
    words = TAKEN.format(pool=settings["pool"], agent=settings["agent"], created=created)
    return Refusal(RefusalReason.NAME_TAKEN, words, step=resource.name)


async def _runs(identifier: str, cloud: Cloud) -> bool:
    """Whether a machine may be running; one that is not known to be off may be."""
    machine = await _machine(identifier, cloud)
    return machine is not None and power_state(machine) not in (State.STOPPED, State.STOPPED_BILLED)


async def _machine(identifier: str, cloud: Cloud) -> Any:
    return await get_virtual_machine(Resource("vm", "virtual_machine", identifier), cloud)


AGENT = ResourceApi(
    put_agent,
    get_agent,
    delete_agent,
    suspend=suspend_agent,
    resume=resume_agent,
    preflight=(agent_names_are_free,),
)
POOL_ACCESS = ResourceApi(allow_registration, get_agent, delete_agent)
ACCESS = ResourceApi(put_token_access, get_token_access, delete_token_access, preflight=(tokens_are_usable,))
