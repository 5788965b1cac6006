"""Which target of an environment leads it: decisions about the later stages of its sleep are made there. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from dormouse.environments.operations import EnvironmentRecord
from dormouse.idle.stages.sleep import Stages, stages_in
from dormouse.idle.targets import SleepTarget, target_ids
from dormouse.resources.kubernetes.node_pools import NODE_POOL
from dormouse.resources.plan import Resource


def stages_of(spec: Mapping[str, Any], machine: SleepTarget, record: EnvironmentRecord | None) -> Stages:
    """The later stages that the stored spec of an environment asks for, and whether this target leads it."""
    asked = stages_in(spec)
    if record is None or not (asked.stop_after or asked.forget_after):
        return Stages()
    return replace(asked, leads=leader_of(record.resources).lower() == machine.id.lower())


def leader_of(resources: Sequence[Resource]) -> str:
    """The ID of the target that leads an environment: its first GPU pool, else its first target; "" if it has none.

    What only earlier specs have named does not lead.
    """
    present = [one for one in resources if not one.superseded]
    pools = target_ids([one for one in present if one.kind == NODE_POOL.name])
    return next(iter(pools or target_ids(present)), "")


def companions_of(machine: SleepTarget, resources: Sequence[Resource]) -> list[Resource]:
    """The other targets of an environment, those that only earlier specs have named included."""
    ids = set(target_ids(resources))
    return [one for one in resources if one.id in ids and one.id.lower() != machine.id.lower()]
