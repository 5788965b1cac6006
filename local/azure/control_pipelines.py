"""The control API: organizations of Azure DevOps, their tokens, agents and jobs, as people make and change them."""

from collections.abc import Callable, Mapping
from typing import Any

from local.azure.core.requests import Request
from local.azure.core.responses import Answer, Refused
from local.azure.core.store import Document
from local.azure.core.world import World
from local.azure.services import key_vault
from local.azure.vms import pipelines
from local.azure.vms.demands import satisfies
from local.azure.vms.pipelines import AGENTS, JOBS, ORGANIZATIONS, POOLS


def _organization(world: World, request: Request) -> Answer:
    body = request.json()
    name = str(body["name"])
    members = [world.guid("control plane")] if body.get("member") else []
    members += [world.guid("principal", identity) for identity in body.get("identities") or []]
    world.store.put(ORGANIZATIONS, name, {"name": name, "tokens": body.get("tokens") or {}, "members": members})
    for number, pool in enumerate(body.get("pools") or [], 7):
        key = f"{name}/{number}"
        world.store.put(POOLS, key, {"key": key.lower(), "id": number, "name": str(pool)})
    return Answer(204)


def _agents(world: World, request: Request) -> Answer:
    pool = _pool(world, request.query)
    found = [{**pipelines.shown(world, agent), "machine": agent["machine"]} for agent in pipelines.agents(world, pool)]
    return Answer(200, {"value": found})


def _foreign_agent(world: World, request: Request) -> Answer:
    body = request.json()
    pool, number = _pool(world, body), 900 + len(list(world.store.items(AGENTS)))
    capabilities = {"Agent.Name": str(body["agent"]), **(body.get("capabilities") or {})}
    return Answer(201, pipelines.add_agent(world, pool, number, str(body["agent"]), "", "", capabilities))


def _delete_agent(world: World, request: Request) -> Answer:
    world.store.delete(AGENTS, _agent(world, request)["key"])
    return Answer(204)


def _cut(world: World, request: Request) -> Answer:
    agent = _agent(world, request)
    until = world.seconds() + pipelines.SESSION_SECONDS
    world.store.put(AGENTS, agent["key"], {**agent, "session_until": until})
    return Answer(204)


def _queue(world: World, request: Request) -> Answer:
    body = request.json()
    pool, number = _pool(world, body), len(list(world.store.items(JOBS))) + 88
    job = {"requestId": number, "pool": pool["key"], "queueTime": world.zulu(), "permitted": body.get("permitted", True)}
    if body.get("demands"):
        job["demands"] = [str(demand) for demand in body["demands"]]
    if not any(satisfies(agent, job) for agent in pipelines.agents(world, pool)):
        # Online or not: https://keda.sh/docs/latest/scalers/azure-pipelines/
        raise Refused(409, "NoAgentFound", f"No agent found in pool {pool['name']} which satisfies the specified demands.")
    world.store.put(JOBS, str(number), job)
    pipelines.settle(world)
    return Answer(201, world.store.get(JOBS, str(number)))


def _finish(world: World, request: Request) -> Answer:
    key = str(request.json()["id"])
    job = world.store.get(JOBS, key)
    if job is None:
        raise Refused(404, "JobNotFound", f"There is no job {key}.")
    world.store.put(JOBS, key, {**job, "finishTime": job.get("finishTime") or world.zulu(), "result": "succeeded"})
    return Answer(204)


def _jobs(world: World, _: Request) -> Answer:
    return Answer(200, {"value": [job for _, job in world.store.items(JOBS)]})


def _store_secret(world: World, request: Request) -> Answer:
    body = request.json()
    return Answer(200, key_vault.store(world, str(body["name"]), str(body["value"]), body.get("tags")))


def _agent(world: World, request: Request) -> Document:
    body = request.json()
    return next(one for one in pipelines.agents(world, _pool(world, body)) if one["name"] == body["agent"])


def _pool(world: World, given: Mapping[str, Any]) -> Document:
    found = pipelines.pools(world, str(given["organization"]), str(given["pool"]))
    if not found:
        raise Refused(404, "PoolNotFound", f"There is no pool {given['pool']}.")
    return found[0]


HANDLERS: dict[tuple[str, str], Callable[[World, Request], Answer]] = {
    ("PUT", "pipelines/organizations"): _organization,
    ("GET", "pipelines/agents"): _agents,
    ("POST", "pipelines/agents"): _foreign_agent,
    ("DELETE", "pipelines/agents"): _delete_agent,
    ("POST", "pipelines/cut"): _cut,
    ("POST", "pipelines/jobs"): _queue,
    ("GET", "pipelines/jobs"): _jobs,
    ("POST", "pipelines/jobs/finish"): _finish,
    ("POST", "secrets/store"): _store_secret,
}
