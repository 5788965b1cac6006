"""The control API of the simulation: faults, outside events, and inspection. Not a part of Azure.

POST   /faults                 a fault, with the fields of `faults.Fault`
GET    /faults                 the faults and how many requests each has hit
DELETE /faults                 remove all faults
POST   /machines/shutdown      {"id"}: the machine is shut down from inside: stopped, and billed
POST   /machines/start         {"id"}: a user starts the machine in the portal
POST   /machines/evict         {"id", "annotated": true}: Azure evicts a Spot VM; unless it is annotated, Resource Health does not say so
POST   /machines/next-boot     {"id", "loses": ["driver", "mount", "desktop", "hub"]}: features missing from the next boot on
POST   /names/take             {"name"}: another customer takes this name for a storage account
PUT    /limits                 {"region", "name", "limit"}: a quota
PUT    /capacity               {"region", "zone", "size", "code", "constraints"}: no capacity for a size in a region, or in a zone ("": the region)
DELETE /capacity               capacity is available again
PUT    /permissions            {"actions", "not_actions"}: what one role of the identity allows in the subscription; or {"assignments":
                               [{"role" | "actions", "not_actions", "condition", "scope"}]}; {}: the roles of a deployment
GET    /permissions/checked    the actions that requests needed since then, and whether each was allowed every time
PUT    /restrictions           {"region", "size", "restricted": true}: a size is not available to the subscription
PUT    /registrations          {"namespace", "state"}: whether the subscription is registered for a resource provider
POST   /resources/appear       {"id", "type", "tags"}: a user creates a resource outside Dormouse
POST   /resources/vanish       {"id", "recoverable"?: true}: a user deletes a resource outside Dormouse, whatever uses it; what Azure
                               keeps of it, such as its name, is kept if that is asked for
PUT    /resources/tags         {"id", "tags"}: a user replaces the tags in the portal
GET    /resources?below=       every resource below an ID
GET    /operations?below=      every long-running operation of a request: its begin, its end, and the seconds that Azure itself needs
GET    /secrets                the names of the vault's secrets
GET    /vaults/deleted         the deleted vaults that can be recovered
POST   /secrets/delete         {"name"}: a user deletes a secret
POST   /secrets/purge          {"name"}: a user purges a deleted secret permanently
POST   /secrets/store          {"name", "value", "tags"}: a user stores a secret
PUT    /pipelines/organizations {"name", "pools", "tokens": {token: {"scopes", "expires"?}}, "member", "identities"?}: an organization of
                               Azure DevOps; the identity of the control plane and these (resource IDs) are users of it
GET    /pipelines/agents?organization=&pool= the agents of a pool, with their machines
POST   /pipelines/agents       {"organization", "pool", "agent", "capabilities"?}: an agent that Dormouse did not create, offline
DELETE /pipelines/agents       {"organization", "pool", "agent"}: a user deletes an agent
POST   /pipelines/cut          {"organization", "pool", "agent"}: its session is not ended, and lasts 5 more minutes
POST   /pipelines/jobs         {"organization", "pool", "demands"?, "permitted"?}: a job is queued; the next free agent that
                               satisfies its demands gets it, unless its pipeline may not use the pool (permitted: false)
                               409 if no agent of the pool, online or not, satisfies them
GET    /pipelines/jobs         every job
POST   /pipelines/jobs/finish  {"id"}: a job succeeds
GET    /rows?table=            the rows of a table of the records
DELETE /rows?table=&key=       delete one of its rows
PUT    /rows                   {"table", "partition", "key", "document"}: write a row as another release would have
GET    /calls                  how many requests each service has answered
DELETE /calls                  reset these counts
POST   /estate                 existing machines, in the format of docs/estates.md
PUT    /signals                {"id", "host": {...}, "inside": {...}}: change these signals from this minute on
GET    /machines/inside?id=    hibernation, whether an agent runs, shown warnings, status of the agent's last response, holds
POST   /machines/awake         {"id", "by", "reason", "for_seconds"}: a user on the machine holds it
POST   /machines/agent         {"id", "agent"}: start the agent (true), or kill it (false)
POST   /machines/token         {"id", "audience", "expires_in"?, "claims"?}: a token of the machine's identity
POST   /people/token           {"name", "roles"?, "audience"?, "expires_in"?, "claims"?}: a token of a user, and the object ID
PUT    /people                 {"name", "roles"?}: an account that can sign in with a browser, with app roles; returns the object ID
POST   /people/revoke          {"name"}: its sessions end, as `revokeSignInSessions` of Microsoft Graph ends them
PUT    /applications           {"id", "redirects": {URI: "spa" or "web"}, "audience"?}: an app registration that users sign in to
POST   /service-principals     {"name"}: a service principal with a new secret, as `az ad sp create-for-rbac` shows it
PUT    /identity/roles         {"roles"}: the app roles of the managed identity, from the next token on
GET    /agents                 how many agents have unreported minutes
GET    /messages?path=         the messages posted to https://hooks.localhost, to one path or to all
DELETE /messages               delete these messages
GET    /buckets                the lowest level of each token bucket since the last reset, and how often one was empty
DELETE /buckets                reset the levels and counts
PUT    /metrics/lag            {"minutes"}: how late the newest data points of Azure Monitor are
POST   /checkpoints            save the complete state; returns its number
POST   /checkpoints/restore    {"id"}: restore a saved state, including simulated time; not at real speed
POST   /checkpoints/resume     {"id"}: after a restore, let simulated time go on from there once more: what was prepared took none
PUT    /speed                  {"speed"}: so many simulated seconds pass in a real one from now on; the host must be told, too
PUT    /durations              {"share"}: from now on every operation takes as long as this share of the recorded ones did at most
DELETE /durations              durations are drawn again
PUT    /network-cards          {"created"}: how new ones are created: "at once", "polled" (ready, with an operation) or "slowly"
DELETE /network-cards          as often each way as recorded
POST   /ml/runs                {"compute", "name"?, "nodes"?, "seconds"?, "ago"?}: a user submits a run to a cluster of Azure ML; {"workspace",
                               "kind"?, "status"?}: one that names no cluster, such as a pipeline
POST   /ml/runs/end            {"id", "status"?}: it ends now, cancelled or with another status
PUT    /images                 {"image", "exists": false}: a registry outside Azure has no such image
PUT    /peers                  {"address", "answer"}: what containers read from an address (host:port); null: nothing answers there
PUT    /activity               {"id", "state"?, "busy_until"?, "reason"?}: what https://activity.localhost says of a machine from now on; without a
                               state, it leaves the machine out. {"text", "status"?, "location"?}: its whole answer, "ID" being that of the question
DELETE /activity               it answers every question in full again, says of every machine that it is not busy, and forgets the questions
GET    /activity               the machines of each question that it was asked, in no particular order
PUT    /metrics/without        {"id"}: Azure Monitor omits this machine from its responses
"""

