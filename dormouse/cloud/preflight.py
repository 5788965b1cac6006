"""Preflight checks: whether the VM size is offered, the quota suffices, and the names are free."""

import asyncio
from dataclasses import replace
from typing import Any

from dormouse.cloud.clients import Cloud
from dormouse.cloud.inventory import Inventory
from dormouse.cloud.sdk_errors import RefusedByAzure, get_or_none, list_all
from dormouse.environments.results import ObservedState, PreflightResult, Refusal, RefusalReason
from dormouse.resources.machines import DEPLOYMENT_TAG, ENVIRONMENT_TAG
from dormouse.resources.plan import Plan, Resource, ResourceKind
from dormouse.resources.vm_sizes import find_size

GROUP_OF_OTHERS = (
    "The resource group {group} exists, but the control plane has no record of it. Choose another environment name, or ask "
    "an administrator to check and delete the group."
)


class Preflight:
    """Read-only checks that find early what Azure would reject late."""

    def __init__(self, cloud: Cloud) -> None:
        """Query through these clients."""
        self._cloud = cloud
        self._inventory = Inventory(cloud)

    async def size_offered(self, plan: Plan) -> PreflightResult:
        """Check that the VM size is offered to this subscription in the region."""
        size = plan.machine.size
        for sku in await list_all(self._cloud.compute.resource_skus.list(filter=f"location eq '{plan.region}'")):
            if sku["resourceType"] == "virtualMachines" and sku["name"].lower() == size.lower():
                return _restricted(plan, sku)
        detail = f"{size} is not offered in {plan.region}."
        return PreflightResult(refusals=(Refusal(RefusalReason.NOT_OFFERED, detail, step="vm"),))

    async def quota_left(self, plan: Plan) -> PreflightResult:
        """Check that the regional vCPU quotas, total and of the size's family, suffice for the VM."""
        size = find_size(plan.machine.size)
        needed, limits = size.vcpus, {"cores", size.quota.lower()}
        short = []
        try:
            usages = await list_all(self._cloud.compute.usage.list(plan.region))
        except RefusedByAzure as error:
            if error.refusal.reason is not RefusalReason.BAD_REQUEST:
                raise
            return PreflightResult(refusals=(replace(error.refusal, reason=RefusalReason.NOT_OFFERED, step="vm"),))
        for usage in usages:
            left = usage["limit"] - usage["currentValue"]
            if usage["name"]["value"].lower() in limits and left < needed:
                short.append(
                    f"{usage['name']['localizedValue']} in {plan.region}: {usage['currentValue']} of {usage['limit']} are "
                    f"in use, and {needed} more are needed."
                )
        return PreflightResult(refusals=tuple(Refusal(RefusalReason.QUOTA_EXCEEDED, text, step="vm") for text in short))

    async def existing(self, plan: Plan, *, new: bool = False) -> PreflightResult:
        """Which resources exist, which of them drifted, and whether the names are free."""
        group, name = await asyncio.gather(self.group(plan, new=new), self.storage_name(plan))
        if group.refusals or not group.existing:
            return PreflightResult(refusals=(*group.refusals, *name.refusals))
        looks = await asyncio.gather(*(self.observe(step) for step in plan.resources))
        there = tuple(
            step.name for step, look in zip(plan.resources, looks, strict=True) if look is not ObservedState.ABSENT
        )
        drifted = tuple(step.name for step, look in zip(plan.resources, looks, strict=True) if look is ObservedState.DRIFTED)
        return PreflightResult(there, () if "storage" in there else name.refusals, drifted)

    async def group(self, plan: Plan, *, new: bool = False) -> PreflightResult:
        """Whether the plan's resource group exists; a foreign one, or one that is being deleted, is a refusal.

        For a `new` environment every existing group is foreign. For a recorded one, a group whose tags do not name the
        environment was created by someone else after the environment's group was deleted.
        """
        group: Any = await get_or_none(self._cloud.resources.resource_groups.get(plan.group))
        if group is None:
            return PreflightResult()
        if new:
            return PreflightResult(
                refusals=(Refusal(RefusalReason.NAME_TAKEN, GROUP_OF_OTHERS.format(group=plan.group), step="group"),)
            )
        tags = {name.lower(): value for name, value in (group.get("tags") or {}).items()}
        deployment = self._cloud.settings.deployment_id
        if (tags.get(ENVIRONMENT_TAG), tags.get(DEPLOYMENT_TAG, deployment)) != (plan.environment, deployment):
            detail = (
                f"The resource group {plan.group} exists, but its tags do not name the environment {plan.environment} "
                f"of the deployment {deployment}."
            )
            return PreflightResult(refusals=(Refusal(RefusalReason.NAME_TAKEN, detail, step="group"),))
        if group["properties"]["provisioningState"].lower() == "deleting":
            detail = f"The resource group {plan.group} is still being deleted; retry later."
            return PreflightResult(refusals=(Refusal(RefusalReason.CONFLICT, detail, step="group"),))
        return PreflightResult(existing=("group",))

    async def observe(self, step: Resource) -> ObservedState:
        """Whether a resource exists unchanged; the group is checked separately and counts as existing."""
        if step.kind is ResourceKind.RESOURCE_GROUP:
            return ObservedState.AS_PUT
        if step.kind is ResourceKind.PASSWORD:
            secret = await get_or_none(self._cloud.secrets.get_secret(step.names[0]))
            return ObservedState.ABSENT if secret is None else ObservedState.AS_PUT
        # A role assignment has no ID before its principal exists; putting it again is harmless.
        there = await self._inventory.read(step.id) if step.id else None
        if there is None:
            return ObservedState.ABSENT
        return ObservedState.DRIFTED if _drifted(step, there) else ObservedState.AS_PUT

    async def storage_name(self, plan: Plan) -> PreflightResult:
        """Check that the storage account name is globally available; an existing account makes its own name unavailable."""
        step = plan.of_kind(ResourceKind.STORAGE_ACCOUNT)
        if step is None:
            return PreflightResult()
        body: Any = {"name": step.names[0], "type": "Microsoft.Storage/storageAccounts"}
        answer: Any = await get_or_none(self._cloud.storage.storage_accounts.check_name_availability(body))
        if answer is None or answer["nameAvailable"]:
            return PreflightResult()
        refusal = Refusal(RefusalReason.NAME_TAKEN, str(answer["message"]), str(answer["reason"]), step.name)
        return PreflightResult(refusals=(refusal,))


