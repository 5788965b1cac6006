"""All VMs in scope, 1,000 per Resource Graph query; may be some seconds old."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from dormouse.cloud.clients import Cloud
from dormouse.cloud.resource_graph import GraphPage, ask_graph
from dormouse.cloud.sdk_errors import ReadRefused, get_or_none, read_json
from dormouse.lifecycle import State, state_of
from dormouse.resources.compute.machines import ENVIRONMENT_TAG, ROWS_PER_PAGE, VirtualMachine
from dormouse.resources.compute.spot import SPOT, Annotation, priority_of

# The largest number of IDs in one query.
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
    ", managed_by = tostring(managedBy)"
    ", vm_id = tostring(properties.vmId)"
    ", priority = tostring(properties.priority)"
)
# What Resource Health says of VMs: the name of each annotation, and when it occurred.
# https://learn.microsoft.com/azure/service-health/resource-health-vm-annotation
ANNOTATIONS = (
    "healthresources | where type =~ 'microsoft.resourcehealth/resourceannotations'"
    " and tostring(properties.targetResourceId) in~ ({named})"
    " | project id, machine = tostring(properties.targetResourceId)"
    ", annotation = tostring(properties.annotationName), occurred = tostring(properties.occurredTime) | order by id asc"
)
# One request for all VMs of a subscription, answered by Azure Compute itself instead of an index.
# https://learn.microsoft.com/rest/api/compute/virtual-machines/list-all
STATUS_ONLY = "/subscriptions/{subscription}/providers/Microsoft.Compute/virtualMachines"
COMPUTE_VERSION = "2024-07-01"
MOST_PAGES = 50


class VmInventory:
    """Queries about many VMs at once."""

    def __init__(self, cloud: Cloud) -> None:
        """Query through these clients, in the scopes of their settings."""
        self._cloud = cloud
        own = cloud.settings.azure_subscription_id.lower()
        scopes = cloud.settings.idle_scopes
        self._subscriptions = sorted({own, *(scope.split("/")[2] for scope in scopes)})
        within = "".join(f" or id startswith '{scope}/'" for scope in scopes)
        self._scopes = scopes
        # `contains` is case-insensitive, like tag names in Resource Manager.
        self._machines = f"{MACHINES} and (tostring(tags) contains '\"{ENVIRONMENT_TAG}'{within})"

    async def count(self) -> int:
        """The number of VMs in scope; raises CloudUnavailable or ReadRefused."""
        answer = await self._query(f"{self._machines} | project id", top=1)
        return answer.total

    async def page(self, number: int) -> list[VirtualMachine]:
        """The machines of one page, counted from 0, in the order of their ids; raises as `count` does."""
        answer = await self._query(f"{self._machines} | project {COLUMNS} | order by id asc", skip=number * ROWS_PER_PAGE)
        return [machine_in(row) for row in answer.rows]

    async def named(self, identifiers: Sequence[str]) -> list[VirtualMachine]:
        """Those of these VMs that Resource Graph shows; raises as `count` does."""
        found: list[VirtualMachine] = []
        for begin in range(0, len(identifiers), NAMED_AT_ONCE):
            wanted = ", ".join(f"'{_quoted(identifier)}'" for identifier in identifiers[begin : begin + NAMED_AT_ONCE])
            answer = await self._query(f"{MACHINES} and id in~ ({wanted}) | project {COLUMNS} | order by id asc")
            found += [machine_in(row) for row in answer.rows]
        return found

    async def still_has_one_of(self, identifiers: Sequence[str]) -> bool:
        """Whether Azure Compute still shows one of these VMs in scope, with one request for each.

        Resource Graph silently omits what the caller must not read; Azure Compute answers 403. Raises CloudUnavailable, and
        ReadRefused for a VM that must not be read.
        """
        for identifier in identifiers:
            _, _, subscription, _, group, *_, name = identifier.split("/")
            machine: Any = await get_or_none(self._cloud.compute_in(subscription).virtual_machines.get(group, name))
            tags = (machine or {}).get("tags") or {}
            in_scope = any(identifier.lower().startswith(f"{scope}/") for scope in self._scopes)
            if machine is not None and (in_scope or any(tag.lower().startswith(ENVIRONMENT_TAG) for tag in tags)):
                return True
        return False

    async def states(self, identifiers: Sequence[str]) -> dict[str, State]:
        """The states of some VMs by ID in lower case; a missing one does not exist or must not be read."""
        states: dict[str, State] = {}
        for begin in range(0, len(identifiers), NAMED_AT_ONCE):
            named = ", ".join(f"'{_quoted(identifier)}'" for identifier in identifiers[begin : begin + NAMED_AT_ONCE])
            columns = "id, power = tostring(properties.extended.instanceView.powerState.code)"
            answer = await self._query(f"{MACHINES} and id in~ ({named}) | project {columns} | order by id asc")
            states |= {str(row["id"]).lower(): state_of(str(row["power"])) for row in answer.rows}
        return states

    async def annotations(self, identifiers: Sequence[str]) -> dict[str, Annotation]:
        """The newest annotation of some VMs by ID in lower case; Resource Health may know of a change some minutes late.

        Raises CloudUnavailable or ReadRefused. https://learn.microsoft.com/azure/virtual-machines/resource-graph-availability
        """
        newest: dict[str, tuple[str, str]] = {}
        for begin in range(0, len(identifiers), NAMED_AT_ONCE):
            named = ", ".join(f"'{_quoted(identifier)}'" for identifier in identifiers[begin : begin + NAMED_AT_ONCE])
            answer = await self._query(ANNOTATIONS.format(named=named))
            for row in answer.rows:
                machine, seen = str(row["machine"]).lower(), (str(row["occurred"]), str(row["annotation"]))
                newest[machine] = max(newest.get(machine, ("", "")), seen)
        found = {machine: Annotation(name, _seconds(occurred)) for machine, (occurred, name) in newest.items()}
        return {machine: one for machine, one in found.items() if one.at}

    async def states_now(self, identifiers: Sequence[str]) -> dict[str, State]:
        """The current states of some VMs by ID in lower case, from Azure Compute.

        Falls back to Resource Graph, which may be some seconds old, if the subscription must not be listed. Raises
        CloudUnavailable.
        """
        wanted = {identifier.lower() for identifier in identifiers}
        try:
            found = [await self._list_states(subscription) for subscription in sorted({id_.split("/")[2] for id_ in wanted})]
        except ReadRefused:
            return await self.states(identifiers)
        return {key: state for states in found for key, state in states.items() if key in wanted}

    async def _list_states(self, subscription: str) -> dict[str, State]:
        from azure.core.rest import HttpRequest

        query = {"api-version": COMPUTE_VERSION, "statusOnly": "true"}
        request: Any = HttpRequest("GET", STATUS_ONLY.format(subscription=subscription), params=query)
        states: dict[str, State] = {}
        for _ in range(MOST_PAGES):
            answer = await read_json(self._cloud.resources.send_request(request))
            states |= {str(item["id"]).lower(): state_in(item) for item in answer.get("value") or []}
            if not answer.get("nextLink"):
                break
            request = HttpRequest("GET", str(answer["nextLink"]))
        return states

    async def _query(self, question: str, *, top: int = ROWS_PER_PAGE, skip: int = 0) -> GraphPage:
        return await ask_graph(self._cloud, self._subscriptions, question, top=top, skip=skip)


def machine_in(row: dict[str, Any]) -> VirtualMachine:
    """The machine that a row of Resource Graph shows."""
    return VirtualMachine(
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
        managed_by_others=bool(row["scale_set"] or row["managed_by"]),
        vm_id=str(row["vm_id"]),
        provisioning=str(row["provisioning"]),
        spot=priority_of(row) == SPOT,
    )


def state_in(item: dict[str, Any]) -> State:
    """The state of a machine in the list of all machines from Azure Compute."""
    properties = item.get("properties") or {}
    statuses = (properties.get("instanceView") or {}).get("statuses") or []
    power = next((str(status["code"]) for status in statuses if str(status["code"]).startswith("PowerState/")), "")
    return state_of(power, str(properties.get("provisioningState") or ""))


def _seconds(text: str) -> float:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return 0.0
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _quoted(identifier: str) -> str:
    return identifier.replace("\\", "\\\\").replace("'", "\\'")
