"""The digests of images in container registries, read at their login servers with the control plane's own rights.

A token of Resource Manager is exchanged for one of the registry, which then gives one for a repository.
https://github.com/Azure/acr/blob/main/docs/AAD-OAuth.md
"""

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from dormouse.cloud.error_bodies import json_in
from dormouse.environments.promotions import ImageAnswer, ImageQuestion
from dormouse.errors import CloudUnavailable
from dormouse.resources.naming import name_of

if TYPE_CHECKING:
    from dormouse.cloud.clients import Cloud

HTTP_OK, NOT_FOUND, THROTTLED, FIRST_SERVER_ERROR = 200, 404, 429, 500
NOT_ALLOWED = (401, 403)
DIGEST = "Docker-Content-Digest"
# An index of several platforms has a digest of its own, which is the one that a tag points at.
MANIFESTS = (
    "application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.list.v2+json, "
    "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json"
)
FORM = "application/x-www-form-urlencoded"
CLOSED = "The control plane may not read the registry {registry}, or cannot reach it (HTTP {status}{code})."


class ImageInventory:
    """The images in container registries, as their login servers show them."""

    def __init__(self, cloud: "Cloud") -> None:
        """Read with these clients."""
        self._cloud = cloud

    async def find(self, asked: ImageQuestion) -> ImageAnswer:
        """The digest of an image; unknown if the registry is closed. Raises CloudUnavailable."""
        return await read_digest(name_of(asked.registry.id), asked.repository, asked.reference, self._cloud)


async def read_digest(registry: str, repository: str, reference: str, cloud: "Cloud") -> ImageAnswer:
    """The digest of an image by its tag or digest; unknown if the registry is closed. Raises CloudUnavailable."""
    root = cloud.settings.container_registry_url.replace("{registry}", registry.lower())
    service = urlsplit(root).netloc
    own = await _own_token(cloud)
    form = {"grant_type": "access_token", "service": service, "access_token": own}
    exchanged = await _sent(cloud, "POST", f"{root}/oauth2/exchange", form=form)
    if exchanged.status_code != HTTP_OK:
        return _unknown(registry, exchanged)
    form = {
        "grant_type": "refresh_token",
        "service": service,
        "scope": f"repository:{repository}:pull",
        "refresh_token": _member(exchanged, "refresh_token"),
    }
    granted = await _sent(cloud, "POST", f"{root}/oauth2/token", form=form)
    if granted.status_code != HTTP_OK:
        return _unknown(registry, granted)
    token = f"Bearer {_member(granted, 'access_token')}"
    found = await _sent(
        cloud, "HEAD", f"{root}/v2/{repository}/manifests/{reference}", Accept=MANIFESTS, Authorization=token
    )
    if found.status_code == NOT_FOUND:
        return ImageAnswer()
    if found.status_code != HTTP_OK or not found.headers.get(DIGEST):
        return _unknown(registry, found)
    return ImageAnswer(str(found.headers[DIGEST]))


async def _own_token(cloud: "Cloud") -> str:
    from azure.core.exceptions import AzureError

    try:
        return (await cloud.credential.get_token(cloud.settings.azure_resource_manager_scope)).token
    except AzureError as error:
        raise CloudUnavailable(
            f"There is no token for container registries ({type(error).__name__}); retry later."
        ) from error


async def _sent(cloud: "Cloud", method: str, url: str, *, form: dict[str, str] | None = None, **headers: str) -> Any:
    """The response of a registry; raises CloudUnavailable, without anything of the request in its text."""
    from azure.core.exceptions import AzureError
    from azure.core.rest import HttpRequest

    content: Any = urlencode(form) if form else None
    request = HttpRequest(method, url, headers={**({"Content-Type": FORM} if form else {}), **headers}, content=content)
    try:
        response = await cloud.transport.send(request, connection_timeout=5, read_timeout=10)
    except AzureError as error:
        raise CloudUnavailable(f"A container registry did not answer ({type(error).__name__}); retry later.") from error
    if response.status_code == THROTTLED or response.status_code >= FIRST_SERVER_ERROR:
        raise CloudUnavailable(
            f"A container registry is temporarily unavailable (HTTP {response.status_code}); retry later."
        )
    return response


def _member(response: Any, name: str) -> str:
    body = json_in(response)
    return str(body.get(name, "")) if isinstance(body, dict) else ""


def _unknown(registry: str, response: Any) -> ImageAnswer:
    body = json_in(response)
    errors = body.get("errors") if isinstance(body, dict) else None
    first = errors[0] if isinstance(errors, list) and errors and isinstance(errors[0], dict) else {}
    code = f", {first['code']}" if first.get("code") else ""
    return ImageAnswer(problem=CLOSED.format(registry=registry, status=response.status_code, code=code))
