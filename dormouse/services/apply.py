"""The desired state: what a PUT asks for, beside what is recorded and what exists; the difference is the plan."""

import asyncio
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from dormouse import serialization
from dormouse.access.roles import Caller, Role, owns
from dormouse.blueprints.catalog import changed_steps, plan_for
from dormouse.blueprints.specs import SPECS, WorkstationSpec, read_spec
from dormouse.blueprints.stored_specs import StoredSpec, before_change
from dormouse.cloud.prices import Price
from dormouse.environments.operations import EnvironmentRecord
from dormouse.errors import CloudUnavailable, Fault, InvalidSpec
from dormouse.ids import ulid_of
from dormouse.lifecycle import Verb
from dormouse.resources.graph import in_order
from dormouse.resources.ownership import secret_name
from dormouse.resources.plan import DeploymentTarget, Plan, PlannedMachine, ResourceKind
from dormouse.services.context import Context
from dormouse.services.dependencies import Dependencies
from dormouse.services.operations import operation_id_of
from dormouse.services.views.environments import ApplyPreview, Change, PlannedResource, ResourceAction
from dormouse.services.views.money import Money
from dormouse.services.views.operations import RefusalView
from dormouse.settings import Settings


@dataclass(frozen=True, slots=True)
class DesiredState:
    """A checked spec, its plan, and what was known and existed before."""

    spec: WorkstationSpec
    plan: Plan
    secret: str
    existing: tuple[str, ...]
    record: EnvironmentRecord | None

    @property
    def changes(self) -> bool:
        """Whether executing the plan would change anything."""
        # An assignment cannot be looked up before its principal is known; it comes and goes with its neighbours.
        wanted = {step.name for step in self.plan.resources if step.kind is not ResourceKind.ROLE_ASSIGNMENT}
        # Policies are nothing that exists in Azure, but the next sweep goes by them.
        as_asked = self.record is not None and self.record.ready and self.record.spec == serialization.text_of(self.spec)
        return not as_asked or bool(self.plan.changed) or not wanted.issubset(self.existing)


# Putting these again would change what they are known by: a password, or the first boot of a machine.
NOT_PUT_AGAIN = frozenset({ResourceKind.PASSWORD, ResourceKind.VIRTUAL_MACHINE})

COVERS = "the machine while it is allocated; its disk, public address, storage and traffic are billed on top"


async def desired_state_of(name: str, body: Mapping[str, Any], address: str, context: Context) -> DesiredState:
    """The desired state in a request; raises InvalidSpec with every fault."""
    caller, dependencies = context.caller, context.dependencies
    record = await dependencies.records.environment(name)
    if record is not None and owns(caller, record.owner_id) and not str(body.get("owner") or "").strip():
        body = {**body, "owner": record.owner}  # the same person, who may be called otherwise at another door
    taken = [*_taken(record, body, caller.name), *_for_others(record, body, caller)]
    try:
        spec = read_spec(name, body, caller_address=address, caller=caller.name)
    except InvalidSpec as error:
        raise InvalidSpec([*taken, *error.faults]) from None
    if taken:
        raise InvalidSpec(taken)
    before = before_change(record.blueprint, record.spec, spec) if record else StoredSpec(None)
    if before.faults:
        raise InvalidSpec(before.faults)

    operation = operation_id_of(context, name, Verb.PROVISION)
    settings = dependencies.settings
    secret = record.secret if record else secret_name(settings.deployment_id, name, ulid_of(operation))
    place = _place(settings, name, operation, secret)
    plan = plan_for(spec, place)
    if record is None:
        return DesiredState(spec, plan, secret, (), None)
    survey = await dependencies.preflight.existing(plan)
    kept = {step.name for step in plan.resources if step.kind in NOT_PUT_AGAIN}
    differing = changed_steps(plan_for(before.spec, place), plan) if before.spec else ()
    changed = {*differing, *survey.drifted} - kept
    if not (record.ready and before.exact):  # then it is not known what all of it looks like
        changed |= {step.name for step in plan.resources} - kept
    ordered = tuple(step.name for step in plan.resources if step.name in changed)
    return DesiredState(spec, replace(plan, changed=ordered), secret, survey.existing, record)


