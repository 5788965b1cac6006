"""Activities for passwords in the key vault; only secret names leave this module."""

import secrets
import string

from dormouse.cloud.clients import Cloud
from dormouse.environments.operations import BuildRequest
from dormouse.environments.results import Progress, Refusal, RefusalReason

LENGTH = 24
# Azure requires 12 to 72 characters from three of four classes; none of these needs quoting in a shell.
# https://learn.microsoft.com/azure/virtual-machines/linux/faq
CLASSES = (string.ascii_lowercase, string.ascii_uppercase, string.digits, "-_.+=")


async def put_password(request: BuildRequest, cloud: Cloud) -> Progress:
    """Generate a password and store it in the key vault, unless the secret exists; the result has no password."""
    name, tags = request.resource.names[0], request.resource.body["tags"]
    there = await cloud.put(cloud.secrets.get_secret, name)
    if there.refusal is None or there.refusal.code != "SecretNotFound":
        return there
    if request.machine_exists:  # its password is the one in the deleted secret
        return await _recover(name, cloud)
    put = await cloud.put(cloud.secrets.set_secret, name, new_password(), content_type="password", tags=tags)
    recoverable = put.refusal is not None and "deleted but recoverable" in put.refusal.detail
    return await _recover(name, cloud) if recoverable else put


async def _recover(name: str, cloud: Cloud) -> Progress:
    from azure.core.rest import HttpRequest

    response = await cloud.secrets.send_request(HttpRequest("POST", f"deletedsecrets/{name}/recover"))
    if response.status_code in (200, 409, 429) or response.status_code >= 500:
        return Progress.waiting(5.0)
    if response.status_code == 404:
        detail = f"The secret {name} with the password of the VM was purged. Delete the environment and create it again."
        return Progress.refused(Refusal(RefusalReason.CONFLICT, detail))
    detail = f"The secret {name} was deleted and could not be recovered (HTTP {response.status_code})."
    return Progress.refused(Refusal(RefusalReason.FORBIDDEN, detail))


async def remove_secret(request: str, cloud: Cloud) -> Progress:
    """Delete a secret by name; the vault keeps it recoverable for its retention period, and the name is never reused."""
    from azure.core.rest import HttpRequest

    # The client's delete_secret polls without limit; this needs a single request.
    response = await cloud.secrets.send_request(HttpRequest("DELETE", f"secrets/{request}"))
    return _removal_progress(response.status_code, f"The secret {request} could not be deleted")


async def purge_secret(request: str, cloud: Cloud) -> Progress:
    """Purge a deleted secret; a vault with purge protection rejects this for every caller.

    https://learn.microsoft.com/rest/api/keyvault/secrets/purge-deleted-secret
    """
    from azure.core.rest import HttpRequest

    response = await cloud.secrets.send_request(HttpRequest("DELETE", f"deletedsecrets/{request}"))
    return _removal_progress(
        response.status_code,
        f"The deleted secret {request} could not be purged; check the vault's purge protection and the app's permissions",
    )


def _removal_progress(status: int, otherwise: str) -> Progress:
    if status in (200, 204, 404):
        return Progress.done()
    if status in (408, 409, 429) or status >= 500:
        return Progress.waiting(5.0)
    return Progress.refused(Refusal(RefusalReason.FORBIDDEN, f"{otherwise} (HTTP {status})."))


def new_password() -> str:
    """A random password of 24 characters, with at least one of each class."""
    characters = [secrets.choice(kind) for kind in CLASSES]
    characters += [secrets.choice("".join(CLASSES)) for _ in range(LENGTH - len(characters))]
    secrets.SystemRandom().shuffle(characters)
    return "".join(characters)
