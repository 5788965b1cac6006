"""The catalog of blueprints: each is a list of resources."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from dormouse.blueprints.payloads import RDP, SSH
from dormouse.blueprints.specs import SPECS, WorkstationSpec
from dormouse.blueprints.workstation import MACHINES, Parts
from dormouse.errors import BlueprintNotFound
from dormouse.resources.graph import in_order
from dormouse.resources.plan import DeploymentTarget, Plan, PlannedMachine, Resource


def workstation(parts: Parts) -> list[Resource]:
    """One GPU VM with an RDP desktop and a mounted blob container, reachable from the allowed networks only."""
    return [
        *parts.resource_group(),
        *parts.network(open_ports=(RDP, SSH)),
        *parts.blob_container(),
        *parts.password(),
        *parts.virtual_machine(),
        *parts.nvidia_driver(),
        *parts.may_use_blobs(),
    ]


BLUEPRINTS: dict[str, Callable[[Parts], list[Resource]]] = {"workstation": workstation}


@dataclass(frozen=True, slots=True)
class BlueprintDescription:
    """A blueprint as callers see it: its parameters (JSON schema) and their defaults."""

    name: str
    summary: str
    parameters: dict[str, Any]
    defaults: dict[str, Any]


def plan_for(spec: WorkstationSpec, place: DeploymentTarget) -> Plan:
    """The plan of an environment: its resources, each after the resources it needs."""
    parts = Parts(spec, place)
    steps = tuple(in_order(BLUEPRINTS[spec.blueprint](parts)))
    machine = PlannedMachine(
        id=parts.id(MACHINES, parts.machine_name),
        group=parts.group,
        name=parts.machine_name,
        size=spec.size,
        setup=parts.setup,
    )
    return Plan(place.environment, spec.blueprint, place.operation, spec.region, parts.group, steps, machine)


def changed_steps(old: Plan, new: Plan) -> tuple[str, ...]:
    """The names of the resources that differ between two plans of one environment; tags are ignored."""
    before = {step.name: _essence(step) for step in old.resources}
    return tuple(step.name for step in new.resources if before.get(step.name) != _essence(step))


def describe_blueprint(name: str) -> BlueprintDescription:
    """The parameters and defaults of a blueprint; raises BlueprintNotFound."""
    if name not in BLUEPRINTS:
        raise BlueprintNotFound(f"There is no blueprint {name!r}; the blueprints are: {', '.join(sorted(BLUEPRINTS))}.")
    kind = SPECS[name]
    schema = kind.model_json_schema()
    defaults = {
        field: info.get_default(call_default_factory=True)
        for field, info in kind.model_fields.items()
        if not info.is_required()
    }
    plain = {field: value.model_dump() if hasattr(value, "model_dump") else value for field, value in defaults.items()}
    return BlueprintDescription(name, (kind.__doc__ or "").strip(), schema, plain)


def _essence(step: Resource) -> object:
    body = {key: value for key, value in step.body.items() if key != "tags"}
    return (step.id, body, step.setup)
