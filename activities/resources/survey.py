"""The survey of a plan: which resources exist, which drifted, and what Azure would refuse. Read-only."""

import asyncio
from collections.abc import Sequence

from activities.resources.registry import api_of, check_called
from dormouse.cloud.clients import Cloud
from dormouse.cloud.inventory import Inventory
from dormouse.cloud.sdk_errors import ReadRefused
from dormouse.environments.preflight import (
    checks_for,
    group_refusals,
    groups_in,
    not_checked,
    preflight_result,
    to_observe,
)
from dormouse.environments.results import PreflightResult, Refusal, ResourceStatus
from dormouse.errors import CloudUnavailable
from dormouse.resources.kinds import NONE, ChangeAction
from dormouse.resources.naming import name_of
from dormouse.resources.plan import Plan, Resource
from dormouse.resources.registry import kind_of


class Survey:
    """Compares plans with what exists in Azure."""

    def __init__(self, cloud: Cloud) -> None:
        """Query through these clients."""
        self._cloud, self._inventory = cloud, Inventory(cloud)

    async def of(self, plan: Plan, *, new: bool = False, checks: bool = True) -> PreflightResult:
        """What exists of a plan; with `checks`, also what Azure would refuse of what is to be created or changed.

        `new` if the environment has no record. With `checks`, a read that Azure rejects is one more refusal, and a check
        for which Azure did not answer is a warning. Raises CloudUnavailable, and ReadRefused without `checks`.
        """
        try:
            return await self._compared(plan, new=new, checks=checks)
        except ReadRefused as error:
            if not checks:
                raise
            return PreflightResult((), (error.refusal,))

    async def _compared(self, plan: Plan, *, new: bool, checks: bool) -> PreflightResult:
        groups = groups_in(plan)
        found = await asyncio.gather(*(self._inventory.group(name_of(group.id)) for group in groups))
        views = {group.name: view for group, view in zip(groups, found, strict=True)}
        refusals = group_refusals(plan, views, new=new)
        looked_at = [] if refusals else to_observe(plan, views)
        statuses = await asyncio.gather(*(observe(resource, self._cloud) for resource in looked_at))
        result = preflight_result(plan, views, statuses, refusals)
        names, absent = checks_for(plan, result) if checks else ([], ())
        made = await asyncio.gather(*(self._checked(name, plan, absent) for name in names))
        more = dict.fromkeys(one for found, _ in made for one in found)
        warnings = [warning for _, warning in made if warning]
        return preflight_result(plan, views, statuses, [*refusals, *more], warnings)

    async def _checked(self, name: str, plan: Plan, absent: Sequence[str]) -> tuple[Sequence[Refusal], str]:
        """The refusals of one check, or the refusal of its read, and the warning if Azure did not answer.

        The other checks still say what they found.
        """
        try:
            return await check(name, plan, absent, self._cloud), ""
        except ReadRefused as error:
            return [error.refusal], ""
        except CloudUnavailable as error:
            return [], not_checked(name, str(error))


async def observe(resource: Resource, cloud: Cloud) -> ResourceStatus:
    """What Azure shows of one resource; one without a body is not compared. Raises CloudUnavailable."""
    kind, observed = kind_of(resource), await api_of(resource).get(resource, cloud)
    if observed is None:
        return ResourceStatus(resource.name, exists=False)
    change = kind.diff(resource, observed) if resource.body else NONE
    drifted = change.action is ChangeAction.UPDATE
    state = kind.power_state(observed) if kind.power_state else None
    problem, hibernated = kind.problem(observed), kind.hibernated(observed)
    suspended = bool(kind.suspended and kind.suspended(observed))
    return ResourceStatus(resource.name, True, drifted, state, problem, change.differences, hibernated, suspended)


async def check(name: str, plan: Plan, absent: Sequence[str], cloud: Cloud) -> Sequence[Refusal]:
    """Make one preflight check for the resources of a plan that are to be created or changed. Raises CloudUnavailable."""
    return await check_called(name)(plan, [plan.resource(each) for each in absent], cloud)
