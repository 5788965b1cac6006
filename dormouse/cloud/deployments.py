"""Other deployments of the control plane: those that watch a subscription, and those with the same deployment ID."""

import asyncio
import re
from collections.abc import Sequence
from typing import Any

from dormouse.clock import MINUTE
from dormouse.cloud.clients import Cloud
from dormouse.cloud.resource_graph import ask_graph
from dormouse.cloud.sdk_errors import ReadRefused, read_json
from dormouse.errors import CloudUnavailable
from dormouse.idle.responsibility import Neighbours, Unassigned, not_known, text_of_twins, text_of_watchers

# Each deployment defines a role with this name in every subscription that it watches (infra/modules/rights.bicep).
SWEEP_ROLE = re.compile(r"Dormouse sweep \((?P<deployment>[a-z][a-z0-9]{1,7})\)( [0-9a-f-]{36})?")
# https://learn.microsoft.com/azure/role-based-access-control/custom-roles-rest
CUSTOM_ROLES = "/subscriptions/{subscription}/providers/Microsoft.Authorization/roleDefinitions"
QUERY = {"api-version": "2022-04-01", "$filter": "type eq 'CustomRole'"}
# The apps that infra/main.bicep has deployed for this deployment ID.
APPS = (
    "resources | where type =~ 'microsoft.web/sites' and tags['product'] == 'dormouse'"
    " and tags['deployment'] == '{deployment}'"
    " | project id, name, state = tostring(properties.state) | order by id asc"
)
FRESH, RETRY = 10 * MINUTE, MINUTE


class Deployments:
    """What is known of other deployments; asked again after 10 minutes, and after a minute if it could not be read."""

    def __init__(self, cloud: Cloud) -> None:
        """Ask through these clients, about the subscriptions in their settings."""
        self._cloud = cloud
        self._lock = asyncio.Lock()
        self._known, self._until = Neighbours(), float("-inf")

    async def neighbours(self) -> Neighbours:
        """The other deployments that sweeps must know of; raises CloudUnavailable or ReadRefused."""
        async with self._lock:
            if self._cloud.now() >= self._until:
                settings = self._cloud.settings
                scopes = (scope.split("/")[2] for scope in settings.idle_scopes)
                subscriptions = {settings.azure_subscription_id.lower(), *scopes}
                if settings.unassigned_machines is not Unassigned.ALONE:
                    subscriptions = set()  # whether this deployment is alone decides nothing
                twins = await self._twins()
                watched = {one: await self._watchers(one) for one in sorted(subscriptions)}
                failed = any(why for why, _ in watched.values())
                shared = {one: why or text_of_watchers(others) for one, (why, others) in watched.items() if why or others}
                self._known = Neighbours(shared, text_of_twins(settings.deployment_id, twins))
                self._until = self._cloud.now() + (RETRY if failed else FRESH)
            return self._known

    async def _watchers(self, subscription: str) -> tuple[str, Sequence[str]]:
        """The other deployments that have a role to sweep in a subscription, or why that is not known."""
        try:
            names = [str(role["properties"]["roleName"]) for role in await self.custom_roles(subscription)]
        except (CloudUnavailable, ReadRefused) as error:
            return not_known(str(error)), ()
        found = {match["deployment"] for name in names if (match := SWEEP_ROLE.fullmatch(name))}
        return "", sorted(found - {self._cloud.settings.deployment_id})

    async def custom_roles(self, subscription: str) -> list[dict[str, Any]]:
        """The custom roles that can be assigned in a subscription; raises CloudUnavailable or ReadRefused."""
        from azure.core.rest import HttpRequest

        request: Any = HttpRequest("GET", CUSTOM_ROLES.format(subscription=subscription), params=QUERY)
        roles: list[dict[str, Any]] = []
        while True:
            answer = await read_json(self._cloud.resources.send_request(request))
            roles += answer.get("value") or []
            if not answer.get("nextLink"):
                return roles
            request = HttpRequest("GET", str(answer["nextLink"]))

    async def _twins(self) -> list[str]:
        """The IDs of other apps with this deployment ID that are not stopped, in the subscription of this one."""
        settings = self._cloud.settings
        question = APPS.format(deployment=settings.deployment_id)
        answer = await ask_graph(self._cloud, [settings.azure_subscription_id], question)
        return [
            str(row["id"])
            for row in answer.rows
            if str(row["name"]).lower() != settings.website_site_name.lower() and str(row["state"]).lower() != "stopped"
        ]
