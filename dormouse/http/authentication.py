"""Authentication: identifies the caller by a bearer token, or by the function key that the host has verified."""

import azure.functions as func

from dormouse.access.roles import ANONYMOUS, REPORTER, Caller, Channel, Permission, highest
from dormouse.errors import NotAuthenticated
from dormouse.http.requests import LONGEST_NAME
from dormouse.services.dependencies import Dependencies
from dormouse.text.plain_text import plain

KEY_HOLDER = "function-key"


async def authenticate(req: func.HttpRequest, right: Permission, dependencies: Dependencies) -> Caller:
    """The caller of a request; a bearer token takes precedence; raises NotAuthenticated or CloudUnavailable."""
    if right is Permission.NOTHING:
        return ANONYMOUS
    settings = dependencies.settings
    if req.headers.get("Authorization", ""):
        claims = await dependencies.tokens.claims(req, settings.entra_audience)
        object_id = str(claims.get("oid", ""))
        if not object_id:
            raise NotAuthenticated("The token has no `oid` claim.")
        named = claims.get("preferred_username") or claims.get("upn") or claims.get("appid") or object_id
        roles = claims.get("roles") if isinstance(claims.get("roles"), list) else []
        role, reports = highest(list(roles or [])), REPORTER in (roles or [])
        return Caller(plain(str(named))[:LONGEST_NAME], Channel.TOKEN, role, object_id, reports=reports)
    if settings.http_auth == "entra":
        raise NotAuthenticated("This control plane requires a bearer token in the Authorization header.")
    return Caller(KEY_HOLDER, Channel.KEY, settings.function_key_role)
