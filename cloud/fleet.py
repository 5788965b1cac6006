"""The fleet: every machine in scope, a thousand to one question of Resource Graph; may be some seconds old."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from cloud.connection import Cloud
from cloud.reading import found
from environments.fleet import ENVIRONMENT, PAGE, FleetMachine
from environments.lifecycle import State, state_of

# The ids that one question may name.
NAMED_AT_ONCE = 200
MACHINES = "resources | where type =~ 'microsoft.compute/virtualmachines'"
COLUMNS = (
    "id, name, subscriptionId, resourceGroup, location, tags"
    ", size = tostring(properties.hardwareProfile.vmSize)"
    ", power = tostring(properties.extended.instanceView.powerState.code)"
    ", provisioning = tostring(properties.provisioningState)"
    ", created = tostring(properties.timeCreated)"
    ", disk = tostring(properties.storageProfile.osDisk.diffDiskSettings.option)"
    ", hibernation = tobool(properties.additionalCapabilities.hibernationEnabled)"
    ", scale_set = tostring(properties.virtualMachineScaleSet.id)"
)


class Fleet:
    """Questions about many machines at once."""

    def __init__(self, cloud: Cloud) -> None:
        """Ask over the clients of this cloud, about the scopes that its settings name."""
        self._cloud = cloud
        own = cloud.settings.azure_subscription_id.lower()
        scopes = cloud.settings.scopes
        self._subscriptions = sorted({own, *(scope.split("/")[2] for scope in scopes)})
        within = "".join(f" or id startswith '{scope}/'" for scope in scopes)
        # `contains` looks away from capitals, as Resource Manager does with the names of tags.
        self._machines = f"{MACHINES} and (tostring(tags) contains '\"{ENVIRONMENT}'{within})"

    async def count(self) -> int:
        """How many machines are in scope; raises CloudUnavailable."""
        answer = await self._ask(f"{self._machines} | project id", top=1)
        return int(answer.total_records)

    async def page(self, number: int) -> list[FleetMachine]:
        """The machines of one page, counted from 0, in the order of their ids; raises CloudUnavailable."""
        answer = await self._ask(f"{self._machines} | project {COLUMNS} | order by id asc", skip=number * PAGE)
        return [_machine(row) for row in answer.data]

    async def states(self, identifiers: Sequence[str]) -> dict[str, State]:
        """The states of some machines by id in lower case; one that is missing is not there (or cannot be seen)."""
        states: dict[str, State] = {}
        for begin in range(0, len(identifiers), NAMED_AT_ONCE):
            named = ", ".join(f"'{_quoted(identifier)}'" for identifier in identifiers[begin : begin + NAMED_AT_ONCE])
            columns = "id, power = tostring(properties.extended.instanceView.powerState.code)"
            answer = await self._ask(f"{MACHINES} and id in~ ({named}) | project {columns} | order by id asc")
            states |= {str(row["id"]).lower(): state_of(str(row["power"])) for row in answer.data}
        return states

    async def _ask(self, question: str, *, top: int = PAGE, skip: int = 0) -> Any:
        options = {"resultFormat": "objectArray", "$top": top, "$skip": skip}
        body: Any = {"subscriptions": self._subscriptions, "query": question, "options": options}
        return await found(self._cloud.graph.resources(body))


def _machine(row: dict[str, Any]) -> FleetMachine:
    return FleetMachine(
        id=str(row["id"]),
        name=str(row["name"]),
        subscription=str(row["subscriptionId"]),
        group=str(row["resourceGroup"]),
        region=str(row["location"]).replace(" ", "").lower(),
        size=str(row["size"]),
        state=state_of(str(row["power"]), str(row["provisioning"])),
        created=_seconds(str(row["created"])),
        tags={str(name).lower(): str(value) for name, value in (row["tags"] or {}).items()},
        ephemeral_disk=bool(row["disk"]),
        can_hibernate=bool(row["hibernation"]),
        managed_by_others=bool(row["scale_set"]),
    )


def _seconds(text: str) -> float:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return 0.0
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _quoted(identifier: str) -> str:
    return identifier.replace("\\", "\\\\").replace("'", "\\'")
