"""A plan: the resources of a spec, as data."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from dormouse.resources.features import GuestSetup

# The settings of a resource that stays when its environment is deleted.
KEPT = {"keep": "true"}
# The settings of a resource that is deleted when a later plan of its environment does not name it.
WITHDRAWN = {"withdrawn": "true"}


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource of a plan.

    `kind` is the name of its kind, `id` its resource ID ("" if that follows from outputs of other resources), `body` what
    is sent to Azure, `settings` and `setup` are further inputs of its kind. `needs` names the resources that must exist
    first, `reads` those among them whose outputs it takes, and `contained_in` the resource whose deletion deletes this one.
    `before` has the observed values of the properties that the plan changes in place, by their names in specs.
    """

    name: str
    kind: str
    id: str = ""
    body: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, str] = field(default_factory=dict)
    setup: GuestSetup | None = None
    needs: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    contained_in: str = ""
    before: dict[str, str] = field(default_factory=dict)

    @property
    def superseded(self) -> bool:
        """Whether only an earlier plan of the environment has named it, as records keep such resources."""
        return self.name == self.id

    def recorded(self) -> "Resource":
        """The resource as records keep it: without what only its creation or change takes."""
        return replace(self, body={}, setup=None, before={})


@dataclass(frozen=True, slots=True)
class Plan:
    """All resources of an environment; those named in `changed` are put even if they exist.

    `depends_on` names the environments whose resources it uses, and `max_hourly_cost` is the most that its computing may
    cost per hour, in the currency of the price list (0.0: no limit).
    """

    environment: str
    blueprint: str
    operation: str
    region: str
    resources: tuple[Resource, ...]
    changed: tuple[str, ...] = ()
    depends_on: tuple[str, ...] = ()
    max_hourly_cost: float = 0.0

    def resource(self, name: str) -> Resource:
        """The resource with this name; raises KeyError if the plan has none."""
        for resource in self.resources:
            if resource.name == name:
                return resource
        raise KeyError(name)

    def without(self, names: Iterable[str]) -> "Plan":
        """The plan without these resources and without all that need them."""
        gone = set(names)
        for resource in self.resources:  # each comes after those that it needs
            if gone & set(resource.needs):
                gone.add(resource.name)
        return replace(self, resources=tuple(resource for resource in self.resources if resource.name not in gone))


def changed_resources(old: Plan, new: Plan) -> tuple[str, ...]:
    """The names of the resources of a plan that another plan of its environment has not, or has otherwise; tags apart."""
    before = {resource.name: _essence(resource) for resource in old.resources}
    return tuple(resource.name for resource in new.resources if before.get(resource.name) != _essence(resource))


def moved_resources(old: Plan, new: Plan) -> frozenset[str]:
    """The names of the resources of a plan that cannot stay as they are if another plan of its environment is built."""
    gone = {resource.name for resource in old.resources} - {resource.name for resource in new.resources}
    moved = gone | set(changed_resources(old, new))
    for resource in old.resources:  # each comes after those that it needs
        if moved & {*resource.needs, resource.contained_in}:
            moved.add(resource.name)
    return frozenset(moved)


def _essence(resource: Resource) -> Mapping[str, Any]:
    body = {key: value for key, value in resource.body.items() if key != "tags"}
    return {"id": resource.id, "body": body, "setup": resource.setup}
