"""What can be known before anything is built: is the size offered, is there quota, are the names ours to take?"""

import asyncio
from dataclasses import dataclass
from typing import Any

from cloud.connection import Cloud, unavailable
from cloud.inventory import Inventory
from environments.machine_sizes import find_size
from environments.outcomes import Refusal, RefusalReason
from environments.plan import Kind, Plan, Step


@dataclass(frozen=True, slots=True)
class Survey:
    """What was found before building: the steps that exist already, or why there is no point in beginning."""

    existing: tuple[str, ...] = ()
    refusals: tuple[Refusal, ...] = ()


class Preflight:
    """Reads that tell early what Azure would refuse late."""

    def __init__(self, cloud: Cloud) -> None:
        """Ask over the clients of this cloud."""
        self._cloud = cloud
        self._inventory = Inventory(cloud)

    async def size_offered(self, plan: Plan) -> Survey:
        """Whether the machine's size is offered to this subscription in the region."""
        size = plan.machine.size
        wanted = f"location eq '{plan.region}'"
        async for sku in self._cloud.compute.resource_skus.list(filter=wanted):
            if sku["resourceType"] == "virtualMachines" and sku["name"].lower() == size.lower():
                return _restricted(plan, sku)
        detail = f"{size} is not offered in {plan.region}."
        return Survey(refusals=(Refusal(RefusalReason.NOT_OFFERED, detail, step="vm"),))

    async def quota_left(self, plan: Plan) -> Survey:
        """Whether the region's quota of vCPUs, whole and of the size's family, has room for the machine."""
        size = find_size(plan.machine.size)
        needed, limits = size.vcpus, {"cores", size.quota.lower()}
        short = []
        async for usage in self._cloud.compute.usage.list(plan.region):
            left = usage["limit"] - usage["currentValue"]
            if usage["name"]["value"].lower() in limits and left < needed:
                short.append(
                    f"{usage['name']['localizedValue']} in {plan.region}: {usage['currentValue']} of {usage['limit']} are "
                    f"used, {needed} more are needed."
                )
        return Survey(refusals=tuple(Refusal(RefusalReason.QUOTA_EXCEEDED, text, step="vm") for text in short))

    async def existing(self, plan: Plan) -> Survey:
        """Which steps exist already; a group that is not ours, or a storage name that is taken, is a refusal."""
        group = await self._get(self._cloud.resources.resource_groups.get(plan.group))
        if group is None:
            return await self._storage_name_free(plan)
        owner = (group.get("tags") or {}).get("dormouse")
        if owner != plan.environment:
            detail = f"The resource group {plan.group} exists and does not carry the tag dormouse={plan.environment}."
            return Survey(refusals=(Refusal(RefusalReason.NAME_TAKEN, detail, step="group"),))
        if group["properties"]["provisioningState"].lower() == "deleting":
            detail = f"The resource group {plan.group} is still being deleted."
            return Survey(refusals=(Refusal(RefusalReason.CONFLICT, detail, step="group"),))
        there = await asyncio.gather(*(self._exists(step) for step in plan.steps))
        found = [step.name for step, exists in zip(plan.steps, there, strict=True) if exists]
        taken = Survey() if "storage" in found else await self._storage_name_free(plan)
        return Survey(tuple(found), taken.refusals)

    async def _exists(self, step: Step) -> bool:
        if step.kind is Kind.RESOURCE_GROUP:
            return True
        if step.kind is Kind.PASSWORD:
            return await self._get(self._cloud.secrets.get_secret(step.names[0])) is not None
        # An assignment has no name before its principal exists; putting the same one again is harmless.
        return bool(step.id) and await self._inventory.exists(step.id)

    async def _storage_name_free(self, plan: Plan) -> Survey:
        step = plan.of_kind(Kind.STORAGE_ACCOUNT)
        if step is None:
            return Survey()
        body: Any = {"name": step.names[0], "type": "Microsoft.Storage/storageAccounts"}
        answer = await self._get(self._cloud.storage.storage_accounts.check_name_availability(body))
        if answer is None or answer["nameAvailable"]:
            return Survey()
        refusal = Refusal(RefusalReason.NAME_TAKEN, str(answer["message"]), str(answer["reason"]), step.name)
        return Survey(refusals=(refusal,))

    async def _get(self, request: Any) -> Any:
        from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

        try:
            return await request
        except ResourceNotFoundError:
            return None
        except HttpResponseError as error:
            raise unavailable(error) from error


def _restricted(plan: Plan, sku: Any) -> Survey:
    for restriction in sku.get("restrictions") or []:
        if restriction["type"] == "Location":
            detail = f"{plan.machine.size} in {plan.region} is closed to this subscription."
            code = str(restriction.get("reasonCode", ""))
            return Survey(refusals=(Refusal(RefusalReason.NOT_OFFERED, detail, code, "vm"),))
    return Survey()
