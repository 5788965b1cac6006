"""Service principals: they log in with a secret, as command-line tools do in automation.

https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow
"""

from hmac import compare_digest
from typing import Any
from urllib.parse import parse_qs

from local.azure.core.requests import Request
from local.azure.core.responses import Answer
from local.azure.core.world import TENANT, World
from local.azure.providers.roles import PRINCIPALS

SHELF = "service principals"
TOKEN, CONFIGURATION = "oauth2/v2.0/token", "v2.0/.well-known/openid-configuration"
LIFETIME = 3599
GRANT = "client_credentials"
SCOPE_END = "/.default"


def create(world: World, name: str) -> dict[str, str]:
    """A new service principal, as `az ad sp create-for-rbac` shows it; the same name again gets a new secret."""
    client, secret = world.guid("application", name), world.fresh_guid("secret", name).replace("-", "~")
    principal = world.guid("service principal", name)
    world.store.put(SHELF, client, {"id": client, "principal": principal, "secret": secret})
    world.store.put(PRINCIPALS, principal, {"id": principal, "known_at": 0})
    return {"appId": client, "displayName": name, "password": secret, "tenant": TENANT}


def answer(world: World, request: Request) -> Answer | None:
    """The answer to a login, or None for another request; a tenant that does not exist is refused, as Entra does."""
    tenant, _, rest = request.path.removeprefix("/").partition("/")
    if rest not in (TOKEN, CONFIGURATION):
        return None
    if tenant.lower() != TENANT:
        text = f"AADSTS90002: Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud. Check with your subscription administrator, this may happen if there are no active subscriptions for the tenant."
        return denied(world, 400, "invalid_request" if rest == TOKEN else "invalid_tenant", text)
    return _token(world, request) if (request.method, rest) == ("POST", TOKEN) else None


def _token(world: World, request: Request) -> Answer:
    """A token for a service principal that sends its secret; it is valid for an hour of real time, as clients cache it."""
    form = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
    if form.get("grant_type") != GRANT:
        text = f"AADSTS70003: The app requested an unsupported grant type '{form.get('grant_type', '')}'."
        return denied(world, 400, "unsupported_grant_type", text)
    known = world.store.get(SHELF, form.get("client_id", ""))
    if known is None:
        text = f"AADSTS700016: Application with identifier '{form.get('client_id', '')}' was not found in the directory '{TENANT}'. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant. You may have sent your authentication request to the wrong tenant."
        return denied(world, 400, "unauthorized_client", text)
    if not compare_digest(form.get("client_secret", "").encode(), str(known["secret"]).encode()):
        text = f"AADSTS7000215: Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '{known['id']}'."
        return denied(world, 401, "invalid_client", text)
    scope = form.get("scope", "").split(" ")[0]
    if not scope.endswith(SCOPE_END):
        text = f"AADSTS1002012: The provided value for scope {scope} is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier (application ID URI)."
        return denied(world, 400, "invalid_scope", text)
    claims = {"oid": known["principal"], "sub": known["principal"], "appid": known["id"], "idtyp": "app"}
    lifetime = int(LIFETIME * world.clock.speed)
    issued, _ = request.issuer.token(scope.removesuffix(SCOPE_END), lifetime, **claims)
    content = {"token_type": "Bearer", "expires_in": LIFETIME, "ext_expires_in": LIFETIME, "access_token": issued}
    return Answer(200, content)


def denied(world: World, status: int, error: str, text: str) -> Answer:
    """An error of the token endpoint.

    https://learn.microsoft.com/entra/identity-platform/reference-error-codes#handling-error-codes-in-your-application
    """
    code = int(text.partition(":")[0].removeprefix("AADSTS"))
    trace, correlation, now = (
        world.fresh_guid("trace"),
        world.fresh_guid("correlation"),
        world.zulu()[:19].replace("T", " ") + "Z",
    )
    described = f"{text} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {now}"
    body: dict[str, Any] = {"error": error, "error_description": described, "error_codes": [code], "timestamp": now}
    return Answer(status, {**body, "trace_id": trace, "correlation_id": correlation})
