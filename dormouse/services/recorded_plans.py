"""Plans of environments as they are on record: with their secrets, their guest setups, and sizes of single machines."""

from collections.abc import Sequence
from dataclasses import replace

from dormouse import serialization
from dormouse.blueprints.catalog import BLUEPRINTS, plan_for
from dormouse.blueprints.spec import EnvironmentSpec
from dormouse.environments.operations import EnvironmentRecord
from dormouse.errors import InvalidSpec
from dormouse.resources.naming import name_of
from dormouse.resources.placement import Placement
from dormouse.resources.plan import Plan, Resource
from dormouse.resources.registry import KINDS, kind_of
from dormouse.resources.target import DeploymentTarget, Parents
from dormouse.services.dependencies import Dependencies
from dormouse.services.dependents import outputs_of_parents, parent_faults
from dormouse.settings import Settings

SIZE = "size"


async def plan_on_record(spec: EnvironmentSpec, record: EnvironmentRecord, dependencies: Dependencies) -> Plan:
    """The plan of a recorded environment with another spec; raises InvalidSpec if it depends on one that is not ready."""
    parents, missing = await parent_faults(record.name, record.depends_on, dependencies)
    if missing:
        raise InvalidSpec(missing)
    outputs = await outputs_of_parents(parents, dependencies)
    return plan_for(spec, target_of(dependencies.settings, record.name, record.operation, record.resources, outputs))


async def resources_on_record(record: EnvironmentRecord, dependencies: Dependencies) -> tuple[tuple[Resource, ...], bool]:
    """The resources of an environment with the guest setups of its recorded spec; and whether that spec could be read."""
    parents, missing = await parent_faults(record.name, record.depends_on, dependencies)
    outputs = await outputs_of_parents(parents, dependencies)
    try:
        spec = serialization.read_text(BLUEPRINTS[record.blueprint].spec, record.spec)
        target = target_of(dependencies.settings, record.name, record.operation, record.resources, outputs)
        setups = {resource.name: resource.setup for resource in plan_for(spec.placed(record.placement), target).resources}
    except (KeyError, ValueError):
        return record.resources, False
    return tuple(replace(resource, setup=setups.get(resource.name)) for resource in record.resources), not missing


def target_of(
    settings: Settings, environment: str, operation: str, recorded: Sequence[Resource], parents: Parents
) -> DeploymentTarget:
    """Where an environment is deployed, with the secrets that its resources have on record."""
    secrets = {one.name: name_of(one.id) for one in recorded if one.kind in KINDS and kind_of(one).soft_deleted}
    return DeploymentTarget(
        settings.azure_subscription_id,
        environment,
        operation,
        control_plane=settings.control_plane_url,
        audience=settings.heartbeat_audience,
        deployment=settings.deployment_id,
        secrets=secrets,
        parents=parents,
        vault=settings.key_vault_id,
        vault_url=settings.key_vault_url,
    )


def with_own_sizes(
    plan: Plan,
    spec: EnvironmentSpec,
    placement: Placement,
    target: DeploymentTarget,
    record: EnvironmentRecord,
    recorded_spec: EnvironmentSpec | None,
) -> Plan:
    """The plan in which machines that were resized alone keep their sizes, as far as the spec still allows these.

    A machine that was started with another size for lack of capacity has it alone; its environment is where it was.
    """
    if recorded_spec is None:
        return plan
    common = (record.placement or recorded_spec.placements()[0]).size
    allowed = {one.size for one in spec.placements()} - {common}
    own = {one.name: one.settings[SIZE] for one in record.resources if one.settings.get(SIZE) in allowed}
    plans = {size: plan_for(spec.placed(replace(placement, size=size)), target) for size in sorted(set(own.values()))}
    sized = {size: {one.name: one for one in each.resources} for size, each in plans.items()}
    resources = tuple(sized[own[one.name]][one.name] if one.name in own else one for one in plan.resources)
    return replace(plan, resources=resources)