from collections.abc import Callable

from local.azure import checkpoints, control_clusters, control_conditions, control_contents, control_pipelines
from local.azure.core.requests import Request
from local.azure.core.responses import Answer, Refused, not_simulated
from local.azure.core.world import World
from local.azure.providers.compute import annotations, spot
from local.azure.providers.ml import runs
from local.azure.services import activity
from local.azure.services.tables import rows
from local.azure.vms import control, estate_loader
from local.azure.vms.control import machine_of
from local.azure.vms.estates import EstateError
from local.azure.vms.guest import Guest
from local.azure.vms.timelines import with_power


def answer(world: World, request: Request) -> Answer:
    """Answer one request to the control API."""
    handle = HANDLERS.get((request.method, request.path.strip("/")))
    if handle is None:
        raise not_simulated(f"{request.method} {request.path}")
    return handle(world, request)


def _add_fault(world: World, request: Request) -> Answer:
    try:
        world.faults.add(request.json())
    except TypeError as error:
        raise Refused(400, "InvalidFault", str(error)) from None
    return Answer(201, {"value": world.faults.listed()})


def _shut_down(world: World, request: Request) -> Answer:
    identifier = str(request.json()["id"])
    world.keep(with_power(machine_of(world, identifier), "stopped", world.seconds()))
    annotations.annotate(world, identifier, "VirtualMachineStoppedInternally")
    return Answer(204)