def machine_on_record(record: EnvironmentRecord, settings: Settings) -> PlannedMachine | None:
    """The machine that the spec on record asks for, or None if newer rules cannot read that spec."""
    try:
        spec = serialization.read_text(SPECS[record.blueprint], record.spec)
    except (KeyError, ValueError):
        return None
    machine = plan_for(spec, _place(settings, record.name, record.operation, record.secret)).machine
    identifier = record.machine_id(settings.azure_subscription_id)
    return replace(machine, id=identifier, group=record.group, name=record.machine)


def _place(settings: Settings, environment: str, operation: str, secret: str) -> DeploymentTarget:
    agent = (settings.control_plane_url, settings.heartbeat_audience)
    return DeploymentTarget(settings.azure_subscription_id, environment, operation, secret, *agent, settings.deployment_id)


async def preview_of(desired: DesiredState, dependencies: Dependencies) -> ApplyPreview:
    """What applying the desired state would do; nothing is changed."""
    plan, preflight = desired.plan, dependencies.preflight
    price, *surveys = await asyncio.gather(
        _price(plan, dependencies),
        preflight.existing(plan, new=desired.record is None),
        preflight.size_offered(plan),
        preflight.quota_left(plan),
    )
    existing = surveys[0].existing
    resources = tuple(
        PlannedResource(step.name, step.kind, step.id or None, step.needs, _action(step.name, existing, plan))
        for step in in_order(plan.resources)
    )
    refusals = tuple(RefusalView.of(refusal) for survey in surveys for refusal in survey.refusals)
    would: Change = "nothing" if desired.existing and not desired.changes else "change" if existing else "create"
    cost = Money.of(price)
    return ApplyPreview(plan.environment, plan.blueprint, plan.region, would, resources, cost, COVERS, refusals)


async def _price(plan: Plan, dependencies: Dependencies) -> Price | None:
    try:
        return await dependencies.prices.of_machine(plan.region, plan.machine.size)
    except CloudUnavailable:
        return None


def _action(name: str, existing: tuple[str, ...], plan: Plan) -> ResourceAction:
    if name not in existing:
        return "create"
    return "update" if name in plan.changed else "unchanged"


def owner_id_of(spec: WorkstationSpec, caller: Caller) -> str:
    """The object ID of the owner: the one in the spec, or the caller's if they own it themselves; else ""."""
    if spec.owner == caller.name:
        return caller.object_id
    try:
        return str(uuid.UUID(spec.owner))
    except ValueError:
        return ""


def _for_others(record: EnvironmentRecord | None, body: Mapping[str, Any], caller: Caller) -> list[Fault]:
    """Users may only name themselves as owner; operators may name anyone."""
    owner = str(body.get("owner") or "").strip()
    themselves = ("", caller.name, caller.object_id, record.owner if record and owns(caller, record.owner_id) else "")
    if caller.role is not Role.USER or owner in themselves:
        return []
    return [Fault("/owner", "You may build environments for yourself only; leave the owner out.")]


def _taken(record: EnvironmentRecord | None, body: Mapping[str, Any], caller: str) -> list[Fault]:
    """The fault of a name that belongs to an environment which this spec cannot be an update of."""
    if record is None:
        return []
    region = str(body.get("region", "")).replace(" ", "").lower()
    owner = str(body.get("owner") or "").strip() or caller
    asked = (body.get("blueprint"), region, owner)
    if asked == (record.blueprint, record.region, record.owner):
        return []
    detail = (
        f"{record.name!r} is taken: it is a {record.blueprint} of {record.owner} in {record.region}, and neither "
        "blueprint, region nor owner can change in place."
    )
    return [Fault("/name", detail)]
