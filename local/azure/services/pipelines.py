"""Agent pools of Azure Pipelines: tokens, pools, agents, requests for jobs, and archives of the agent.

Fields and paths: https://learn.microsoft.com/rest/api/azure/devops/distributedtask
"""

import base64
import contextlib
from typing import Any

import jwt

from local.azure.core.requests import Request
from local.azure.core.responses import Answer, Refused, not_simulated
from local.azure.core.store import Document
from local.azure.core.world import World
from local.azure.vms import pipelines as machines
from local.azure.vms.demands import satisfies
from local.azure.vms.pipelines import AGENTS, JOBS, MANAGE, POOLS, Denied, shown

# Azure DevOps as a resource of Microsoft Entra ID.
# https://learn.microsoft.com/azure/devops/integrate/get-started/authentication/service-principal-managed-identity
RESOURCE = "499b84ac-1321-427f-aa17-267ca6975798"
VERSIONS = ("7.0", "7.1")
PACKAGE = {
    "type": "agent",
    "platform": "linux-x64",
    "version": {"major": 5, "minor": 277, "patch": 0},
    "createdOn": "2026-07-17T00:00:00Z",
    "downloadUrl": "https://download.agent.dev.azure.com/agent/5.277.0/vsts-agent-linux-x64-5.277.0.tar.gz",
    "filename": "vsts-agent-linux-x64-5.277.0.tar.gz",
    "hashValue": "bedcf4e1ec67d11600264dac3ffd867443544d40b2c9949a0a72bd32187c656d",
}


class DevOpsRefused(Refused):
    """A refusal in the form of Azure DevOps: https://github.com/MicrosoftDocs/azure-devops-docs/issues/13093."""

    @property
    def answer(self) -> Answer:
        """The refusal as a response."""
        body = {"$id": "1", "innerException": None, "message": self.message, "typeKey": self.code, "errorCode": 0}
        return Answer(self.status, body)


def answer(world: World, request: Request) -> Answer:
    """Answer one request to an organization; raises Refused."""
    organization, *path = [part for part in request.path.split("/") if part]
    if path[:2] != ["_apis", "distributedtask"]:
        raise not_simulated(f"{request.method} {request.path} of Azure DevOps")
    if request.version not in VERSIONS:
        raise not_simulated(f"version {request.version!r} of Azure DevOps")
    try:
        rights = _rights(world, organization, request)
    except Denied as denied:
        raise DevOpsRefused(denied.status, denied.code, str(denied)) from None
    match (request.method, path[2:]):
        case ("GET", ["pools"]):
            request.check_query("poolname")
            return _listed([_pool(pool) for pool in machines.pools(world, organization, request.query.get("poolName", ""))])
        case ("GET", ["packages", "agent"]):
            request.check_query("platform", "$top")
            return _listed([PACKAGE] if request.query.get("platform") == "linux-x64" else [])
        case (_, ["pools", number, *rest]):
            return _in_pool(world, request, _found(world, organization, number), rest, rights)
    raise not_simulated(f"{request.method} {request.path} of Azure DevOps")


def _in_pool(world: World, request: Request, pool: Document, path: list[str], rights: list[str]) -> Answer:
    match (request.method, path):
        case ("GET", ["agents"]):
            request.check_query("agentname", "includeassignedrequest", "includecapabilities", "includelastcompletedrequest")
            wanted = request.query.get("agentName", "").lower()
            found = [one for one in machines.agents(world, pool) if wanted in ("", one["name"].lower())]
            return _listed([_agent(world, one, request) for one in found])
        case ("GET", ["jobrequests"]):
            # Not documented, and used by https://github.com/kedacore/keda/blob/main/pkg/scalers/azure_pipelines_scaler.go
            request.check_query("completedrequestcount")
            return _listed(_requests(world, pool, request.query.get("completedRequestCount")))
        case ("GET", ["agents", number]):
            return Answer(200, _agent(world, _agent_of(world, pool, number), request))
        case ("PATCH", ["agents", number]):
            _check_right(pool, rights)
            body, agent = request.json(), _agent_of(world, pool, number)
            if set(body) - {"id", "name", "enabled"} or body.get("id") != agent["id"] or body.get("name") != agent["name"]:
                raise not_simulated(f"a change of agents with {', '.join(sorted(body))}")
            changed = world.store.put(AGENTS, agent["key"], {**agent, "enabled": bool(body["enabled"])})
            return Answer(200, _agent(world, changed, request))
        case ("DELETE", ["agents", number]):
            _check_right(pool, rights)
            agent = _agent_of(world, pool, number)
            if machines.job_of(world, agent):
                # Its words are known, and its status is not: https://github.com/MicrosoftDocs/azure-devops-docs/pull/10586
                words = f'Agent "{agent["name"]}" is running a job for pool "{pool["name"]}"'
                raise DevOpsRefused(400, "TaskAgentJobStillRunningException", words)
            world.store.delete(AGENTS, agent["key"])
            return Answer(204)
    raise not_simulated(f"{request.method} {request.path} of Azure DevOps")


