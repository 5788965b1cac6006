"""Environments as Azure shows them: one from its resources, many from one Resource Graph query."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from activities.resources.registry import api_of
from dormouse.cloud.clients import Cloud
from dormouse.cloud.inventory import Inventory
from dormouse.environments.operations import EnvironmentRecord
from dormouse.lifecycle import State, folded
from dormouse.resources.kinds import Endpoint, Observed, PriceQuery
from dormouse.resources.naming import group_of, type_of
from dormouse.resources.plan import Resource
from dormouse.resources.registry import is_group, kind_of

ROWS = (
    "resources | where type in~ ({types}) | where resourceGroup in~ ({groups})"
    " | project id, type, properties | order by id asc"
)


@dataclass(frozen=True, slots=True)
class ObservedResource:
    """A resource of an environment as Azure shows it: its state (None: it has no power), and what is billed by the hour.

    `hibernated` is whether its memory is kept while it is stopped; None if that is not known.
    """

    name: str
    kind: str
    id: str
    state: State | None = None
    billing: PriceQuery | None = None
    hibernated: bool | None = None


@dataclass(frozen=True, slots=True)
class EnvironmentObservation:
    """The observed state of an environment, and when it was observed; `resources` are those that were looked at.

    `unstoppable` says why it cannot be stopped ("": it can), and `dropped` has the IDs of resources that only earlier specs
    have named, and that still exist.
    """

    state: State
    observed_at: str
    fresh: bool
    resources: tuple[ObservedResource, ...] = ()
    endpoints: tuple[Endpoint, ...] = ()
    problem: str = ""
    unstoppable: str = ""
    dropped: tuple[str, ...] = ()

    @property
    def hibernated(self) -> bool | None:
        """Whether what is stopped in it keeps its memory; None if that is not known, or if nothing is stopped."""
        found = [one.hibernated for one in self.resources if one.state is State.STOPPED]
        return None if not found or None in found else all(found)


class EnvironmentInventory:
    """Read-only queries about the resources of recorded environments."""

    def __init__(self, cloud: Cloud) -> None:
        """Query through these clients."""
        self._cloud, self._inventory = cloud, Inventory(cloud)

    async def observe(self, record: EnvironmentRecord) -> EnvironmentObservation:
        """The current state of one environment; raises CloudUnavailable."""
        watched = watched_in(record)
        found = await asyncio.gather(*(api_of(resource).get(resource, self._cloud) for resource in watched))
        observed = {one.name: shown for one, shown in zip(watched, found, strict=True) if shown is not None}
        exists = bool(observed) or await self._has_a_group(record)
        dropped = await self.existing([one for one in record.resources if one.superseded])
        seen = _observation(record, observed, self._cloud.clock.text(), fresh=True, exists=exists)
        return replace(seen, dropped=dropped)

    async def existing(self, resources: Sequence[Resource]) -> tuple[str, ...]:
        """The IDs of those among these resources of Resource Manager that exist; raises CloudUnavailable."""
        known = [one for one in resources if one.id and kind_of(one).type and not is_group(one)]
        found = await asyncio.gather(*(api_of(one).get(one, self._cloud) for one in known))
        return tuple(one.id for one, shown in zip(known, found, strict=True) if shown is not None)

    async def observe_all(self, records: Sequence[EnvironmentRecord]) -> dict[str, EnvironmentObservation]:
        """The state of some environments, by name, from Resource Graph; may be some seconds old. Raises CloudUnavailable.

        Resources are found by their recorded IDs, never by tags, which anyone may set.
        """
        wanted = {record.name: [one for one in watched_in(record) if _is_in_graph(one)] for record in records}
        listed = [resource for resources in wanted.values() for resource in resources]
        if not listed:
            return {}
        groups = ", ".join(f"'{group}'" for group in sorted({group_of(resource.id) for resource in listed}))
        types = ", ".join(f"'{kind}'" for kind in sorted({type_of(resource.id) for resource in listed}))
        rows = await self._inventory.query(ROWS.format(types=types, groups=groups))
        by_id, now = {str(row["id"]).lower(): row for row in rows}, self._cloud.clock.text()
        seen = {}
        for record in records:
            observed = {one.name: by_id[one.id.lower()] for one in wanted[record.name] if one.id.lower() in by_id}
            if observed:
                seen[record.name] = _observation(record, observed, now, fresh=False, exists=True)
        return seen

    async def outputs(self, record: EnvironmentRecord) -> dict[str, dict[str, str]]:
        """The outputs of the resources of an environment, by name, with the ID of each; raises CloudUnavailable."""
        known = [resource for resource in record.resources if resource.id]
        found = await asyncio.gather(*(api_of(resource).get(resource, self._cloud) for resource in known))
        return {
            one.name: {**kind_of(one).outputs(shown), "id": one.id}
            for one, shown in zip(known, found, strict=True)
            if shown is not None
        }

    async def _has_a_group(self, record: EnvironmentRecord) -> bool:
        groups = [resource for resource in record.resources if is_group(resource)]
        found = await asyncio.gather(*(api_of(group).get(group, self._cloud) for group in groups))
        return any(one is not None for one in found)


def watched_in(record: EnvironmentRecord) -> list[Resource]:
    """The resources that show the state of an environment and the ways into it.

    Those are the resources with power or endpoints; in an environment without power, all whose IDs are known and that its
    present spec names.
    """
    telling = [one for one in record.resources if kind_of(one).power_state or kind_of(one).endpoints]
    if has_power(record.resources):
        return telling
    shown = [one for one in record.resources if not one.superseded and not kind_of(one).added]
    return [one for one in shown if one.id and kind_of(one).type and not is_group(one)]


def has_power(resources: Sequence[Resource]) -> bool:
    """Whether any of these resources can be started and stopped."""
    return any(kind_of(resource).power_state for resource in resources)


def _is_in_graph(resource: Resource) -> bool:
    """Whether the table `resources` of Resource Graph has a row for a resource: it has none for most children of others.

    https://learn.microsoft.com/azure/governance/resource-graph/reference/supported-tables-resources
    """
    return resource.id.lower().count("/providers/") == 1 and type_of(resource.id).count("/") == 1


def _observation(
    record: EnvironmentRecord, observed: Mapping[str, Observed], now: str, *, fresh: bool, exists: bool
) -> EnvironmentObservation:
    seen = tuple(_seen(one, observed.get(one.name), fresh=fresh) for one in watched_in(record) if fresh or _is_in_graph(one))
    state = _state(seen, observed, exists=exists)
    endpoints = [
        endpoint
        for one in record.resources
        if one.name in observed and (ways := kind_of(one).endpoints)
        for endpoint in ways(one, kind_of(one).outputs(observed[one.name]))
    ]
    problems = (kind_of(one).problem(observed[one.name]) for one in record.resources if one.name in observed)
    reasons = [(one, kind_of(one).unstoppable(observed[one.name])) for one in record.resources if one.name in observed]
    unstoppable = "; ".join(f"{one.name}: {reason}" for one, reason in reasons if reason)
    return EnvironmentObservation(state, now, fresh, seen, tuple(endpoints), " ".join(filter(None, problems)), unstoppable)


def _seen(resource: Resource, observed: Observed | None, *, fresh: bool) -> ObservedResource:
    kind = kind_of(resource)
    state = (kind.power_state(observed) if observed else State.ABSENT) if kind.power_state else None
    # Rows of Resource Graph have no instance view that would say it.
    hibernated = kind.hibernated(observed) if observed and state is not None and fresh else None
    return ObservedResource(resource.name, resource.kind, resource.id, state, kind.billing(resource, observed), hibernated)


def _state(seen: Sequence[ObservedResource], observed: Mapping[str, Observed], *, exists: bool) -> State:
    powered = [one.state for one in seen if one.state is not None]
    without_power = State.READY if len(observed) == len(seen) else State.ABSENT
    state = folded(powered) if powered else without_power
    return State.INCOMPLETE if state is State.ABSENT and exists else state
