"""Machines that register themselves as agents of Azure Pipelines, and the jobs that they run."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from local.azure.core.store import Document
from local.azure.providers.kinds import KEY_VAULT
from local.azure.services.key_vault import SECRETS
from local.azure.vms.demands import satisfies

if TYPE_CHECKING:
    from local.azure.core.world import World

ORGANIZATIONS, POOLS, AGENTS, JOBS = ("pipelines organizations", "pipelines pools", "pipelines agents", "pipelines jobs")
UNREGISTERED = "pipelines machines"  # those that have not registered their agent yet
CONFIGURATION = "/etc/dormouse/pipelines.json"
READ, MANAGE = "read", "manage"
AGENT_VERSION = "5.277.0"
# https://learn.microsoft.com/azure/role-based-access-control/built-in-roles/security
KEY_VAULT_SECRETS_USER = "4633458b-17de-408a-b874-0445c86b69e6"
# The service keeps a session that was not ended, and the agent's attempts at a new one fail until then with a conflict
# (TaskAgentSessionConflictException): https://github.com/microsoft/azure-pipelines-agent, MessageListener.cs
SESSION_SECONDS = 300.0
# A job whose agent is not heard of is given up. The time is assumed.
SECONDS_TO_GIVE_UP = 300.0


class Denied(Exception):
    """Azure DevOps refuses a request: its status, the kind of error, and the words."""

    def __init__(self, status: int, code: str, words: str) -> None:
        super().__init__(words)
        self.status, self.code = status, code


def configuration_in(files: dict[str, str]) -> dict[str, Any] | None:
    """The agent that a machine's custom data wants, or None."""
    try:
        found = json.loads(files.get(CONFIGURATION, "null"))
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def settle(world: "World") -> None:
    """Let machines register that have finished their setup, and let the pools assign, run and give up jobs."""
    for key, _ in world.store.items(UNREGISTERED):
        machine = world.resource(key)
        if machine is None:
            world.store.delete(UNREGISTERED, key)
        elif registration_due(world, machine) <= world.seconds():
            register(world, machine)
    for key, job in world.store.items(JOBS):
        if job.get("finishTime") is None:
            world.store.put(JOBS, key, _later(world, job))


def registration_due(world: "World", machine: Document) -> float:
    """When a machine has finished its setup and may read its token; infinity if that is not to come."""
    from local.azure.vms.guest import Guest

    wanted = machine["_guest"].get("pipelines") or {}
    return max(Guest(world, machine).set_up_at(), _may_read_from(world, machine, wanted))


def register(world: "World", machine: Document) -> str:
    """Let a machine try to register its agent; returns why it cannot, or ""."""
    wanted, why = machine["_guest"]["pipelines"], ""
    try:
        _registered(world, machine, wanted)
        world.store.delete(UNREGISTERED, machine["id"])
    except Denied as denied:
        why = f"HTTP {denied.status} {denied}" if denied.status else str(denied)
    state = {"registered": not why, "why": why}
    if machine["_guest"].get("registration") != state:
        world.keep({**machine, "_guest": {**machine["_guest"], "registration": state}})
    return why


def _registered(world: "World", machine: Document, wanted: dict[str, Any]) -> None:
    """Register an agent as its configuration does it, request by request; raises Denied."""
    organization = str(wanted["organization"]).rpartition("/")[2]
    scopes = _scopes_of(world, machine, organization, wanted)
    found = pools(world, organization, wanted["pool"])
    if not found:
        raise Denied(0, "", f"pool not found: {wanted['pool']}")
    pool = found[0]
    known = next((one for one in agents(world, pool) if one["name"].lower() == wanted["name"].lower()), None)
    if known is not None and known["capabilities"].get("DORMOUSE_MACHINE") != wanted["machine"]:
        raise Denied(0, "", f"name taken: {known['name']} was created on {known['createdOn']}")
    if MANAGE not in scopes:
        raise Denied(403, "AccessDeniedException", no_right(pool))
    number = known["id"] if known else len(list(world.store.items(AGENTS))) + 11
    own = {"Agent.Name": wanted["name"], "Agent.OS": "Linux", "Agent.Version": AGENT_VERSION}
    capabilities = {**own, "DORMOUSE_MACHINE": wanted["machine"]}
    add_agent(world, pool, number, wanted["name"], machine["properties"]["vmId"], machine["id"], capabilities)


def _scopes_of(world: "World", machine: Document, organization: str, wanted: dict[str, Any]) -> list[str]:
    """The scopes of the token with which a machine registers its agent; raises Denied."""
    if wanted.get("identity"):
        given = (machine.get("identity") or {}).get("userAssignedIdentities") or {}
        known = {name.lower(): one["principalId"] for name, one in given.items()}
        principal = known.get(str(wanted["identity"]).lower())
        if principal is None:
            raise Denied(0, "", "the metadata service gives no token of the identity yet (HTTP 400 Identity not found)")
        return scopes_of_identity(world, organization, principal)
    secret = world.store.get(SECRETS, str(wanted["token_url"]).rpartition("/")[2])
    if secret is None:
        raise Denied(0, "", "the token cannot be read from Key Vault yet (HTTP 404 SecretNotFound)")
    return scopes_of(world, organization, str(secret["versions"][-1]["value"]))


def scopes_of_identity(world: "World", organization: str, principal: str) -> list[str]:
    """The scopes of a token of Microsoft Entra ID: all, for a user of the organization; raises Denied for others."""
    if principal not in (world.store.get(ORGANIZATIONS, organization) or {}).get("members", []):
        text = f"TF400813: The user '{principal}' is not authorized to access this resource."
        raise Denied(401, "UnauthorizedRequestException", text)
    return [MANAGE]


