"""The catalog of blueprints, and the plans that follow from specs."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from dormouse.blueprints import build_agent, data_science, ml_shared, ml_workspace, runner_cluster, workstation
from dormouse.blueprints.blueprint import Blueprint
from dormouse.blueprints.spec import EnvironmentSpec
from dormouse.errors import BlueprintNotFound
from dormouse.resources.graph import in_order
from dormouse.resources.plan import Plan
from dormouse.resources.target import DeploymentTarget

BLUEPRINTS: dict[str, Blueprint[Any]] = {
    each.name: each
    for each in (
        workstation.BLUEPRINT,
        data_science.BLUEPRINT,
        build_agent.BLUEPRINT,
        ml_shared.BLUEPRINT,
        ml_workspace.BLUEPRINT,
        runner_cluster.BLUEPRINT,
    )
}


@dataclass(frozen=True, slots=True)
class BlueprintDescription:
    """A blueprint as callers see it: its parameters (JSON schema) and their defaults."""

    name: str
    summary: str
    parameters: dict[str, Any]
    defaults: dict[str, Any]


def plan_for(spec: EnvironmentSpec, target: DeploymentTarget) -> Plan:
    """The plan of an environment: its resources, each after the resources it needs."""
    blueprint = BLUEPRINTS[spec.blueprint]
    target = replace(target, region=spec.region, owner=spec.owner, blueprint=spec.blueprint)
    resources = tuple(in_order(blueprint.build(spec, target)))
    parents = blueprint.depends_on(spec)
    return Plan(
        target.environment,
        spec.blueprint,
        target.operation,
        spec.region,
        resources,
        depends_on=parents,
        max_hourly_cost=spec.max_hourly_cost or 0.0,
    )


def find_blueprint(name: str) -> Blueprint[Any]:
    """The blueprint with this name; raises BlueprintNotFound."""
    if name not in BLUEPRINTS:
        raise BlueprintNotFound(f"There is no blueprint {name!r}; the blueprints are: {', '.join(sorted(BLUEPRINTS))}.")
    return BLUEPRINTS[name]


def describe_blueprint(name: str) -> BlueprintDescription:
    """The parameters and defaults of a blueprint; raises BlueprintNotFound."""
    kind = find_blueprint(name).spec
    return BlueprintDescription(name, (kind.__doc__ or "").strip(), kind.model_json_schema(), dict(_defaults(kind)))


def _defaults(kind: type[EnvironmentSpec]) -> Iterator[tuple[str, Any]]:
    for field, info in kind.model_fields.items():
        if not info.is_required():
            value = info.get_default(call_default_factory=True)
            yield field, value.model_dump() if hasattr(value, "model_dump") else value
