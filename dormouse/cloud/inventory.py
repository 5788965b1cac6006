"""Reads what exists in Azure: VMs, resource groups and their contents, and tagged resources."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from dormouse.cloud.clients import Cloud
from dormouse.cloud.resource_graph import ask_graph
from dormouse.cloud.sdk_errors import get_or_none, list_all
from dormouse.environments.results import GroupView, InstanceView
from dormouse.lifecycle import State
from dormouse.resources.compute.machine_views import failure, power_state
from dormouse.resources.compute.machines import DEPLOYMENT_TAG, ENVIRONMENT_TAG, parts_of_machine_id
from dormouse.resources.kinds import provisioning_of

# Anyone may set a tag: tagged resources are reported to people and never deleted because of the tag.
TAGGED = "resources | where tags['dormouse'] == '{environment}' | project id, tags | order by id asc"
NAME = re.compile(r"[a-z][a-z0-9-]*")


class Inventory:
    """Read-only queries about existing resources."""

    def __init__(self, cloud: Cloud) -> None:
        """Query through these clients."""
        self._cloud = cloud

    async def look(self, machine: str) -> InstanceView:
        """The current state of the VM with this resource ID, in whatever subscription it is."""
        there = await self._machine(machine)
        return InstanceView(State.ABSENT) if there is None else instance_view(there)

    async def tags_of(self, machine: str) -> dict[str, str] | None:
        """The tags of a VM (names in lower case), or None if it does not exist."""
        there = await self._machine(machine)
        return None if there is None else instance_view(there).tags

    async def tagged(self, environment: str) -> list[str]:
        """The IDs of all resources whose tags name an environment of this deployment; may be some seconds old."""
        if not NAME.fullmatch(environment):
            raise ValueError(f"{environment!r} is not a valid environment name")
        rows = await self.query(TAGGED.format(environment=environment))
        return [row["id"] for row in rows if self._claimed(row["tags"])]

    async def group(self, name: str) -> GroupView:
        """A resource group and the environment in its tags; without an ID if it does not exist."""
        there: Any = await get_or_none(self._cloud.resources.resource_groups.get(name))
        if there is None:
            return GroupView()
        deleting = provisioning_of(there) == "deleting"
        return GroupView(str(there["id"]), self._claimed(there.get("tags")), deleting)

    async def contents(self, group: str) -> list[str]:
        """The IDs of all resources in a resource group."""
        listed_by_group: Any = self._cloud.resources.resources.list_by_resource_group(group)
        return [str(resource["id"]) for resource in await list_all(listed_by_group)]

    def _claimed(self, tags: Mapping[str, str] | None) -> str:
        """The environment of this deployment in some tags; earlier releases set no deployment tag."""
        ours = self._cloud.settings.deployment_id
        written = {name.lower(): value for name, value in (tags or {}).items()}
        return str(written.get(ENVIRONMENT_TAG, "")) if written.get(DEPLOYMENT_TAG, ours) == ours else ""

    async def _machine(self, identifier: str) -> Any:
        subscription, group, name = parts_of_machine_id(identifier)
        machines = self._cloud.compute_in(subscription).virtual_machines
        return await get_or_none(machines.get(group, name, expand="instanceView"))

    async def query(self, question: str) -> Sequence[dict[str, Any]]:
        """The rows that Resource Graph answers to a query in the control plane's subscription; raises CloudUnavailable."""
        rows: list[dict[str, Any]] = []
        subscriptions, following = [self._cloud.settings.azure_subscription_id], ""
        while True:
            answer = await ask_graph(self._cloud, subscriptions, question, following=following)
            rows += answer.rows
            following = answer.following
            if not following:
                return rows


def instance_view(machine: Any) -> InstanceView:
    """The state of a VM in the response of Azure Compute."""
    properties = machine["properties"]
    tags = {str(name).lower(): str(value) for name, value in (machine.get("tags") or {}).items()}
    provisioning = str(properties.get("provisioningState", ""))
    return InstanceView(power_state(machine), failure(machine), tags, str(properties.get("vmId") or ""), provisioning)
