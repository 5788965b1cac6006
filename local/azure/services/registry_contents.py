"""The inside of a container registry, at its login server: tokens for repositories, and the digests of manifests.

https://github.com/Azure/acr/blob/main/docs/AAD-OAuth.md
https://github.com/opencontainers/distribution-spec/blob/main/spec.md
"""

import json
import re
from urllib.parse import parse_qs

import jwt

from local.azure.core.requests import Request
from local.azure.core.responses import Answer, Refused, not_simulated
from local.azure.core.store import Document
from local.azure.core.world import World
from local.azure.providers.containers import images
from local.azure.providers.containers.image_imports import PULL
from local.azure.providers.kinds import REGISTRY
from local.azure.services.authorization import checks

SUFFIX = ".registry.localhost"
RESOURCE_MANAGER = ("https://management.azure.com", "https://management.core.windows.net")
MANIFEST = re.compile(rf"/v2/(?P<repository>{images.REPOSITORY.pattern})/manifests/(?P<reference>[\w.:-]+)")
SCOPE = re.compile(rf"repository:(?P<repository>{images.REPOSITORY.pattern}):pull")
REFRESH, ACCESS = "refresh", "access"
FORM = "application/x-www-form-urlencoded"


def answer(world: World, name: str, request: Request) -> Answer:
    """Answer one request to the registry of this name; raises Refused."""
    registry = next((one for one in world.resources(REGISTRY) if one["name"].lower() == name), None)
    if registry is None:
        raise Refused(404, "NAME_UNKNOWN", f"There is no registry {name}.")  # in Azure, the name does not resolve
    if registry["properties"]["publicNetworkAccess"] == "Disabled":
        return _errors(
            403, "DENIED", "client with IP '203.0.113.1' is not allowed access. Refer https://aka.ms/acr/firewall"
        )
    if request.method == "POST" and request.path in ("/oauth2/exchange", "/oauth2/token"):
        form = {key: values[0] for key, values in parse_qs(request.body.decode()).items()}
        return (_exchanged if request.path == "/oauth2/exchange" else _access)(world, registry, request, form)
    match = MANIFEST.fullmatch(request.path)
    if match is None or request.method not in ("HEAD", "GET"):
        raise not_simulated(f"{request.method} {request.path} of a registry")
    return _manifest(world, registry, request, match)


def _exchanged(world: World, registry: Document, request: Request, form: dict[str, str]) -> Answer:
    """A refresh token for a token of Resource Manager."""
    if form.get("grant_type") != "access_token":
        raise not_simulated(f"the grant type {form.get('grant_type')} of a registry")
    try:
        request.issuer.verify(form.get("access_token", ""), *RESOURCE_MANAGER)
    except jwt.PyJWTError:
        return _errors(401, "UNAUTHORIZED", "authentication required")
    return Answer(200, {"refresh_token": request.issuer.token(f"{REFRESH}:{registry['name']}")[0]})


def _access(world: World, registry: Document, request: Request, form: dict[str, str]) -> Answer:
    """An access token for one repository; that it is given without the right, and then useless, is how registries do it."""
    scope = SCOPE.fullmatch(form.get("scope", ""))
    if form.get("grant_type") != "refresh_token" or scope is None:
        raise not_simulated(f"the scope {form.get('scope')} of a registry")
    try:
        request.issuer.verify(form.get("refresh_token", ""), f"{REFRESH}:{registry['name']}")
    except jwt.PyJWTError:
        return _errors(401, "UNAUTHORIZED", "authentication required")
    granted = checks.may(world, PULL, registry["id"])
    audience = f"{ACCESS}:{registry['name']}:{scope['repository'] if granted else ''}"
    return Answer(200, {"access_token": request.issuer.token(audience)[0]})


def _manifest(world: World, registry: Document, request: Request, match: re.Match[str]) -> Answer:
    name = match["repository"]
    try:
        request.check_token(f"{ACCESS}:{registry['name']}:{name}")
    except Refused:
        detail = "authentication required, visit https://aka.ms/acr/authorization for more information."
        return _errors(401, "UNAUTHORIZED", detail)
    digest = images.digest_of(world, registry["name"], name, match["reference"])
    if not digest:
        return _errors(404, "MANIFEST_UNKNOWN", f'manifest tagged by "{match["reference"]}" is not found')
    if request.method == "GET":
        raise not_simulated("the content of a manifest")
    return Answer(200, None, {"Docker-Content-Digest": digest, "Content-Type": "application/vnd.oci.image.index.v1+json"})


def _errors(status: int, code: str, message: str) -> Answer:
    return Answer(status, json.dumps({"errors": [{"code": code, "message": message}]}).encode())
