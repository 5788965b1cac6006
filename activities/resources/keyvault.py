"""Requests for passwords in the key vault; only secret names leave this module."""

import secrets
import string
from collections.abc import Sequence

from activities.resources.api import ResourceApi, RotationApi, SoftDeleteApi
from dormouse.clock import rfc3339
from dormouse.cloud.clients import Cloud
from dormouse.cloud.sdk_errors import get_existing, get_or_none, list_all
from dormouse.environments.answers import Answer, Done, Pending, Refused
from dormouse.environments.requests import PutRequest, SecretRequest
from dormouse.environments.results import Refusal, RefusalReason
from dormouse.lifecycle import Verb
from dormouse.records.environments import Records
from dormouse.resources.keyvault import GENERATED_SECRET as GENERATED
from dormouse.resources.keyvault import PASSWORD as KIND
from dormouse.resources.keyvault import PASSWORD_SINCE, SECRETS, USERNAME
from dormouse.resources.kinds import Observed
from dormouse.resources.naming import name_of, ulid_in_secret
from dormouse.resources.plan import Plan, Resource

LENGTH = 24
NO_VAULT = "The setting KEY_VAULT_ID is empty, so that no machine can be given the right to read its secret."
# Tags of a version: the operation that has made it, and the version before.
ROTATION, PREVIOUS = "dormouse-rotation", "dormouse-previous"
# The deletion, purge and recovery of a secret take a few seconds, in which its name cannot be used.
MOVING, PAUSE = ("currently being deleted", "currently being recovered"), 5.0
# Azure requires 12 to 72 characters from three of four classes; none of these needs quoting in a shell.
# https://learn.microsoft.com/azure/virtual-machines/linux/faq
CLASSES = (string.ascii_lowercase, string.ascii_uppercase, string.digits, "-_.+=")


async def put_password(request: PutRequest, cloud: Cloud) -> Answer:
    """Generate a password and store it in the key vault, unless the secret exists; the answer has no password."""
    name, tags = name_of(request.resource.id), request.resource.body["tags"]
    there = await cloud.put(cloud.secrets.get_secret, name)
    if not isinstance(there, Refused) or there.refusal.code != "SecretNotFound":
        return there
    if request.existing:  # the password of a resource that exists is the one in the deleted secret
        found = await _recover(name, cloud)
        # The account of a named user is given a new password by its own put, whether or not there was another one.
        if USERNAME not in request.resource.settings or not _was_purged(found):
            return found
    put = await cloud.put(cloud.secrets.set_secret, name, new_password(), content_type="password", tags=tags)
    if isinstance(put, Refused) and any(words in put.refusal.detail for words in MOVING):
        return Pending(PAUSE)
    recoverable = isinstance(put, Refused) and "deleted but recoverable" in put.refusal.detail
    return await _recover(name, cloud) if recoverable else put


async def vault_is_known(plan: Plan, absent: Sequence[Resource], cloud: Cloud) -> Sequence[Refusal]:
    """The refusal of a plan whose machines read a secret, if the resource ID of the vault is not known."""
    if cloud.settings.key_vault_id:
        return []
    named = [one.name for one in absent if one.kind == GENERATED.name]
    return [Refusal(RefusalReason.FORBIDDEN, NO_VAULT, step=name) for name in named[:1]]


async def get_password(resource: Resource, cloud: Cloud) -> Observed | None:
    """Whether the secret exists: its name, without its value, or None."""
    found = await get_or_none(cloud.secrets.get_secret(name_of(resource.id)))
    return None if found is None else {"name": found.name}


async def renew_password(request: SecretRequest, cloud: Cloud) -> Answer:
    """Store a new password as a new version of a secret; the tags of the version say which operation has made it."""
    name, now = name_of(request.resource.id), cloud.clock.text()
    return await _new_version(name, new_password(), request.operation, now, cloud)


async def restore_password(request: SecretRequest, cloud: Cloud) -> Answer:
    """Store the password of an earlier version as the newest version again; it stays as old as it is."""
    name = name_of(request.resource.id)
    earlier = await get_or_none(cloud.secrets.get_secret(name, request.version))
    if earlier is None:
        return _missing(name)
    made = earlier.properties.created_on
    known = (earlier.properties.tags or {}).get(PASSWORD_SINCE) or (rfc3339(made.timestamp()) if made else "")
    return await _new_version(name, earlier.value or "", f"{request.operation} restored", known, cloud)


