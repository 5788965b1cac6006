"""Requests of the program: the metadata service, Key Vault, and the REST API of Azure DevOps."""

from __future__ import annotations

import base64
import json
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from typing import Any

METADATA = "http://169.254.169.254"
VAULTS = "https://vault.azure.net"
ARCHIVES = "https://download.agent.dev.azure.com/"
# Azure DevOps as a resource of Microsoft Entra ID.
# https://learn.microsoft.com/azure/devops/integrate/get-started/authentication/service-principal-managed-identity
DEVOPS = "499b84ac-1321-427f-aa17-267ca6975798"
SECONDS = 60


class NotYet(Exception):
    """What is missing now may be there later."""


class Rejected(Exception):
    """Trying again does not help until the configuration or the pool has been changed."""


@dataclass(frozen=True)
class Wanted:
    """The configuration: the agent, its token, and its folder, user and archive; the last two are for other places."""

    organization: str
    pool: str
    name: str
    machine: str
    token_url: str
    folder: str
    user: str
    version: str = ""
    sha256: str = ""
    identity: str = ""
    metadata: str = METADATA
    archives: str = ARCHIVES


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """Follows no redirection, which would take the token to another host."""

    def redirect_request(self, *_: Any) -> None:
        """No further request."""
        return


def ask(url: str, headers: dict[str, str]) -> bytes:
    """The content of a URL; raises NotYet, or Rejected with what was said."""
    host = urllib.parse.urlsplit(url).hostname
    request = urllib.request.Request(url, headers={"Accept": "application/json", **headers})
    try:
        with urllib.request.build_opener(NoRedirect).open(request, timeout=SECONDS) as answer:
            if answer.status != 200:
                raise Rejected(f"HTTP {answer.status}")
            return bytes(answer.read())
    except urllib.error.HTTPError as error:
        text = error.read(2000).decode("utf-8", "replace")
        if error.code in (408, 429) or error.code >= 500:
            raise NotYet(f"{host} answers HTTP {error.code}") from None
        raise Rejected(f"HTTP {error.code} {text}") from None
    except OSError as error:
        raise NotYet(f"{host} does not answer: {error}") from None


def token_of(wanted: Wanted) -> str:
    """The token in Key Vault, or that of the identity for Azure DevOps.

    Raises NotYet: the right to read the secret takes minutes to take effect, and so may the identity of a new machine.
    """
    if wanted.identity:
        try:
            return _token_of_identity(wanted, DEVOPS, msi_res_id=wanted.identity)
        except Rejected as error:
            raise NotYet(f"the metadata service gives no token of the identity yet ({str(error)[:60]})") from None
    try:
        own = _token_of_identity(wanted, VAULTS)
        secret = json.loads(ask(f"{wanted.token_url}?api-version=7.4", {"Authorization": f"Bearer {own}"}))
    except Rejected as error:
        raise NotYet(f"the token cannot be read from Key Vault yet ({str(error)[:60]})") from None
    return str(secret["value"]).strip()


def _token_of_identity(wanted: Wanted, resource: str, **which: str) -> str:
    """A token of an identity of this machine; its own, unless `msi_res_id` names another one.

    https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token
    """
    query = urllib.parse.urlencode({"api-version": "2018-02-01", "resource": resource, **which})
    url = f"{wanted.metadata}/metadata/identity/oauth2/token?{query}"
    return str(json.loads(ask(url, {"Metadata": "true"}))["access_token"])


class Organization:
    """The REST API of an organization. https://learn.microsoft.com/rest/api/azure/devops/distributedtask"""

    def __init__(self, wanted: Wanted, token: str) -> None:
        self._root = f"{wanted.organization.rstrip('/')}/_apis/distributedtask"
        basic = base64.b64encode(f":{token}".encode()).decode()
        authorization = f"Bearer {token}" if wanted.identity else f"Basic {basic}"
        self._headers = {"Authorization": authorization, "X-TFS-FedAuthRedirect": "Suppress"}

    def is_registered(self, wanted: Wanted) -> bool:
        """Whether this machine is registered already; raises Rejected for another machine's agent of the same name."""
        pools = [each for each in self._items("pools", poolName=wanted.pool) if each["name"].lower() == wanted.pool.lower()]
        if not pools:
            raise Rejected(f"pool not found: {wanted.pool}")
        path = f"pools/{pools[0]['id']}/agents"
        for agent in self._items(path, agentName=wanted.name, includeCapabilities="true"):
            known = {name.upper(): str(value) for name, value in (agent.get("systemCapabilities") or {}).items()}
            if known.get("DORMOUSE_MACHINE", "").lower() != wanted.machine.lower():
                raise Rejected(f"name taken: {agent['name']} was created on {agent.get('createdOn')}")
            return True
        return False

    def package(self, wanted: Wanted) -> tuple[str, str]:
        """The URL and the SHA-256 of the archive that is wanted by the configuration, or else by the organization."""
        if wanted.version:
            return f"{wanted.archives}agent/{wanted.version}/vsts-agent-linux-x64-{wanted.version}.tar.gz", wanted.sha256
        found = self._items("packages/agent", platform="linux-x64", **{"$top": "1"})
        if not found:
            raise Rejected("the organization names no archive of the agent for linux-x64")
        return str(found[0]["downloadUrl"]), str(found[0].get("hashValue") or "")

    def _items(self, path: str, **query: str) -> list[dict[str, Any]]:
        url = f"{self._root}/{path}?{urllib.parse.urlencode({**query, 'api-version': '7.0'})}"
        items: list[dict[str, Any]] = json.loads(ask(url, self._headers))["value"]
        return items