def _rights(world: World, organization: str, request: Request) -> list[str]:
    """The scopes of the token of a request; an identity that is a user of the organization has all; raises Denied."""
    kind, _, given = request.headers.get("Authorization", "").partition(" ")
    if not given:
        text = "TF400813: Resource not available for anonymous access. Client authentication required."
        raise Denied(401, "UnauthorizedRequestException", text)
    if kind.lower() == "basic":
        with contextlib.suppress(ValueError):
            return machines.scopes_of(world, organization, base64.b64decode(given).decode().partition(":")[2])
        return machines.scopes_of(world, organization, "")
    try:
        principal = str(request.issuer.verify(given, RESOURCE)["oid"])
    except jwt.PyJWTError:
        principal = ""
    return machines.scopes_of_identity(world, organization, principal)


def _check_right(pool: Document, rights: list[str]) -> None:
    if MANAGE not in rights:
        raise DevOpsRefused(403, "AccessDeniedException", machines.no_right(pool))


def _found(world: World, organization: str, number: str) -> Document:
    pool = world.store.get(POOLS, f"{organization}/{number}")
    if pool is None:
        raise DevOpsRefused(404, "TaskAgentPoolNotFoundException", f"No agent pool found with identifier {number}.")
    return pool


def _agent_of(world: World, pool: Document, number: str) -> Document:
    agent = world.store.get(AGENTS, f"{pool['key']}/{number}")
    if agent is None:
        text = f"No agent with ID {number} was found in pool {pool['id']}."
        raise DevOpsRefused(404, "TaskAgentNotFoundException", text)
    return agent


def _listed(items: list[Any]) -> Answer:
    return Answer(200, {"count": len(items), "value": items})


def _pool(pool: Document) -> dict[str, Any]:
    return {"id": pool["id"], "name": pool["name"], "isHosted": False, "poolType": "automation", "autoProvision": True}


def _agent(world: World, agent: Document, request: Request) -> dict[str, Any]:
    said = shown(world, agent)
    job = machines.job_of(world, agent)
    if job and request.query.get("includeAssignedRequest") == "true":
        said["assignedRequest"] = _job(job)
    if request.query.get("includeCapabilities") == "true":
        said["systemCapabilities"] = agent["capabilities"]
    return said


def _requests(world: World, pool: Document, completed: str | None) -> list[dict[str, Any]]:
    """The requests for jobs in a pool; those without an agent name the agents that could run them."""
    if completed not in (None, "0"):
        raise not_simulated(f"completedRequestCount={completed}")
    jobs = [job for _, job in world.store.items(JOBS) if job["pool"] == pool["key"]]
    return [_request(world, pool, job) for job in jobs if completed is None or job.get("finishTime") is None]


def _request(world: World, pool: Document, job: Document) -> dict[str, Any]:
    """A request with its agents; a flag stands for their names if they are all agents of the pool.

    https://github.com/kedacore/keda/blob/main/pkg/scalers/azure_pipelines_scaler.go. Whether agents that are disabled are
    among them is not known; here they are not.
    """
    if "agent" in job:
        return _job(job)
    agents = list(machines.agents(world, pool))
    fitting = [agent for agent in agents if agent["enabled"] and satisfies(agent, job)]
    if len(fitting) == len(agents):
        return {**_job(job), "matchesAllAgentsInPool": True}
    return {**_job(job), "matchesAllAgentsInPool": False, "matchedAgents": [shown(world, agent) for agent in fitting]}


def _job(job: Document) -> dict[str, Any]:
    names = ("requestId", "queueTime", "assignTime", "receiveTime", "finishTime", "result", "demands")
    return {name: job[name] for name in names if job.get(name) is not None}
