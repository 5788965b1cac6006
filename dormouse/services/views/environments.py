"""Environments as callers see them: what was asked for, and what Azure shows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Any

from activities.resources.environments import EnvironmentObservation
from dormouse.access.roles import Caller, may_act
from dormouse.blueprints.specs import stored_spec
from dormouse.environments.open_link import open_link
from dormouse.environments.operations import EnvironmentRecord
from dormouse.ids import verb_of
from dormouse.lifecycle import BILLED, State, Verb
from dormouse.resources.billing.recorded import billed_in
from dormouse.resources.keyvault import USERNAME, is_secret
from dormouse.resources.kinds import PriceQuery
from dormouse.resources.registry import kind_of
from dormouse.services.costs.environment_costs import Memory, costs_of
from dormouse.services.costs.pricing import price_of
from dormouse.services.dependencies import Dependencies
from dormouse.services.views.costs.environment import EnvironmentCosts
from dormouse.services.views.machines import CurrentHold, CurrentLease, PlannedStageView
from dormouse.services.views.money import ASLEEP, BY_USE, UNPRICED, Money
from dormouse.services.views.placements import PlacementView
from dormouse.services.views.resources import DROPPED, EndpointView, ResourceView, SecretView
from dormouse.services.views.rights import MAY, may_with_environment
from dormouse.services.views.schema import HOLD, LEASE, NOON, OPERATION, Moment, moment_of, schema
from dormouse.services.views.upcoming import NEXT, UpcomingStep, next_steps
from dormouse.text.doc import doc

SPEC = {"blueprint": "workstation", "region": "polandcentral", "size": "Standard_NV6ads_A10_v5"}


@schema("Environment")
@dataclass(frozen=True, slots=True)
class EnvironmentView:
    """An environment: its spec, what Azure shows of it, how to connect, what it costs, and the operation running on it."""

    name: Annotated[str, doc("The name.", "ml1")]
    blueprint: Annotated[str, doc("The blueprint that it was built from.", "workstation")]
    owner: Annotated[str, doc("The user who owns it.", "alice")]
    region: Annotated[str, doc("The Azure region.", "polandcentral")]
    state: Annotated[
        State,
        doc(
            "Its state in Azure: `partial` if its machines differ, `ready` if nothing can be stopped.",
            "running",
        ),
    ]
    billed: Annotated[bool, doc("Whether Azure bills computing in this state.", True)]
    observed_at: Annotated[Moment | None, doc("When Azure was asked; null if it shows nothing of the environment.", NOON)]
    fresh: Annotated[bool, doc("Whether Azure was asked for this response; lists may be some seconds old.", True)]
    resources: Annotated[tuple[ResourceView, ...], doc("The resources that show its state and the ways into it.", [])]
    price_per_hour: Annotated[
        Money | None,
        doc(
            "The list price per hour while it runs, for Spot VMs that of today; null if unknown.",
            {"amount": 0.6, "currency": "USD"},
        ),
    ]
    costs: Annotated[EnvironmentCosts, doc("What it costs, and what it has cost in this month.", {"hours_this_month": 20.8})]
    endpoints: Annotated[tuple[EndpointView, ...], doc("How to connect; empty while it is stopped.", [])]
    secrets: Annotated[
        tuple[SecretView, ...] | None, doc("Where its secrets are kept; null if the caller may not know.", [])
    ]
    depends_on: Annotated[tuple[str, ...], doc("The environments whose resources it uses.", [])]
    operation: Annotated[str | None, doc("The ID of the operation that is running on it; null if none is.", OPERATION)]
    hold: Annotated[CurrentHold | None, doc("The hold that keeps its machines running; null if there is none.", HOLD)]
    lease: Annotated[CurrentLease | None, doc("When it will be stopped or deleted; null if there is no lease.", LEASE)]
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
    placement: Annotated[
        PlacementView | None,
        doc("Where it was built because Azure had no capacity where its spec asks first; null if it is there.", None),
    ] = None
    hibernated: Annotated[
        bool | None,
        doc("Whether its memory is kept while it is stopped; null if nothing is stopped, and in lists.", False),
    ] = None
    price_asleep_per_hour: Annotated[Money | None, ASLEEP] = None
    unpriced: Annotated[tuple[str, ...], UNPRICED] = ()
    billed_by_use: Annotated[tuple[str, ...], BY_USE] = ()
    drift: Annotated[tuple[str, ...], DROPPED] = ()
    open_url: Annotated[
        str | None,
        doc(
            "A page to bookmark that leads into it, and starts it first if it sleeps; null without CONTROL_PLANE_URL.",
            "https://dormouse.example/api/open/ml1",
        ),
    ] = None
    planned: Annotated[
        PlannedStageView | None,
        doc("What sweeps will do with it because it sleeps on; null if its spec asks for nothing, or it is awake.", None),
    ] = None
    may: Annotated[tuple[str, ...], MAY] = ()
    next: Annotated[tuple[UpcomingStep, ...], NEXT] = ()


@schema("EnvironmentList")
@dataclass(frozen=True, slots=True)
class EnvironmentList:
    """One page of environments, sorted by name unless asked otherwise."""

    value: Annotated[tuple[EnvironmentView, ...], doc("The environments on this page.", [])]
    next: Annotated[
        str | None, doc("The URL of the next page; null on the last page.", "/api/environments?limit=50&after=MW1s")
    ]
    problems: Annotated[tuple[str, ...], doc("What could not be read, and why.", [])]
    total: Annotated[int, doc("How many environments match, on all pages.", 12)]


async def environment_view_of(
    record: EnvironmentRecord,
    seen: EnvironmentObservation | None,
    operation: str,
    dependencies: Dependencies,
    memory: Memory,
) -> EnvironmentView:
    """The view of one environment; a memory or a spec that cannot be read is a problem of it, and hides nothing else."""
    spec, unread = spec_of(record)
    first = memory.first
    problems = (seen.problem if seen else "", unread, str(memory.problem or ""), memory.job_problem)
    hold = first.hold if first and first.hold and first.hold.until > dependencies.now() else None
    schedule = str(spec.get("schedule") or "")
    billed = machines_billed(record, seen)
    others = billed_in(record.resources)
    price = await price_of(record.region, replace(others, machines=tuple(billed.values())), dependencies)
    return EnvironmentView(
        name=record.name,
        blueprint=record.blueprint,
        owner=record.owner,
        region=record.region,
        state=shown_state(seen, operation),
        # What is on its way out costs until it is gone.
        billed=seen is not None and any(one.state in BILLED for one in seen.resources),
        observed_at=moment_of(seen.observed_at) if seen else None,
        fresh=bool(seen and seen.fresh),
        resources=tuple(ResourceView.of(one) for one in seen.resources) if seen else (),
        price_per_hour=price.running,
        costs=costs_of(price.running, memory),
        endpoints=_endpoints(seen, operation, record),
        secrets=secrets_of(record, dependencies.settings.key_vault_url),
        depends_on=record.depends_on,
        operation=operation or None,
        hold=CurrentHold.of(hold),
        lease=CurrentLease.of(first.lease if first else None),
        schedule=schedule or None,
        verdict=(first.verdict if first else "") or None,
        ready=record.ready,
        problem=" ".join(filter(None, problems)) or None,
        placement=PlacementView.of(record.placement),
        spec=spec or None,
        hibernated=seen.hibernated if seen else None,
        price_asleep_per_hour=price.asleep,
        unpriced=price.unpriced,
        billed_by_use=others.by_use,
        drift=seen.dropped if seen else (),
        open_url=open_link(dependencies.settings.control_plane_url, record.name) or None,
        planned=PlannedStageView.of(memory.planned),
        next=next_steps(
            shown_state(seen, operation),
            hold,
            first.lease if first else None,
            schedule,
            dependencies.now(),
            dependencies.settings,
            planned=memory.planned,
            overspent=memory.overspent,
        ),
    )


def shown_to(caller: Caller, record: EnvironmentRecord, view: EnvironmentView) -> EnvironmentView:
    """A view with what this caller may do, and without what they are refused elsewhere: the locations of secrets."""
    view = replace(view, may=may_with_environment(caller, record))
    return view if may_act(caller, record.owner_id) else replace(view, secrets=None)


def spec_of(record: EnvironmentRecord) -> tuple[dict[str, Any], str]:
    """The spec of an environment as it was asked, whatever today's rules say; and what is wrong if it cannot be read."""
    try:
        return stored_spec(record.spec), ""
    except (ValueError, TypeError, AttributeError) as error:
        return {}, f"Its spec cannot be read: {error}."


