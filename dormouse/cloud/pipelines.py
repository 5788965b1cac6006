"""Requests to the agent pools of Azure Pipelines.

https://learn.microsoft.com/rest/api/azure/devops/distributedtask
"""

import base64
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from dormouse.cloud.error_bodies import json_in
from dormouse.cloud.sdk_errors import ReadRefused, get_or_none
from dormouse.environments.results import Refusal, RefusalReason
from dormouse.errors import CloudUnavailable
from dormouse.resources.pipelines import ORGANIZATION_TAG

if TYPE_CHECKING:
    from dormouse.cloud.clients import Cloud

API_VERSION = "7.0"
# Azure DevOps as a resource of Microsoft Entra ID, in every tenant.
# https://learn.microsoft.com/azure/devops/integrate/get-started/authentication/service-principal-managed-identity
SCOPE = "499b84ac-1321-427f-aa17-267ca6975798/.default"
HTTP_OK, FORBIDDEN, NOT_FOUND, THROTTLED, FIRST_SERVER_ERROR = 200, 403, 404, 429, 500
BEARER = "Bearer "
# What is not signed in gets a page to sign in instead of an error, unless the request is one of an API.
NOT_SIGNED_IN = (203, 302, 401)

WRONG_TOKEN = (
    "Azure DevOps does not accept the token in the Key Vault secret {secret}: it has expired, is for another organization, "  # noqa: S105
    "or the organization refuses tokens of this kind. Store a new one in the secret."
)
NO_RIGHT = (
    "The token in the Key Vault secret {secret} is valid, but may not manage the agent pool {pool}. It needs the scope "
    "Agent Pools (read, manage), and its user the role Administrator of the pool."
)
NO_POOL = (
    "The organization {organization} has no agent pool {pool}, or the token in the Key Vault secret {secret} may not see it."
)
NOT_MEANT = (
    "The owner of the secret {secret} has not allowed its use: it needs the tag {tag} with the value {organization}. "
    "Everyone who can log in to the machines can read it."
)
NOT_A_USER = (
    "Azure DevOps does not accept the identity of the control plane: make it a user of the organization {organization} and "
    "Administrator of the pool {pool}."
)
NO_RIGHT_OF_IDENTITY = (
    "The identity of the control plane may not manage the agent pool {pool}: it needs the role Administrator of the pool."
)
NO_POOL_FOR_IDENTITY = (
    "The organization {organization} has no agent pool {pool}, or the identity of the control plane may not see it."
)
NO_SECRET = "The key vault has no secret {secret}, which should hold the token."  # noqa: S105


@dataclass(frozen=True, slots=True)
class DevOpsResponse:
    """A response of Azure DevOps: its status and content."""

    status: int
    body: Any

    @property
    def message(self) -> str:
        """The message of an error."""
        return str(self.body.get("message", "")) if isinstance(self.body, dict) else ""


async def token_in(secret: str, organization: str, cloud: "Cloud") -> str | None:
    """The token in a secret whose owner allows its use for an organization, or None if there is no such secret.

    Raises ReadRefused for any other secret: it is neither sent to Azure DevOps nor given to a machine.
    """
    found = await get_or_none(cloud.secrets.get_secret(secret))
    if found is None:
        return None
    if (found.properties.tags or {}).get(ORGANIZATION_TAG, "").lower() != organization.lower():
        words = NOT_MEANT.format(secret=secret, tag=ORGANIZATION_TAG, organization=organization)
        raise ReadRefused(Refusal(RefusalReason.FORBIDDEN, words))
    return found.value or ""


