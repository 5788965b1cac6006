"""Reads what exists in Azure: one environment from its resources, many from one Resource Graph query."""

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dormouse.cloud.clients import Cloud
from dormouse.cloud.resource_types import api_version
from dormouse.cloud.sdk_errors import get_or_none, list_all
from dormouse.environments.operations import EnvironmentRecord
from dormouse.environments.results import InstanceView
from dormouse.lifecycle import State, state_of
from dormouse.resources.machines import DEPLOYMENT_TAG, ENVIRONMENT_TAG

# Resource Graph returns at most 1,000 rows per page.
# https://learn.microsoft.com/azure/governance/resource-graph/concepts/guidance-for-throttled-requests
PAGE = 1000

MACHINES = (
    "resources | where type in~ ('microsoft.compute/virtualmachines', 'microsoft.network/publicipaddresses')"
    " | where resourceGroup in~ ({groups})"
    " | project id, type, properties | order by id asc"
)
# Anyone may set a tag: tagged resources are reported to people and never deleted because of the tag.
TAGGED = "resources | where tags['dormouse'] == '{environment}' | project id, tags | order by id asc"
NAME = re.compile(r"[a-z][a-z0-9-]*")


@dataclass(frozen=True, slots=True)
class EnvironmentObservation:
    """The observed state of an environment, and when it was observed."""

    state: State
    observed_at: str
    fresh: bool
    size: str = ""
    address: str = ""
    provisioning: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class GroupView:
    """A resource group: its ID ("" if it does not exist), and the environment of this deployment in its tags, or ""."""

    id: str = ""
    owner: str = ""

    def is_of(self, environment: str) -> bool:
        """Whether the group exists and its tags name this environment."""
        return bool(self.id) and self.owner == environment


