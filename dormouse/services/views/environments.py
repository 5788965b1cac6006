"""Environments as callers see them: what was asked for, what Azure shows, and what a command would change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal, TypeAlias

from dormouse.access.roles import Caller, may_act
from dormouse.blueprints.specs import stored_spec
from dormouse.cloud.inventory import EnvironmentObservation
from dormouse.environments.operations import EnvironmentRecord
from dormouse.errors import CloudUnavailable, UnreadableRecord
from dormouse.idle.tracking import TrackedMachine
from dormouse.ids import verb_of
from dormouse.lifecycle import BILLED, State, Verb
from dormouse.resources.machines import key_of, machine_id
from dormouse.resources.plan import ResourceKind
from dormouse.services.dependencies import Dependencies
from dormouse.services.views.machines import CurrentHold, CurrentLease
from dormouse.services.views.money import Money
from dormouse.services.views.operations import RefusalView
from dormouse.services.views.schema import HOLD, LEASE, NOON, OPERATION, SUBSCRIPTION, Moment, moment_of, schema
from dormouse.text.doc import doc

# What sweeps remember of a machine: nothing, a memory, or one that this release cannot read.
Known: TypeAlias = TrackedMachine | UnreadableRecord | None

Change: TypeAlias = Literal["create", "change", "nothing"]
ResourceAction: TypeAlias = Literal["create", "update", "unchanged"]

SSH, RDP = 22, 3389
VAULT = "https://kv-dormouse.vault.azure.net"
SECRET = f"{VAULT}/secrets/dormouse-ml1-01jabcdefghjkmnpqrstvwxyz0"
VM = machine_id(SUBSCRIPTION, "rg-dormouse-ml1", "vm-ml1")
SPEC = {"blueprint": "workstation", "region": "polandcentral", "size": "Standard_NV6ads_A10_v5"}


@schema("Endpoint")
@dataclass(frozen=True, slots=True)
class Endpoint:
    """A way into an environment's machine."""

    kind: Annotated[Literal["ssh", "rdp"], doc("The protocol.", "ssh")]
    host: Annotated[str, doc("The IP address.", "203.0.113.10")]
    port: Annotated[int, doc("The TCP port.", SSH)]
    command: Annotated[str, doc("A command that connects from a terminal.", "ssh azureuser@203.0.113.10")]


@schema("Environment")
@dataclass(frozen=True, slots=True)
class EnvironmentView:
    """An environment: its spec, what Azure shows of it, how to connect, what it costs, and the operation running on it."""

    name: Annotated[str, doc("The name.", "ml1")]
    blueprint: Annotated[str, doc("The blueprint that it was built from.", "workstation")]
    owner: Annotated[str, doc("The user who owns it.", "alice")]
    region: Annotated[str, doc("The Azure region.", "polandcentral")]
    state: Annotated[State, doc("The state of its machine, as Azure shows it.", "running")]
    billed: Annotated[bool, doc("Whether Azure bills its machine in this state.", True)]
    observed_at: Annotated[Moment | None, doc("When Azure was asked; null if it shows nothing of the environment.", NOON)]
    fresh: Annotated[bool, doc("Whether Azure was asked for this response; lists may be some seconds old.", True)]
    size: Annotated[str | None, doc("The VM size; null if it is not known.", "Standard_NV6ads_A10_v5")]
    price_per_hour: Annotated[
        Money | None,
        doc("The pay-as-you-go price of the machine per hour; null if unknown.", {"amount": 0.59, "currency": "USD"}),
    ]
    address: Annotated[str | None, doc("The public IP address; null if there is none.", "203.0.113.10")]
    endpoints: Annotated[tuple[Endpoint, ...], doc("How to connect; empty unless the machine is running.", [])]
    username: Annotated[str | None, doc("The name of the administrator account; null if it is not known.", "azureuser")]
    password_secret: Annotated[
        str | None, doc("The URI of the Key Vault secret with the password; null if the caller may not see it.", SECRET)
    ]
    operation: Annotated[str | None, doc("The ID of the operation that is running on it; null if none is.", OPERATION)]
    hold: Annotated[CurrentHold | None, doc("The hold that keeps its machine running; null if there is none.", HOLD)]
    lease: Annotated[
        CurrentLease | None, doc("When its machine will be stopped or deleted; null if there is no lease.", LEASE)
    ]
    schedule: Annotated[
        str | None,
        doc("The weekly hours in which the machine runs; null if none are set.", "mon-fri 08:00-19:00 Europe/Berlin"),
    ]
    verdict: Annotated[str | None, doc("The verdict of the last sweep; null before the first one.", "busy")]
    ready: Annotated[bool, doc("Whether its last provision succeeded, health checks included.", True)]
    problem: Annotated[
        str | None,
        doc("What is wrong with it; null if nothing is known to be.", "Azure cannot start the machine: AllocationFailed."),
    ]
    spec: Annotated[dict[str, Any] | None, doc("The spec as it was asked for; null if this release cannot read it.", SPEC)]