def add_agent(
    world: "World", pool: Document, number: int, name: str, vm: str, machine: str, capabilities: dict[str, str]
) -> Document:
    """Add an agent to a pool, or replace the one of this number; without a machine it is offline."""
    key = f"{pool['key']}/{number}"
    agent: Document = {"key": key, "id": number, "name": name, "enabled": True, "createdOn": world.zulu()}
    more = {"vm": vm, "machine": machine, "capabilities": capabilities, "pool": pool["key"]}
    return world.store.put(AGENTS, key, {**agent, **more})


def shown(world: "World", agent: Document) -> dict[str, Any]:
    """An agent as Azure DevOps shows it."""
    status = "online" if is_online(world, agent) else "offline"
    fields = {name: agent[name] for name in ("id", "name", "enabled", "createdOn")}
    return {**fields, "version": AGENT_VERSION, "osDescription": "Ubuntu 24.04", "status": status, "maxParallelism": 1}


def is_online(world: "World", agent: Document) -> bool:
    """Whether an agent has a session: its machine runs, and no earlier session is in the way."""
    return bool(agent["machine"]) and _has_booted(world, agent) and agent.get("session_until", 0.0) <= world.seconds()


def log_of(world: "World", machine: Document) -> str:
    """What the machine's own program says about its agent: the result of a health check."""
    state = machine["_guest"].get("registration")
    if state is None:
        return "waiting the agent has not been registered yet"
    if state["why"]:
        return f"failed {state['why']}"
    ours = (agent for _, agent in world.store.items(AGENTS) if agent["vm"] == machine["properties"]["vmId"])
    agent = next(ours, None)
    if agent is None:
        return "waiting the agent no longer exists on the server"
    if is_online(world, agent):
        return "passed the agent listens for jobs"
    return "waiting an earlier session of the agent has not ended"


def job_of(world: "World", agent: Document) -> Document | None:
    """The job that an agent runs, or None."""
    jobs = (job for _, job in world.store.items(JOBS) if job.get("agent") == agent["key"])
    return next((job for job in jobs if job.get("finishTime") is None), None)


def scopes_of(world: "World", organization: str, token: str) -> list[str]:
    """The scopes of a personal access token; raises Denied for one that is unknown, or not valid any more."""
    known = (world.store.get(ORGANIZATIONS, organization) or {}).get("tokens", {}).get(token)
    if known is None or not token or known.get("expires", world.seconds() + 1) <= world.seconds():
        words = "Access Denied: The Personal Access Token used has expired."
        raise Denied(401, "UnauthorizedRequestException", words)
    scopes: list[str] = known["scopes"]
    return scopes


def pools(world: "World", organization: str, name: str = "") -> list[Document]:
    """The pools of an organization, or the one of this name."""
    ours = [pool for key, pool in world.store.items(POOLS) if key.startswith(f"{organization.lower()}/")]
    return [pool for pool in ours if name.lower() in ("", pool["name"].lower())]


def agents(world: "World", pool: Document) -> Iterator[Document]:
    """The agents of a pool."""
    return (agent for _, agent in world.store.items(AGENTS) if agent["pool"] == pool["key"])


def no_right(pool: Document) -> str:
    """Why a token that may only read cannot change a pool."""
    # https://github.com/MicrosoftDocs/azure-devops-docs/issues/13093
    who = f"needs Manage permissions for pool {pool['name']} to perform the action."
    return f"Access denied. A user {who} For more information, contact the Azure DevOps Server administrator."


def _has_booted(world: "World", agent: Document) -> bool:
    from local.azure.vms.guest import Guest

    machine = world.resource(agent["machine"])
    same = machine is not None and machine["properties"].get("vmId") == agent["vm"]
    return same and machine is not None and Guest(world, machine).is_up()


def _later(world: "World", job: Document) -> Document:
    """An unfinished job at this moment: assigned to a free agent, running, or given up because its agent is away."""
    now = world.seconds()
    if "agent" not in job:
        if not job.get("permitted", True):
            return job
        free = (agent for _, agent in world.store.items(AGENTS) if agent["pool"] == job["pool"] and agent["enabled"])
        fitting = (agent for agent in free if satisfies(agent, job))
        agent = next((one for one in fitting if is_online(world, one) and not job_of(world, one)), None)
        return {**job, "agent": agent["key"], "assignTime": world.zulu(), "receiveTime": world.zulu()} if agent else job
    agent = world.store.get(AGENTS, job["agent"])
    if agent is not None and is_online(world, agent):
        return {name: value for name, value in job.items() if name != "away_since"}
    away = job.get("away_since", now)
    if now - away >= SECONDS_TO_GIVE_UP:
        return {**job, "finishTime": world.zulu(), "result": "abandoned"}
    return {**job, "away_since": away}


def _may_read_from(world: "World", machine: Document, wanted: dict[str, Any]) -> float:
    """When a machine's right to read its token takes effect; infinity if it has none."""
    return 0.0 if wanted.get("identity") else may_read_from(world, machine, str(wanted.get("token_url", "")))


def may_read_from(world: "World", machine: Document, url: str) -> float:
    """When a machine's right to read the secret at a URL takes effect; infinity if it has none."""
    from local.azure.providers.roles import TYPE

    principal = machine.get("identity", {}).get("principalId")
    for vault in world.resources(KEY_VAULT):
        scope = f"{vault['id']}/secrets/{url.rpartition('/')[2]}".lower()
        if url.startswith(str(vault["properties"]["vaultUri"]).rstrip("/") + "/"):
            for role in world.resources(TYPE):
                given = role["properties"]
                fits = given["principalId"] == principal and given["roleDefinitionId"].endswith(KEY_VAULT_SECRETS_USER)
                if fits and scope.startswith(given["scope"].lower()):
                    return float(role["_effective"])
    return float("inf")