def _start(world: World, request: Request) -> Answer:
    now = world.seconds()
    machine = machine_of(world, str(request.json()["id"]))
    world.keep(Guest(world, with_power(machine, "running", now)).booted(now))
    annotations.annotate(world, machine["id"], annotations.OF_ACTIONS["start"])
    return Answer(204)


def _evict(world: World, request: Request) -> Answer:
    body = request.json()
    spot.evict(world, machine_of(world, str(body["id"])), annotated=body.get("annotated", True) is True)
    return Answer(204)


def _next_boot(world: World, request: Request) -> Answer:
    body = request.json()
    world.keep(Guest(world, machine_of(world, str(body["id"]))).next_boot_loses([str(part) for part in body["loses"]]))
    return Answer(204)


def _faults(world: World, _: Request) -> Answer:
    return Answer(200, {"value": world.faults.listed()})


def _clear_faults(world: World, _: Request) -> Answer:
    world.faults.clear()
    return Answer(204)


def _calls(world: World, _: Request) -> Answer:
    return Answer(200, dict(world.calls))


def _estate(world: World, request: Request) -> Answer:
    try:
        return Answer(201, {"loaded": estate_loader.load(world, request.json())})
    except EstateError as error:
        raise Refused(400, "InvalidEstate", str(error), faults=error.faults) from None


def _signals(world: World, request: Request) -> Answer:
    try:
        estate_loader.change(world, request.json())
    except EstateError as error:
        raise Refused(400, "InvalidSignals", str(error), faults=error.faults) from None
    return Answer(204)


def _agents(world: World, _: Request) -> Answer:
    return Answer(200, {"pending": world.pending_agents()})


def _messages(world: World, request: Request) -> Answer:
    path = request.query.get("path")
    return Answer(200, {"value": [message for message in world.messages if path in (None, message["path"])]})


def _forget_messages(world: World, _: Request) -> Answer:
    world.messages.clear()
    return Answer(204)


def _buckets(world: World, _: Request) -> Answer:
    return Answer(200, {"value": world.throttle.levels(), "refused": world.throttle.refused})


def _reset_buckets(world: World, _: Request) -> Answer:
    world.throttle.reset_levels()
    return Answer(204)


def _count_anew(world: World, _: Request) -> Answer:
    world.calls.clear()
    return Answer(204)


HANDLERS: dict[tuple[str, str], Callable[[World, Request], Answer]] = {
    ("POST", "faults"): _add_fault,
    ("GET", "faults"): _faults,
    ("DELETE", "faults"): _clear_faults,
    ("POST", "machines/shutdown"): _shut_down,
    ("POST", "machines/start"): _start,
    ("POST", "machines/evict"): _evict,
    ("POST", "machines/next-boot"): _next_boot,
    ("GET", "rows"): rows.listed,
    ("PUT", "rows"): rows.written,
    ("DELETE", "rows"): rows.lost,
    ("GET", "calls"): _calls,
    ("DELETE", "calls"): _count_anew,
    ("POST", "estate"): _estate,
    ("GET", "agents"): _agents,
    ("GET", "messages"): _messages,
    ("DELETE", "messages"): _forget_messages,
    ("GET", "buckets"): _buckets,
    ("DELETE", "buckets"): _reset_buckets,
    **control_conditions.HANDLERS,
    **control_clusters.HANDLERS,
    **control_contents.HANDLERS,
    **control_pipelines.HANDLERS,
    **control.HANDLERS,
    **checkpoints.HANDLERS,
    ("PUT", "signals"): _signals,
    **runs.HANDLERS,
    **activity.HANDLERS,
}
