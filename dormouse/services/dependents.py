"""Environments that depend on others: the parents must be ready, and stay while others depend on them."""

import asyncio
from collections.abc import Mapping, Sequence

from dormouse.environments.dependents import dependents_text, parent_problem
from dormouse.environments.operations import EnvironmentRecord
from dormouse.errors import CommandNotPossible, Fault
from dormouse.resources.kinds import Outputs
from dormouse.services.dependencies import Dependencies


async def parent_faults(
    name: str, depends_on: Sequence[str], dependencies: Dependencies
) -> tuple[list[EnvironmentRecord], list[Fault]]:
    """The records of the environments that this one depends on, and a fault for each that it cannot depend on."""
    records = await asyncio.gather(*(dependencies.records.environment(parent) for parent in depends_on))
    faults = []
    for parent, record in zip(depends_on, records, strict=True):
        problem = f"{name!r} cannot depend on itself." if parent == name else parent_problem(parent, record)
        faults += [Fault("/name", problem)] if problem else []
    return [record for record in records if record is not None], faults


async def outputs_of_parents(
    parents: Sequence[EnvironmentRecord], dependencies: Dependencies
) -> Mapping[str, Mapping[str, Outputs]]:
    """The outputs of the resources of some environments, by environment and resource, with the ID of each."""
    found = await asyncio.gather(*(dependencies.environments.outputs(parent) for parent in parents))
    return {parent.name: outputs for parent, outputs in zip(parents, found, strict=True)}


async def require_no_dependents(name: str, dependencies: Dependencies) -> None:
    """Raise CommandNotPossible, which names them, if other environments depend on this one."""
    found = await dependencies.records.dependents(name)
    if found:
        raise CommandNotPossible(dependents_text(name, found))
