"""The part of the control API about the inside of machines and about identities: agents, holds, tokens."""

from collections.abc import Callable

from local.azure.core.requests import Request
from local.azure.core.responses import Answer, Refused
from local.azure.core.store import Document
from local.azure.core.world import AGENTS, World
from local.azure.providers.roles import PRINCIPALS
from local.azure.services import service_principals, sign_in
from local.azure.services.tokens import LIFETIME
from local.azure.vms.agent_process import agent_of, with_agent
from local.azure.vms.agents import claims_of
from local.azure.vms.heartbeats import holds_of


def machine_of(world: World, identifier: str) -> Document:
    """The machine with this ID; raises a refusal for a missing one."""
    machine = world.resource(identifier)
    if machine is None:
        raise Refused(404, "ResourceNotFound", f"There is no machine {identifier}.")
    return machine


def _inside(world: World, request: Request) -> Answer:
    machine = machine_of(world, request.query["id"])
    memory = world.store.get(AGENTS, machine["id"]) or {}
    seen = {
        "power": machine["_power"],
        "hibernated": bool(machine.get("_hibernated")),
        "agent": agent_of(machine) is not None,
    }
    # As /etc/shadow has it: the hash, never the password; "" for the one that the machine was created with.
    seen["shadow"] = str((machine.get("_guest") or {}).get("shadow", ""))
    # Accounts of named users: hashes, versions, whether they are locked; and whom the hub lets in.
    seen["accounts"] = (machine.get("_guest") or {}).get("accounts", {})
    seen["hub_users"] = ((machine.get("_guest") or {}).get("hub") or {}).get("users", [])
    seen["holds"] = holds_of(machine, world.seconds())
    return Answer(
        200, {**seen, "warnings": memory.get("warnings", []), **{name: memory.get(name) for name in ("status", "hold")}}
    )


def _stay_awake(world: World, request: Request) -> Answer:
    body = request.json()
    machine = machine_of(world, str(body["id"]))
    guest = machine.get("_guest") or {}
    if "agent" not in guest:
        raise Refused(409, "NoAgent", f"There is no agent in {machine['id']}.")
    hold = {"by": str(body["by"]), "reason": str(body["reason"]), "until": world.seconds() + float(body["for_seconds"])}
    world.keep({**machine, "_guest": {**guest, "holds": [*guest.get("holds", []), hold]}})
    return Answer(204)


def _agent(world: World, request: Request) -> Answer:
    body = request.json()
    machine = machine_of(world, str(body["id"]))
    world.keep(with_agent(machine, None, world.seconds(), running=body["agent"] is True))
    return Answer(204)


def _token(world: World, request: Request) -> Answer:
    body = request.json()
    claims = {**claims_of(world, machine_of(world, str(body["id"]))), **(body.get("claims") or {})}
    lifetime = int(body.get("expires_in", LIFETIME))
    return Answer(200, {"access_token": request.issuer.token(str(body["audience"]), lifetime, **claims)[0]})


def _persons_token(world: World, request: Request) -> Answer:
    """A token as Entra issues it to users of an application with app roles."""
    body = request.json()
    name = str(body["name"])
    identifier = world.guid("person", name)
    world.store.put(PRINCIPALS, identifier, {"id": identifier, "known_at": 0})
    person = {"preferred_username": name, "oid": identifier, "roles": body.get("roles") or []}
    claims = {**person, "sub": person["oid"], **(body.get("claims") or {})}
    lifetime = int(body.get("expires_in", 3600))
    token, _ = request.issuer.token(str(body.get("audience", "api://dormouse")), lifetime, **claims)
    return Answer(200, {"access_token": token, "object_id": identifier})


def _service_principal(world: World, request: Request) -> Answer:
    return Answer(201, service_principals.create(world, str(request.json()["name"])))


def _application(world: World, request: Request) -> Answer:
    body = request.json()
    redirects = {str(uri): str(kind) for uri, kind in body["redirects"].items()}
    sign_in.register(world, str(body["id"]), str(body.get("audience", "api://dormouse")), redirects)
    return Answer(204)


def _person(world: World, request: Request) -> Answer:
    body = request.json()
    name = str(body["name"])
    sign_in.add_person(world, name, [str(role) for role in body.get("roles") or []])
    return Answer(200, {"object_id": world.guid("person", name)})


def _revoked(world: World, request: Request) -> Answer:
    sign_in.revoke(world, str(request.json()["name"]))
    return Answer(204)


def _roles_of_the_identity(world: World, request: Request) -> Answer:
    world.app_roles = [str(role) for role in request.json()["roles"]]
    return Answer(204)


HANDLERS: dict[tuple[str, str], Callable[[World, Request], Answer]] = {
    ("GET", "machines/inside"): _inside,
    ("POST", "machines/awake"): _stay_awake,
    ("POST", "machines/agent"): _agent,
    ("POST", "machines/token"): _token,
    ("POST", "people/token"): _persons_token,
    ("PUT", "people"): _person,
    ("POST", "people/revoke"): _revoked,
    ("PUT", "applications"): _application,
    ("POST", "service-principals"): _service_principal,
    ("PUT", "identity/roles"): _roles_of_the_identity,
}
