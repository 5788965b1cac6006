"""Who asks: by the token that a request carries, or, where keys open the doors, by the key that the host has looked at."""

import azure.functions as func

from dormouse.access.roles import ANYBODY, Caller, Channel, Permission, Role, highest
from dormouse.errors import NotAuthenticated
from dormouse.http.requests import LONGEST_NAME
from dormouse.services.dependencies import Dependencies
from dormouse.text.plain_text import plain

KEY_HOLDER = "function-key"


async def authenticate(req: func.HttpRequest, right: Permission, dependencies: Dependencies) -> Caller:
    """Whoever sends a request; a token decides where there is one; raises NotAuthenticated, or CloudUnavailable."""
    if right is Permission.NOTHING:
        return ANYBODY
    settings = dependencies.settings
    if req.headers.get("Authorization", ""):
        claims = await dependencies.tokens.claims(req, settings.entra_audience)
        object_id = str(claims.get("oid", ""))
        if not object_id:
            raise NotAuthenticated("The token names nobody.")
        named = claims.get("preferred_username") or claims.get("upn") or claims.get("appid") or object_id
        roles = claims.get("roles") if isinstance(claims.get("roles"), list) else []
        return Caller(plain(str(named))[:LONGEST_NAME], Channel.TOKEN, highest(list(roles or [])), object_id)
    if settings.http_auth == "entra":
        raise NotAuthenticated("This control plane asks for a bearer token.")
    return Caller(KEY_HOLDER, Channel.KEY, Role(settings.function_key_role))
