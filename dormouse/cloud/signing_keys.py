"""The keys that Microsoft Entra signs tokens with: fetched when first needed, and again when a token names an unknown one.

https://learn.microsoft.com/entra/identity-platform/access-tokens#validate-the-signature
"""

import asyncio
import time
from typing import Any

from dormouse.clock import DAY, MINUTE
from dormouse.cloud.clients import Cloud
from dormouse.errors import CloudUnavailable


class SigningKeys:
    """The keys of one tenant, by the id that tokens name them with."""

    def __init__(self, cloud: Cloud) -> None:
        """Ask over the connections of this cloud; nothing of our identity goes along."""
        self._cloud = cloud
        self._keys: dict[str, Any] = {}
        self._asked_at, self._in_vain = -DAY, False
        self._asking = asyncio.Lock()

    async def key(self, identifier: str) -> Any:
        """The key of that id, or None if the tenant has none; raises CloudUnavailable.

        Asks at most once a minute, whoever names whatever; a key that is known is good for as long as nobody can be asked.
        """
        known = self._keys.get(identifier)
        if known is not None and time.monotonic() - self._asked_at < DAY:
            return known
        async with self._asking:
            if time.monotonic() - self._asked_at >= MINUTE:
                self._asked_at = time.monotonic()
                try:
                    self._keys, self._in_vain = await self._fetched(), False
                except CloudUnavailable:
                    self._in_vain = True
        key = self._keys.get(identifier)
        if key is None and self._in_vain:
            raise CloudUnavailable("The keys that tokens are signed with cannot be fetched right now.")
        return key

    async def _fetched(self) -> dict[str, Any]:
        import jwt
        from azure.core.exceptions import AzureError
        from azure.core.rest import HttpRequest

        settings = self._cloud.settings
        url = f"{settings.entra_authority_url}/{settings.entra_tenant_id}/discovery/v2.0/keys"
        try:
            response = await self._cloud.transport.send(HttpRequest("GET", url), connection_timeout=5, read_timeout=10)
            keys = jwt.PyJWKSet.from_dict(response.json()).keys
        except (AzureError, jwt.PyJWTError, ValueError, KeyError, TypeError) as error:
            raise CloudUnavailable("The keys that tokens are signed with cannot be fetched right now.") from error
        return {key.key_id: key for key in keys if key.key_id and key.key_type == "RSA"}