async def _new_version(name: str, password: str, mark: str, since: str, cloud: Cloud) -> Answer:
    """Store a password unless the newest version has this mark already."""
    known = await get_or_none(cloud.secrets.get_secret(name))
    if known is None:
        return _missing(name)
    tags, version = known.properties.tags or {}, str(known.properties.version)
    if tags.get(ROTATION) == mark:
        return Done({"previous": tags.get(PREVIOUS, ""), "current": version})
    marked = {**tags, ROTATION: mark, PREVIOUS: version, PASSWORD_SINCE: since}
    put = await cloud.put(cloud.secrets.set_secret, name, password, content_type="password", tags=marked)
    if not isinstance(put, Done):
        return put
    made = await get_existing(cloud.secrets.get_secret(name))
    return Done({"previous": version, "current": str(made.properties.version)})


def _missing(name: str) -> Refused:
    advice = "Apply the spec again to recover it, then rotate the password."
    return Refused(Refusal(RefusalReason.NOT_FOUND, f"The secret {name} does not exist. {advice}"))


async def _recover(name: str, cloud: Cloud) -> Answer:
    from azure.core.rest import HttpRequest

    response = await cloud.secrets.send_request(HttpRequest("POST", f"deletedsecrets/{name}/recover"))
    # 400: it is there, because another client has just recovered it.
    if response.status_code in (200, 400, 409, 429) or response.status_code >= 500:
        return Pending(PAUSE)
    if response.status_code == 404:
        detail = f"The secret {name} with the password of the VM was purged. Delete the environment and create it again."
        return Refused(Refusal(RefusalReason.CONFLICT, detail))
    detail = f"The secret {name} was deleted and could not be recovered (HTTP {response.status_code})."
    return Refused(Refusal(RefusalReason.FORBIDDEN, detail))


def _was_purged(answer: Answer) -> bool:
    """Whether there is no deleted secret that could be recovered."""
    return isinstance(answer, Refused) and answer.refusal.reason is RefusalReason.CONFLICT


async def delete_password(resource: Resource, cloud: Cloud) -> Answer:
    """Delete a secret; the vault keeps it recoverable for its retention period, and the name is never reused."""
    from azure.core.rest import HttpRequest

    # The client's delete_secret polls without limit; this needs a single request.
    response = await cloud.secrets.send_request(HttpRequest("DELETE", f"secrets/{name_of(resource.id)}"))
    return _answer_of_removal(response.status_code, f"The secret {name_of(resource.id)} could not be deleted")


async def list_deleted_passwords(environment: str, cloud: Cloud) -> Sequence[Resource]:
    """The deleted secrets of an environment that can still be recovered.

    The name of a secret ends with the ULID of the operation that has created it; only the record of that operation proves
    that the secret is ours.
    """
    records, found = Records(cloud.tables), []
    for secret in await list_all(cloud.secrets.list_deleted_secrets()):
        ulid = ulid_in_secret(cloud.settings.deployment_id, environment, secret.name or "")
        if ulid and await records.operation(f"{environment}-{Verb.PROVISION}-{ulid}") is not None:
            found.append(Resource(str(secret.name), KIND.name, f"{SECRETS}{secret.name}"))
    return found


async def purge_password(resource: Resource, cloud: Cloud) -> Answer:
    """Purge a deleted secret; a vault with purge protection rejects this for every caller.

    https://learn.microsoft.com/rest/api/keyvault/secrets/purge-deleted-secret
    """
    from azure.core.rest import HttpRequest

    name = name_of(resource.id)
    response = await cloud.secrets.send_request(HttpRequest("DELETE", f"deletedsecrets/{name}"))
    return _answer_of_removal(
        response.status_code,
        f"The deleted secret {name} could not be purged; check the vault's purge protection and the app's permissions",
    )


def _answer_of_removal(status: int, otherwise: str) -> Answer:
    if status in (200, 204, 404):
        return Done()
    if status in (408, 409, 429) or status >= 500:
        return Pending(PAUSE)
    return Refused(Refusal(RefusalReason.FORBIDDEN, f"{otherwise} (HTTP {status})."))


def new_password() -> str:
    """A random password of 24 characters, with at least one of each class."""
    characters = [secrets.choice(kind) for kind in CLASSES]
    characters += [secrets.choice("".join(CLASSES)) for _ in range(LENGTH - len(characters))]
    secrets.SystemRandom().shuffle(characters)
    return "".join(characters)


PASSWORD = ResourceApi(
    put_password,
    get_password,
    delete_password,
    soft_delete=SoftDeleteApi(list_deleted_passwords, purge_password),
    rotation=RotationApi(renew_password, restore_password),
)
# Deleted ones are listed with the passwords.
GENERATED_SECRET = ResourceApi(put_password, get_password, delete_password, preflight=(vault_is_known,))