def _restricted(plan: Plan, sku: Any) -> PreflightResult:
    for restriction in sku.get("restrictions") or []:
        if restriction["type"] == "Location":
            detail = f"{plan.machine.size} in {plan.region} is restricted for this subscription."
            code = str(restriction.get("reasonCode", ""))
            return PreflightResult(refusals=(Refusal(RefusalReason.NOT_OFFERED, detail, code, "vm"),))
    return PreflightResult()


def _drifted(step: Resource, there: Any) -> bool:
    """Whether a resource failed, or the rules of a security group differ from the plan."""
    properties = there.get("properties") or {}
    if str(properties.get("provisioningState", "")).lower() == "failed":
        return True
    if step.kind is not ResourceKind.SECURITY_GROUP:
        return False
    wanted = [_essence(rule) for rule in step.body["properties"]["securityRules"]]
    return sorted(wanted) != sorted(_essence(rule) for rule in properties.get("securityRules") or [])


def _essence(rule: Any) -> tuple[str, ...]:
    """The effect of a rule, in a form that is the same for Azure's two notations (one value, or a list)."""
    given = rule["properties"]
    sources = [given.get("sourceAddressPrefix") or "", *(given.get("sourceAddressPrefixes") or [])]
    ports = [given.get("destinationPortRange") or "", *(given.get("destinationPortRanges") or [])]
    return (
        *(str(given[name]).lower() for name in ("direction", "access", "protocol", "priority")),
        ",".join(sorted(filter(None, sources))),
        ",".join(sorted(filter(None, ports))),
    )
