"""Key Vault: since when the passwords of environments have existed, without reading one."""

import logging
from datetime import datetime
from typing import Any

from dormouse.clock import parse_moment
from dormouse.cloud.clients import Cloud
from dormouse.cloud.sdk_errors import list_all
from dormouse.resources.keyvault import PASSWORD_SINCE

log = logging.getLogger(__name__)


class PasswordInventory:
    """The ages of secrets in the key vault of the control plane."""

    def __init__(self, cloud: Cloud) -> None:
        """List with these clients."""
        self._cloud = cloud

    async def since(self) -> dict[str, float]:
        """Since when each secret has had its password, in seconds since 1970, by name; one that does not say it is left out.

        The vault lists names, tags and times of all secrets, a page of 25 in each request, and no values. Raises
        CloudUnavailable or ReadRefused. https://learn.microsoft.com/rest/api/keyvault/secrets/get-secrets
        """
        listed: list[Any] = await list_all(self._cloud.secrets.list_properties_of_secrets())
        found = {str(one.name): _since(one.tags or {}, one.created_on) for one in listed}
        return {name: since for name, since in found.items() if since is not None}


def _since(tags: dict[str, str], created: datetime | None) -> float | None:
    told = tags.get(PASSWORD_SINCE, "")
    try:
        return parse_moment(told)
    except ValueError:
        if told:
            log.warning("The tag %s is no moment; the version's own time counts.", PASSWORD_SINCE)
        return created.timestamp() if created else None