def secrets_of(record: EnvironmentRecord, vault: str) -> tuple[SecretView, ...]:
    """Where the secrets of an environment are kept; those that only earlier plans have named open nothing."""
    return tuple(
        SecretView(one.name, f"{vault}/{one.id}", one.settings.get(USERNAME))
        for one in record.resources
        if is_secret(one.id) and not one.superseded
    )


def machines_billed(record: EnvironmentRecord, seen: EnvironmentObservation | None) -> dict[str, PriceQuery]:
    """What is billed by the hour in an environment, by resource ID: as Azure shows it, or else according to its records."""
    if seen:
        return {one.id: one.billing for one in seen.resources if one.billing}
    found = {resource.id: kind_of(resource).billing(resource, None) for resource in record.resources}
    return {identifier: query for identifier, query in found.items() if query is not None}


def shown_state(seen: EnvironmentObservation | None, operation: str) -> State:
    """The state of an environment as views show it: what Azure shows, and what the running operation makes of it."""
    verb = verb_of(operation) if operation else None
    if verb is Verb.DELETE:
        return State.DELETING
    state = seen.state if seen else State.ABSENT
    if verb is Verb.PROVISION and state in (State.ABSENT, State.INCOMPLETE):
        return State.CREATING
    return state


def _endpoints(seen: EnvironmentObservation | None, operation: str, record: EnvironmentRecord) -> tuple[EndpointView, ...]:
    """The ways in; the health check that has the name of a protocol says what to know about it."""
    if seen is None or shown_state(seen, operation) not in (State.RUNNING, State.PARTIAL, State.READY):
        return ()
    notes = {check.name: check.detail for check in record.health_checks}
    return tuple(
        EndpointView(one.kind, one.host, one.port, one.command, one.username or None, notes.get(one.kind) or None)
        for one in seen.endpoints
    )