@schema("EnvironmentList")
@dataclass(frozen=True, slots=True)
class EnvironmentList:
    """One page of environments, sorted by name."""

    value: Annotated[tuple[EnvironmentView, ...], doc("The environments on this page.", [])]
    next: Annotated[
        str | None, doc("The URL of the next page; null on the last page.", "/api/environments?limit=50&after=MW1s")
    ]
    problems: Annotated[tuple[str, ...], doc("What could not be read, and why.", [])]


@schema("PlannedResource")
@dataclass(frozen=True, slots=True)
class PlannedResource:
    """A resource of a plan, and what applying the plan would do with it."""

    name: Annotated[str, doc("The name of the resource in the plan.", "vm")]
    kind: Annotated[ResourceKind, doc("The kind of resource.", "virtual_machine")]
    id: Annotated[str | None, doc("The Azure resource ID; null for what has none.", VM)]
    needs: Annotated[tuple[str, ...], doc("The resources that must exist before this one.", ["nic", "password"])]
    action: Annotated[ResourceAction, doc("What would be done with it.", "create")]


@schema("ApplyPreview")
@dataclass(frozen=True, slots=True)
class ApplyPreview:
    """What a PUT would do: the plan, the price of the machine, and what would be refused."""

    environment: Annotated[str, doc("The name of the environment.", "ml1")]
    blueprint: Annotated[str, doc("The blueprint.", "workstation")]
    region: Annotated[str, doc("The Azure region.", "polandcentral")]
    would: Annotated[Change, doc("What would be done with the environment.", "create")]
    resources: Annotated[tuple[PlannedResource, ...], doc("The resources of the plan, in an order that works.", [])]
    price_per_hour: Annotated[
        Money | None,
        doc("The pay-as-you-go price of the machine per hour; null if unknown.", {"amount": 0.59, "currency": "USD"}),
    ]
    price_covers: Annotated[
        str, doc("What the price includes, and what is billed in addition.", "the machine while allocated")
    ]
    refusals: Annotated[tuple[RefusalView, ...], doc("What Azure would refuse, as far as it can be checked before.", [])]


@schema("PowerPreview")
@dataclass(frozen=True, slots=True)
class PowerPreview:
    """What a command would do, and the state of the machine now."""

    environment: Annotated[str, doc("The name of the environment.", "ml1")]
    would: Annotated[Verb, doc("What would be done.", "stop")]
    state: Annotated[State, doc("The state of its machine now.", "running")]


@schema("DeletePreview")
@dataclass(frozen=True, slots=True)
class DeletePreview:
    """What a deletion would remove: the resources that the plans have named, and the group if nothing else is in it."""

    environment: Annotated[str, doc("The name of the environment.", "ml1")]
    would: Annotated[Verb, doc("What would be done.", "delete")]
    group: Annotated[str, doc("The resource group.", "rg-dormouse-ml1")]


@schema("AlreadyDeleted")
@dataclass(frozen=True, slots=True)
class AlreadyDeleted:
    """An environment that was deleted before."""

    name: Annotated[str, doc("The name of the environment.", "ml1")]
    state: Annotated[State, doc("Always `absent`.", "absent")]
    last_operation: Annotated[str, doc("The ID of the last operation on it.", OPERATION)]


@schema("PasswordLocation")
@dataclass(frozen=True, slots=True)
class PasswordLocation:
    """Where a password is kept; read it from Key Vault with your own permissions."""

    secret_uri: Annotated[str, doc("The URI of the Key Vault secret.", SECRET)]


