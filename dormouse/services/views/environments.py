"""Pictures: an environment as a caller wants to see it, from what was asked and what Azure shows."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from dormouse.access.roles import Caller, may_act
from dormouse.blueprints.specs import stored_spec
from dormouse.cloud.inventory import EnvironmentObservation
from dormouse.cloud.prices import Price
from dormouse.environments.operations import EnvironmentRecord
from dormouse.environments.results import Refusal
from dormouse.errors import CloudUnavailable, UnreadableRecord
from dormouse.idle.tracking import Hold, Lease, TrackedMachine
from dormouse.ids import verb_of
from dormouse.lifecycle import BILLED, State, Verb
from dormouse.resources.machines import key_of
from dormouse.resources.plan import ResourceKind
from dormouse.services.dependencies import Dependencies

# What sweeps remember of a machine: nothing, a memory, or one that this release cannot read.
Known: TypeAlias = TrackedMachine | UnreadableRecord | None


@dataclass(frozen=True, slots=True)
class EnvironmentView:
    """An environment: what was asked for, what Azure shows, how to get in, what it costs, what is being done to it."""

    name: str
    blueprint: str
    owner: str
    region: str
    state: State
    billed: bool
    observed_at: str
    fresh: bool
    size: str
    price: Price | None
    address: str
    connect: dict[str, str]
    password_secret: str
    operation: str | None
    hold: Hold | None
    lease: Lease | None
    schedule: str
    verdict: str
    whole: bool
    problem: str
    spec: dict[str, Any]


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """One step of a plan as a caller wants to see it."""

    name: str
    kind: ResourceKind
    id: str
    needs: tuple[str, ...]
    action: str


@dataclass(frozen=True, slots=True)
class ApplyPreview:
    """What a PUT would do: steps, price of the machine, and what would be refused."""

    environment: str
    blueprint: str
    region: str
    would: str
    steps: tuple[PlannedStep, ...]
    price: Price | None
    price_covers: str
    refusals: tuple[Refusal, ...]


@dataclass(frozen=True, slots=True)
class PowerPreview:
    """What a command would do, and to a machine in which state."""

    environment: str
    would: Verb
    state: State


@dataclass(frozen=True, slots=True)
class DeletePreview:
    """What a deletion would remove: what the environment's plans have named, and the group if nothing else is in it."""

    environment: str
    would: Verb
    group: str


@dataclass(frozen=True, slots=True)
class AlreadyDeleted:
    """An environment that was deleted before, and the operation that was the last one."""

    name: str
    state: State
    last_operation: str


@dataclass(frozen=True, slots=True)
class PasswordLocation:
    """Where a password is kept; the key vault shows it to those who may read it there."""

    secret_uri: str


async def environment_view_of(
    record: EnvironmentRecord, seen: EnvironmentObservation | None, operation: str, dependencies: Dependencies, known: Known
) -> EnvironmentView:
    """The picture of one environment; a memory or a spec that cannot be read is a problem of it, and hides nothing else."""
    spec, unread = spec_of(record)
    memory = None if isinstance(known, UnreadableRecord) else known
    problems = (seen.problem if seen else "", unread, str(known) if isinstance(known, UnreadableRecord) else "")
    state = _state(seen, operation)
    size = seen.size if seen and seen.size else str(spec.get("size", ""))
    address = seen.address if seen else ""
    return EnvironmentView(
        name=record.name,
        blueprint=record.blueprint,
        owner=record.owner,
        region=record.region,
        state=state,
        billed=seen is not None and seen.state in BILLED,  # what is on its way out costs until it is gone
        observed_at=seen.observed_at if seen else "",
        fresh=bool(seen and seen.fresh),
        size=size,
        price=await _price(record.region, size, dependencies),
        address=address,
        connect=_connect(spec, address, state),
        password_secret=f"{dependencies.settings.key_vault_url}/secrets/{record.secret}",
        operation=operation or None,
        hold=memory.hold if memory and memory.hold and memory.hold.until > dependencies.now() else None,
        lease=memory.lease if memory else None,
        schedule=str(spec.get("schedule", "")),
        verdict=memory.verdict if memory else "",
        whole=record.ready,
        problem=" ".join(filter(None, problems)),
        spec=spec,
    )


def shown_to(caller: Caller, record: EnvironmentRecord, view: EnvironmentView) -> EnvironmentView:
    """A picture without what this caller is refused elsewhere: the place of the password."""
    return view if may_act(caller, record.owner_id) else replace(view, password_secret="")


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


def _connect(spec: dict[str, Any], address: str, state: State) -> dict[str, str]:
    if not address or state is not State.RUNNING:
        return {}
    user = str(spec.get("admin_username", ""))
    return {"rdp": f"mstsc /v:{address}", "ssh": f"ssh {user}@{address}", "username": user}


async def _price(region: str, size: str, dependencies: Dependencies) -> Price | None:
    try:
        return await dependencies.prices.of_machine(region, size)
    except CloudUnavailable:
        return None  # a price list that cannot be reached must not hide a machine
