"""Passwords: made, kept and read inside activities; only their names go anywhere else."""

import secrets
import string

from dormouse.cloud.clients import Cloud
from dormouse.environments.operations import BuildRequest
from dormouse.environments.results import Progress, Refusal, RefusalReason

LENGTH = 24
# Azure wants three of four classes, 12 to 72 characters; none of these needs quoting in a shell.
# https://learn.microsoft.com/azure/virtual-machines/linux/faq
CLASSES = (string.ascii_lowercase, string.ascii_uppercase, string.digits, "-_.+=")


async def put_password(request: BuildRequest, cloud: Cloud) -> Progress:
    """Make a password and keep it in the key vault, unless its secret exists; the answer carries no password."""
    name, tags = request.resource.names[0], request.resource.body["tags"]
    there = await cloud.put(cloud.secrets.get_secret, name)
    if there.refusal is None or there.refusal.code != "SecretNotFound":
        return there
    if request.machine_exists:  # it knows the password that was in the secret, and no other
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
        detail = f"The secret {name} is gone for good, and with it the password of the machine. Delete and build again."
        return Progress.refused(Refusal(RefusalReason.CONFLICT, detail))
    detail = f"The secret {name} was deleted and could not be recovered (HTTP {response.status_code})."
    return Progress.refused(Refusal(RefusalReason.FORBIDDEN, detail))


async def remove_secret(request: str, cloud: Cloud) -> Progress:
    """Delete a secret by name; the vault keeps it for its retention period, under a name that is never used again."""
    from azure.core.rest import HttpRequest

    # The client's own delete_secret polls, and may poll for ever; one request is all that is wanted here.
    response = await cloud.secrets.send_request(HttpRequest("DELETE", f"secrets/{request}"))
    return _removed(response.status_code, f"The secret {request} could not be deleted")


async def purge_secret(request: str, cloud: Cloud) -> Progress:
    """Delete a deleted secret for good; a vault with purge protection refuses that to everybody.

    https://learn.microsoft.com/rest/api/keyvault/secrets/purge-deleted-secret
    """
    from azure.core.rest import HttpRequest

    response = await cloud.secrets.send_request(HttpRequest("DELETE", f"deletedsecrets/{request}"))
    return _removed(response.status_code, f"The deleted secret {request} could not be purged (is the vault protected?)")


def _removed(status: int, otherwise: str) -> Progress:
    if status in (200, 204, 404):
        return Progress.done()
    if status in (408, 409, 429) or status >= 500:
        return Progress.waiting(5.0)
    return Progress.refused(Refusal(RefusalReason.FORBIDDEN, f"{otherwise} (HTTP {status})."))


def new_password() -> str:
    """A password of 24 characters from a cryptographic source, with at least one of each class."""
    characters = [secrets.choice(kind) for kind in CLASSES]
    characters += [secrets.choice("".join(CLASSES)) for _ in range(LENGTH - len(characters))]
    secrets.SystemRandom().shuffle(characters)
    return "".join(characters)