async def environment_view_of(
    record: EnvironmentRecord, seen: EnvironmentObservation | None, operation: str, dependencies: Dependencies, known: Known
) -> EnvironmentView:
    """The view of one environment; a memory or a spec that cannot be read is a problem of it, and hides nothing else."""
    spec, unread = spec_of(record)
    memory = None if isinstance(known, UnreadableRecord) else known
    problems = (seen.problem if seen else "", unread, str(known) if isinstance(known, UnreadableRecord) else "")
    state = _state(seen, operation)
    size = seen.size if seen and seen.size else str(spec.get("size", ""))
    address, username = seen.address if seen else "", str(spec.get("admin_username", ""))
    hold = memory.hold if memory and memory.hold and memory.hold.until > dependencies.now() else None
    return EnvironmentView(
        name=record.name,
        blueprint=record.blueprint,
        owner=record.owner,
        region=record.region,
        state=state,
        billed=seen is not None and seen.state in BILLED,  # what is on its way out costs until it is gone
        observed_at=moment_of(seen.observed_at) if seen else None,
        fresh=bool(seen and seen.fresh),
        size=size or None,
        price_per_hour=await _price(record.region, size, dependencies),
        address=address or None,
        endpoints=_endpoints(username, address) if state is State.RUNNING else (),
        username=username or None,
        password_secret=f"{dependencies.settings.key_vault_url}/secrets/{record.secret}",
        operation=operation or None,
        hold=CurrentHold.of(hold),
        lease=CurrentLease.of(memory.lease if memory else None),
        schedule=str(spec.get("schedule") or "") or None,
        verdict=(memory.verdict if memory else "") or None,
        ready=record.ready,
        problem=" ".join(filter(None, problems)) or None,
        spec=spec or None,
    )


def shown_to(caller: Caller, record: EnvironmentRecord, view: EnvironmentView) -> EnvironmentView:
    """A view without what this caller is refused elsewhere: the location of the password."""
    return view if may_act(caller, record.owner_id) else replace(view, password_secret=None)


def spec_of(record: EnvironmentRecord) -> tuple[dict[str, Any], str]:
    """The spec of an environment as it was asked, whatever today's rules say; and what is wrong if it cannot be read."""
    try:
        return stored_spec(record.spec), ""
    except (ValueError, TypeError, AttributeError) as error:
        return {}, f"Its spec cannot be read: {error}."


async def memory_of(record: EnvironmentRecord, dependencies: Dependencies) -> Known:
    """What sweeps remember of an environment's machine."""
    try:
        return await dependencies.machines.tracked(key_of(record.machine_id(dependencies.settings.azure_subscription_id)))
    except UnreadableRecord as error:
        return error


async def memories_of(records: Sequence[EnvironmentRecord], dependencies: Dependencies) -> dict[str, Known]:
    """What sweeps remember of the machines of some environments, by the environments' names."""
    keys = {record.name: key_of(record.machine_id(dependencies.settings.azure_subscription_id)) for record in records}
    if not keys:
        return {}
    known = await dependencies.machines.tracked_between(min(keys.values()), max(keys.values()))
    memories: dict[str, Known] = {key: each.tracked for key, each in known.readable.items()}
    memories |= known.unreadable
    return {name: memories.get(key) for name, key in keys.items()}


def _state(seen: EnvironmentObservation | None, operation: str) -> State:
    verb = verb_of(operation) if operation else None
    if verb is Verb.DELETE:
        return State.DELETING
    state = seen.state if seen else State.ABSENT
    if verb is Verb.PROVISION and state in (State.ABSENT, State.INCOMPLETE):
        return State.CREATING
    return state


def _endpoints(username: str, address: str) -> tuple[Endpoint, ...]:
    if not address:
        return ()
    ssh = f"ssh {username}@{address}" if username else f"ssh {address}"
    return (Endpoint("ssh", address, SSH, ssh), Endpoint("rdp", address, RDP, f"mstsc /v:{address}"))


async def _price(region: str, size: str, dependencies: Dependencies) -> Money | None:
    try:
        return Money.of(await dependencies.prices.of_machine(region, size))
    except CloudUnavailable:
        return None  # a price list that cannot be reached must not hide a machine