class Inventory:
    """Read-only queries about existing resources."""

    def __init__(self, cloud: Cloud) -> None:
        """Query through these clients."""
        self._cloud = cloud

    async def observe(self, group: str, machine: str, name: str) -> EnvironmentObservation:
        """The current state of one environment: its VM's instance view and its public IP address."""
        there, address = await asyncio.gather(self._machine(group, machine), self._address(group, f"pip-{name}"))
        now = self._cloud.clock.text()
        if there is None:
            state = State.INCOMPLETE if (await self.group(group)).id else State.ABSENT
            return EnvironmentObservation(state, now, fresh=True, address=address)
        properties, view = there["properties"], _view(there)
        provisioning = str(properties.get("provisioningState", ""))
        size = str(properties.get("hardwareProfile", {}).get("vmSize", ""))
        return EnvironmentObservation(view.state, now, True, size, address, provisioning=provisioning, problem=view.problem)

    async def look(self, group: str, machine: str, subscription: str = "") -> InstanceView:
        """The current state of one VM; in the control plane's subscription unless another is given."""
        there = await self._machine(group, machine, subscription)
        return InstanceView(State.ABSENT) if there is None else _view(there)

    async def tags_of(self, subscription: str, group: str, machine: str) -> dict[str, str] | None:
        """The tags of a VM (names in lower case), or None if it does not exist."""
        there = await self._machine(group, machine, subscription)
        return None if there is None else _view(there).tags

    async def list_machines(self, records: Sequence[EnvironmentRecord]) -> dict[str, EnvironmentObservation]:
        """The state of some environments, by name, from Resource Graph; may be some seconds old.

        VMs are found by their recorded names, never by tags, which anyone may set.
        """
        if not records:
            return {}
        groups = ", ".join(f"'{record.group}'" for record in records)
        rows = {str(row["id"]).lower(): row for row in await self._query(MACHINES.format(groups=groups))}
        now, subscription = self._cloud.clock.text(), self._cloud.settings.azure_subscription_id
        seen = {}
        for record in records:
            machine = rows.get(record.machine_id(subscription).lower())
            address = rows.get(record.address_id(subscription).lower())
            public = _ip(address) if address else ""
            if machine is not None:
                seen[record.name] = _observation(machine, public, now)
            elif address is not None:
                seen[record.name] = EnvironmentObservation(State.INCOMPLETE, now, fresh=False, address=public)
        return seen

    async def tagged(self, environment: str) -> list[str]:
        """The IDs of all resources whose tags name an environment of this deployment; may be some seconds old."""
        if not NAME.fullmatch(environment):
            raise ValueError(f"{environment!r} is not a valid environment name")
        rows = await self._query(TAGGED.format(environment=environment))
        return [row["id"] for row in rows if self._claimed(row["tags"])]

    async def group(self, name: str) -> GroupView:
        """A resource group and the environment in its tags; without an ID if it does not exist."""
        there: Any = await get_or_none(self._cloud.resources.resource_groups.get(name))
        return GroupView() if there is None else GroupView(str(there["id"]), self._claimed(there.get("tags")))

    async def contents(self, group: str) -> list[str]:
        """The IDs of all resources in a resource group."""
        listed_by_group: Any = self._cloud.resources.resources.list_by_resource_group(group)
        return [str(resource["id"]) for resource in await list_all(listed_by_group)]

    async def read(self, identifier: str) -> Any:
        """A resource, or None if it does not exist; raises ValueError for an unsupported type."""
        version = api_version(identifier)
        return await get_or_none(self._cloud.resources.resources.get_by_id(identifier, api_version=version))

    def _claimed(self, tags: Mapping[str, str] | None) -> str:
        """The environment of this deployment in some tags; earlier releases set no deployment tag."""
        ours = self._cloud.settings.deployment_id
        written = {name.lower(): value for name, value in (tags or {}).items()}
        return str(written.get(ENVIRONMENT_TAG, "")) if written.get(DEPLOYMENT_TAG, ours) == ours else ""

    async def _machine(self, group: str, machine: str, subscription: str = "") -> Any:
        compute = self._cloud.compute_in(subscription or self._cloud.settings.azure_subscription_id)
        return await get_or_none(compute.virtual_machines.get(group, machine, expand="instanceView"))

    async def _address(self, group: str, address: str) -> str:
        there: Any = await get_or_none(self._cloud.network.public_ip_addresses.get(group, address))
        return "" if there is None else str(there["properties"].get("ipAddress") or "")

    async def _query(self, question: str) -> Sequence[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        options: dict[str, Any] = {"resultFormat": "objectArray", "$top": PAGE}
        subscriptions = [self._cloud.settings.azure_subscription_id]
        while True:
            body: Any = {"subscriptions": subscriptions, "query": question, "options": options}
            answer: Any = await get_or_none(self._cloud.graph.resources(body))
            rows += answer.data
            if not answer.skip_token:
                return rows
            options = {**options, "$skipToken": answer.skip_token}


def _view(machine: Any) -> InstanceView:
    properties = machine["properties"]
    statuses = (properties.get("instanceView") or {}).get("statuses") or []
    power = next((item["code"] for item in statuses if item["code"].startswith("PowerState/")), "")
    problem = next((_message(item) for item in statuses if item["code"].startswith("ProvisioningState/failed")), "")
    tags = {str(name).lower(): str(value) for name, value in (machine.get("tags") or {}).items()}
    provisioning = str(properties.get("provisioningState", ""))
    return InstanceView(state_of(power, provisioning), problem, tags, str(properties.get("vmId") or ""), provisioning)


def _observation(row: dict[str, Any], address: str, now: str) -> EnvironmentObservation:
    properties = row["properties"]
    view = (properties.get("extended") or {}).get("instanceView") or {}
    power = (view.get("powerState") or {}).get("code", "")
    provisioning = properties.get("provisioningState", "")
    size = (properties.get("hardwareProfile") or {}).get("vmSize", "")
    return EnvironmentObservation(state_of(power, provisioning), now, False, size, address, provisioning=provisioning)


def _ip(row: dict[str, Any]) -> str:
    return str(row["properties"].get("ipAddress") or "")


def _message(status: dict[str, Any]) -> str:
    return str(status.get("message") or status.get("displayStatus") or status["code"])
