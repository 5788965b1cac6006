"""Ownership: the resources that the plans of an environment have named, and nothing else."""

from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass

from dormouse.resources.plan import KEPT, Resource
from dormouse.resources.registry import is_group, kind_of

MOST_NAMED = 20


@dataclass(frozen=True, slots=True)
class OwnedResources:
    """The recorded resources of an environment, each after those that it needs."""

    resources: tuple[Resource, ...] = ()

    @property
    def groups(self) -> tuple[Resource, ...]:
        """The resource groups that the environment has for itself; those inside another resource go with it."""
        return tuple(resource for resource in self.resources if is_group(resource) and not resource.contained_in)

    @classmethod
    def to_delete(cls, resources: Iterable[Resource]) -> "OwnedResources":
        """What a deletion of the environment deletes: all of these but those that the spec keeps."""
        return cls(tuple(one for one in resources if not KEPT.items() <= one.settings.items()))

    def owns(self, identifier: str) -> bool:
        """Whether a resource is one of these or a child of one of them; to be in their group is not enough."""
        path = f"{identifier.lower()}/"
        own = [resource.id.lower() for resource in self.resources if resource.id and not is_group(resource)]
        return any(path.startswith(f"{identifier}/") for identifier in own)

    def is_inside(self, resource: Resource, containers: Set[str]) -> bool:
        """Whether a resource is in one of these containers, directly or not: it is deleted with it."""
        by_name = {one.name: one for one in self.resources}
        container = resource.contained_in
        while container and container not in containers:
            container = by_name[container].contained_in if container in by_name else ""
        return bool(container)

    def others_in(self, identifiers: Iterable[str]) -> tuple[str, ...]:
        """The resources among these that do not belong to the environment."""
        return tuple(identifier for identifier in identifiers if not self.owns(identifier))

    def removable(self, there: Sequence[Resource], whole_groups: Iterable[str] = ()) -> tuple[Resource, ...]:
        """The existing resources to delete one by one, dependents first, and groups that go as a whole last.

        `whole_groups` names the groups in which nothing else is; what goes with its container is left out.
        """
        existing, whole = {resource.name for resource in there}, set(whole_groups)
        by_name = {resource.name: resource for resource in self.resources}

        def goes_along(resource: Resource) -> bool:
            container = by_name.get(resource.contained_in)
            if container is None or container.name not in existing:
                return False
            return container.name in whole if is_group(container) else True

        ordered = [resource for resource in reversed(self.resources) if resource.name in existing and resource.id]
        alone = [resource for resource in ordered if not goes_along(resource)]
        return tuple(resource for resource in alone if not is_group(resource) or resource.name in whole)


def text_of_recoverable(deleted: Iterable[Resource]) -> str:
    """The sentence about deleted resources that Azure keeps recoverable under their names, or ""."""
    found = [kind_of(one).label(one) for one in deleted if kind_of(one).soft_deleted and kind_of(one).type]
    if not found:
        return ""
    return f"Azure keeps recoverable, with its name reserved: {', '.join(found)}. Delete it again with purge to end that."


def text_of_resources_kept(identifiers: Sequence[str]) -> str:
    """The sentence that lists the resources a deletion keeps: those of others, and those that the spec keeps; or ""."""
    if not identifiers:
        return ""
    named, more = ", ".join(identifiers[:MOST_NAMED]), len(identifiers) - MOST_NAMED
    rest = f" and {more} more" if more > 0 else ""
    return f"Not deleted, because the spec keeps them, or Dormouse did not create them: {named}{rest}."
