"""The keys that Microsoft Entra signs tokens with: fetched when first needed, and again when a token names an unknown one.

https://learn.microsoft.com/entra/identity-platform/access-tokens#validate-the-signature
"""

import asyncio
import time
from typing import Any

from dormouse.clock import DAY, MINUTE
from dormouse.cloud.clients import Cloud
from dormouse.errors import CloudUnavailable

UNAVAILABLE = "The token cannot be verified: Microsoft Entra did not return its signing keys; retry later."


class SigningKeys:
    """The signing keys of one tenant by key ID (`kid`)."""

    def __init__(self, cloud: Cloud) -> None:
        """Use the connections of this cloud, without its credential."""
        self._cloud = cloud
        self._keys: dict[str, Any] = {}
        self._fetched_at, self._failed = -DAY, False
        self._fetching = asyncio.Lock()

    async def key(self, identifier: str) -> Any:
        """The key with this ID, or None if the tenant has none; raises CloudUnavailable.

        Keys are fetched at most once a minute; a cached key stays valid while they cannot be fetched.
        """
        known = self._keys.get(identifier)
        if known is not None and time.monotonic() - self._fetched_at < DAY:
            return known
        async with self._fetching:
            if time.monotonic() - self._fetched_at >= MINUTE:
                self._fetched_at = time.monotonic()
                try:
                    self._keys, self._failed = await self._fetch(), False
                except CloudUnavailable:
                    self._failed = True
        key = self._keys.get(identifier)
        if key is None and self._failed:
            raise CloudUnavailable(UNAVAILABLE)
        return key

    async def _fetch(self) -> dict[str, Any]:
        import jwt
        from azure.core.exceptions import AzureError
        from azure.core.rest import HttpRequest

        settings = self._cloud.settings
        url = f"{settings.entra_authority_url}/{settings.entra_tenant_id}/discovery/v2.0/keys"
        try:
            response = await self._cloud.transport.send(HttpRequest("GET", url), connection_timeout=5, read_timeout=10)
            keys = jwt.PyJWKSet.from_dict(response.json()).keys
        except (AzureError, jwt.PyJWTError, ValueError, KeyError, TypeError) as error:
            raise CloudUnavailable(UNAVAILABLE) from error
        return {key.key_id: key for key in keys if key.key_id and key.key_type == "RSA"}