class AgentPool:
    """One agent pool, by its name; the token is that in a secret ("": none), or else the control plane's own.

    Its number and the tokens are read once, so make a new one for each operation.
    """

    def __init__(self, cloud: "Cloud", organization: str, pool: str, secret: str) -> None:
        """Nothing connects before the first request."""
        self._cloud, self._organization, self._pool, self._secret = cloud, organization, pool, secret
        self._has_secret = True
        self._known_number: int | None = None
        self._authorizations: list[str] = []

    async def agent(self, name: str) -> dict[str, Any] | None:
        """The agent with this name, with its job and capabilities; raises CloudUnavailable, and ReadRefused."""
        found = await self._agents({"agentName": name})
        return next((each for each in found if each["name"].lower() == name.lower()), None)

    async def agents(self) -> list[dict[str, Any]]:
        """All agents, each with its job and capabilities, with one request; raises as `agent` does."""
        return await self._agents({})

    async def unfinished_requests(self) -> list[dict[str, Any]]:
        """The requests for jobs that have not ended, assigned or not, with their demands; raises as `agent` does.

        Azure DevOps documents neither the path nor `completedRequestCount`, with which it leaves out those that have ended:
        https://github.com/kedacore/keda/blob/main/pkg/scalers/azure_pipelines_scaler.go
        """
        path = f"pools/{await self.number()}/jobrequests"
        found = self._read(await self._ask("GET", path, {"completedRequestCount": "0"}))["value"]
        return [one for one in found if one.get("result") is None and not one.get("finishTime")]

    async def enable(self, agent: Mapping[str, Any], *, enabled: bool) -> None:
        """Let an agent take jobs, or no more; raises as `agent` does."""
        path, body = await self._path(agent), {"id": agent["id"], "name": agent["name"], "enabled": enabled}
        self._read(await self._ask("PATCH", path, body=body))

    async def delete(self, agent: Mapping[str, Any]) -> DevOpsResponse:
        """Delete the registration of an agent; returns what Azure DevOps says. Raises CloudUnavailable."""
        return await self._ask("DELETE", await self._path(agent))

    async def number(self) -> int:
        """The number of the pool; raises as `agent` does."""
        if self._known_number is not None:
            return self._known_number
        found = self._read(await self._ask("GET", "pools", {"poolName": self._pool}))["value"]
        number = next((each["id"] for each in found if each["name"].lower() == self._pool.lower()), None)
        if number is None:
            raise ReadRefused(
                Refusal(RefusalReason.NOT_FOUND, self._words(NO_POOL if self._secret else NO_POOL_FOR_IDENTITY))
            )
        self._known_number = int(number)
        return self._known_number

    def refusal_of(self, said: DevOpsResponse) -> Refusal:
        """Why Azure DevOps refuses a request."""
        if said.status in NOT_SIGNED_IN:
            words = self._words(WRONG_TOKEN if self._has_secret else NO_SECRET if self._secret else NOT_A_USER)
            return Refusal(RefusalReason.FORBIDDEN, words, said.message.partition(":")[0])
        if said.status == FORBIDDEN:
            return Refusal(RefusalReason.FORBIDDEN, self._words(NO_RIGHT if self._secret else NO_RIGHT_OF_IDENTITY))
        reason = RefusalReason.NOT_FOUND if said.status == NOT_FOUND else RefusalReason.BAD_REQUEST
        return Refusal(reason, said.message or f"HTTP {said.status}", azure=True)

    def _words(self, template: str) -> str:
        return template.format(secret=self._secret, organization=self._organization, pool=self._pool)

    async def _agents(self, query: dict[str, str]) -> list[dict[str, Any]]:
        query = {**query, "includeAssignedRequest": "true", "includeCapabilities": "true"}
        found: list[dict[str, Any]] = self._read(await self._ask("GET", f"pools/{await self.number()}/agents", query))[
            "value"
        ]
        return found

    async def _path(self, agent: Mapping[str, Any]) -> str:
        return f"pools/{await self.number()}/agents/{int(agent['id'])}"

    def _read(self, said: DevOpsResponse) -> Any:
        if said.status == HTTP_OK and isinstance(said.body, dict):
            return said.body
        raise ReadRefused(self.refusal_of(said))

    async def _ask(self, method: str, path: str, query: dict[str, str] | None = None, body: Any = None) -> DevOpsResponse:
        """The response to the first token that is accepted; later requests try that one first."""
        said = DevOpsResponse(NOT_SIGNED_IN[-1], None)
        async for authorization in self._tokens():
            said = await self._sent(method, path, query or {}, body, authorization)
            if said.status not in NOT_SIGNED_IN:
                self._authorizations.sort(key=lambda known: known != authorization)
                break
        return said

    async def _tokens(self) -> AsyncIterator[str]:
        """The tokens that are known, and the one in the secret and the control plane's own as far as they are not."""
        for known in tuple(self._authorizations):
            yield known
        if not self._authorizations:
            secret = await token_in(self._secret, self._organization, self._cloud) if self._secret else None
            self._has_secret = secret is not None
            if secret is not None:
                yield self._known("Basic " + base64.b64encode(f":{secret}".encode()).decode())
        if not any(known.startswith(BEARER) for known in self._authorizations):
            token = await self._own_token()
            if token:
                yield self._known(BEARER + token)

    def _known(self, authorization: str) -> str:
        self._authorizations.append(authorization)
        return authorization

    async def _own_token(self) -> str:
        """The token of the control plane's identity, which does not expire with the secret.

        "" if there is none; without a secret either, raises CloudUnavailable.
        """
        from azure.core.exceptions import AzureError

        try:
            return (await self._cloud.credential.get_token(SCOPE)).token
        except AzureError as error:
            if self._has_secret:
                return ""
            raise CloudUnavailable(f"There is no token for Azure DevOps ({type(error).__name__}); retry later.") from error

    async def _sent(self, method: str, path: str, query: dict[str, str], body: Any, authorization: str) -> DevOpsResponse:
        from azure.core.exceptions import AzureError
        from azure.core.rest import HttpRequest

        root = f"{self._cloud.settings.azure_devops_url}/{quote(self._organization, safe='')}/_apis/distributedtask"
        url = f"{root}/{path}?{urlencode({**query, 'api-version': API_VERSION})}"
        headers = {"Authorization": authorization, "Accept": "application/json", "X-TFS-FedAuthRedirect": "Suppress"}
        request = HttpRequest(method, url, headers=headers, json=body)
        try:
            response = await self._cloud.transport.send(request, connection_timeout=5, read_timeout=10)
        except AzureError as error:
            raise CloudUnavailable(f"Azure DevOps did not answer ({type(error).__name__}); retry later.") from error
        if response.status_code == THROTTLED or response.status_code >= FIRST_SERVER_ERROR:
            raise CloudUnavailable(f"Azure DevOps is temporarily unavailable (HTTP {response.status_code}); retry later.")
        return DevOpsResponse(response.status_code, json_in(response))
