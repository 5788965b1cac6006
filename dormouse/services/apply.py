"""The desired state: what a PUT asks for, beside what is recorded and what exists; the difference is the plan."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from dormouse import serialization
from dormouse.access.roles import Caller, Role, owns
from dormouse.blueprints.catalog import BLUEPRINTS, plan_for
from dormouse.blueprints.spec import EnvironmentSpec
from dormouse.blueprints.specs import read_spec
from dormouse.blueprints.stored_specs import StoredSpec, asked_region, before_change
from dormouse.environments.operations import Alternative, EnvironmentRecord
from dormouse.errors import Fault, InvalidSpec, ParentNotReady
from dormouse.ids import ULID_LENGTH
from dormouse.lifecycle import Verb
from dormouse.resources.billing.recorded import Billed
from dormouse.resources.naming import name_of
from dormouse.resources.placement import Placement
from dormouse.resources.plan import Plan, changed_resources
from dormouse.resources.registry import kind_of, with_implied
from dormouse.resources.reserved_words import reserved_word_in
from dormouse.resources.target import DeploymentTarget
from dormouse.services.changes.differences import (
    asleep_fields,
    blocked_fields,
    survey_of_change,
    takes_new_secrets,
    with_changes,
)
from dormouse.services.context import Context
from dormouse.services.costs.pricing import billed_in_plan
from dormouse.services.dependents import outputs_of_parents, parent_faults
from dormouse.services.operations import operation_id_of
from dormouse.services.recorded_plans import target_of, with_own_sizes
from dormouse.settings import Settings

EXAMPLE_OPERATION = f"example-{Verb.PROVISION}-{'0' * ULID_LENGTH}"


@dataclass(frozen=True, slots=True)
class DesiredState:
    """A checked spec, its plan, and what was known and existed before."""

    spec: EnvironmentSpec
    plan: Plan
    existing: tuple[str, ...]
    record: EnvironmentRecord | None
    target: DeploymentTarget
    placement: Placement

    @property
    def changes(self) -> bool:
        """Whether executing the plan would change anything."""
        # What has no ID before others exist cannot be looked up; it comes and goes with them.
        wanted = {resource.name for resource in self.plan.resources if resource.id}
        # Policies are nothing that exists in Azure, but the next sweep goes by them.
        as_asked = self.record is not None and self.record.ready and self.record.spec == serialization.text_of(self.spec)
        return not as_asked or bool(self.plan.changed) or not wanted.issubset(self.existing)


async def desired_state_of(name: str, body: Mapping[str, Any], address: str, context: Context) -> DesiredState:
    """The desired state in a request; raises InvalidSpec with every fault, or ParentNotReady if only parents lack."""
    caller, dependencies = context.caller, context.dependencies
    record = await dependencies.records.environment(name)
    if record is not None and owns(caller, record.owner_id) and not str(body.get("owner") or "").strip():
        body = {**body, "owner": record.owner}  # the same person, who may have another name in another channel
    taken = [*_taken(record, body, caller.name), *_for_others(record, body, caller)]
    try:
        spec = read_spec(name, body, caller_address=address, caller=caller.name)
    except InvalidSpec as error:
        raise InvalidSpec([*taken, *error.faults]) from None
    depends_on = BLUEPRINTS[spec.blueprint].depends_on(spec)
    parents, missing = await parent_faults(name, depends_on, dependencies)
    before = before_change(record.blueprint, record.spec, spec) if record else StoredSpec(None)
    if taken or missing:
        faults = [*taken, *missing, *(() if taken else before.faults)]  # of the stored spec of another owner
        raise ParentNotReady(missing) if faults == missing else InvalidSpec(faults)

    operation = operation_id_of(context, name, Verb.PROVISION)
    outputs = await outputs_of_parents(parents, dependencies)
    place = target_of(dependencies.settings, name, operation, record.resources if record else (), outputs)
    unfit = BLUEPRINTS[spec.blueprint].unsuitable(spec, place)
    if unfit:
        raise InvalidSpec([*before.faults, *unfit])
    placement = _placement_of(spec, record)
    plan = plan_for(spec.placed(placement), place)
    if record is None:
        reserved = _reserved_names(plan)
        if reserved:
            raise InvalidSpec(reserved)
        return DesiredState(spec, plan, (), None, place, placement)
    plan = with_own_sizes(plan, spec, placement, place, record, before.spec)
    survey = await survey_of_change(plan, before.faults, dependencies.survey)
    kept = {resource.name for resource in plan.resources if not kind_of(resource).repeatable}
    differing = changed_resources(plan_for(before.spec.placed(placement), place), plan) if before.spec else ()
    changed = {*differing} - kept | takes_new_secrets(plan, survey)
    asleep = changed
    if not (record.ready and before.exact):  # then it is not known what all of it looks like
        changed = changed | {resource.name for resource in plan.resources} - kept
        asleep = changed if record.ready else asleep  # what is not ready is applied again, and completed then
    faults = [*before.faults, *blocked_fields(spec, survey, before.faults), *asleep_fields(plan, asleep, survey)]
    if faults:
        raise InvalidSpec(faults)
    return DesiredState(spec, with_changes(plan, changed, survey), survey.existing, record, place, placement)


def _placement_of(spec: EnvironmentSpec, record: EnvironmentRecord | None) -> Placement:
    """Where an environment is to be: what is built stays where it is, and has the size that it got if the spec allows it."""
    allowed = spec.placements()
    built = record.placement if record else None
    if built is None:
        return allowed[0]
    return built if built.size in {one.size for one in allowed} else replace(built, size=allowed[0].size)


def _reserved_names(plan: Plan) -> list[Fault]:
    """The fault of an environment name from which names follow that Azure rejects."""
    public = [name_of(one.id) for one in plan.resources if kind_of(one).public_name]
    found = {name: word for name in public if (word := reserved_word_in(name))}
    words = "Azure reserves the word {word!r}, which the name {name} of its storage would contain; choose another name"
    return [Fault("/name", words.format(word=word, name=name)) for name, word in found.items()]


def billing_of_blueprint(name: str, size: str, settings: Settings) -> Billed:
    """What an environment with the default spec is billed for, of another VM size if one is given.

    Required parameters have the values of their examples. Nothing for a blueprint that cannot be built so.
    """
    kind = BLUEPRINTS[name].spec
    required = {field: info.examples[0] for field, info in kind.model_fields.items() if info.is_required() and info.examples}
    sized = {"size": size} if size and "size" in kind.model_fields else {}
    try:
        spec = kind.model_validate({**required, "blueprint": name, "region": "westeurope", **sized})
        return billed_in_plan(plan_for(spec, target_of(settings, "example", EXAMPLE_OPERATION, (), {})))
    except (KeyError, ValueError):
        return Billed()


def owner_id_of(spec: EnvironmentSpec, caller: Caller) -> str:
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
    same = (body.get("blueprint"), owner) == (record.blueprint, record.owner)
    if same and region in (record.region, asked_region(record.spec)):
        return []
    detail = (
        f"{record.name!r} is taken: it is a {record.blueprint} of {record.owner} in {record.region}, and neither "
        "blueprint, region nor owner can change in place."
    )
    return [Fault("/name", detail)]


def record_of(
    desired: DesiredState, caller: Caller, requested_at: str, other: tuple[Placement, Plan] | None = None
) -> EnvironmentRecord:
    """The record of an environment once its desired state is asked for, with what earlier plans have named.

    `other` is the placement in which it is built, with its plan, if that is not the one of the desired state.
    """
    spec, known = desired.spec, desired.record
    placement, plan = other or (desired.placement, desired.plan)
    resources = with_implied(plan)
    now = {resource.id.lower() for resource in resources if resource.id}
    # An earlier plan may have named other resources, which are still the environment's own.
    earlier = [one for one in known.resources if one.id and one.id.lower() not in now] if known else []
    kept = [replace(one, name=one.id, needs=(), reads=(), contained_in="") for one in earlier]
    first, attached = ([one for one in kept if kind_of(one).attached is each] for each in (False, True))
    return EnvironmentRecord(
        name=plan.environment,
        blueprint=plan.blueprint,
        owner=spec.owner,
        region=plan.region,
        spec=serialization.text_of(spec),
        operation=plan.operation,
        requested_at=requested_at,
        owner_id=known.owner_id if known else owner_id_of(spec, caller),
        resources=(*first, *resources, *attached),  # deleted in reverse order
        depends_on=plan.depends_on,
        placement=placement if placement != spec.placements()[0] else None,
        health_checks=known.health_checks if known else (),
    )


def alternatives_of(desired: DesiredState, caller: Caller, requested_at: str) -> tuple[Alternative, ...]:
    """Where else the desired state may be built if Azure has no capacity, with the plan and the record of each."""
    return tuple(
        Alternative(where, plan, record_of(desired, caller, requested_at, (where, plan)))
        for where, plan in plans_elsewhere(desired)
    )


def plans_elsewhere(desired: DesiredState) -> list[tuple[Placement, Plan]]:
    """Where else the desired state may be built, in the order in which that is tried, and the plan of each."""
    others = [where for where in desired.spec.placements() if where != desired.placement]
    plans = [plan_for(desired.spec.placed(where), desired.target) for where in others]
    return [(where, replace(plan, changed=desired.plan.changed)) for where, plan in zip(others, plans, strict=True)]
