"""Passwords: secrets in the key vault of the control plane."""

from dormouse.resources.kinds import ResourceKind, always_as_put
from dormouse.resources.naming import name_of
from dormouse.resources.plan import Resource
from dormouse.resources.target import DeploymentTarget

SECRETS = "secrets/"


# The setting of a password that is that of a named user of a machine, whose account is given it whenever it is new.
USERNAME = "username"


def password(target: DeploymentTarget, name: str = "password", username: str = "") -> Resource:
    """A generated password as a key vault secret, created before the resources that use it.

    It is that of the administrator, or of the named user `username`.
    """
    settings = {USERNAME: username} if username else {}
    return Resource(name, PASSWORD.name, f"{SECRETS}{target.secret(name)}", {"tags": target.tags}, settings)


def generated_secret(target: DeploymentTarget, name: str) -> Resource:
    """A generated secret between two resources of an environment, which no account of a person has."""
    return Resource(name, GENERATED_SECRET.name, f"{SECRETS}{target.secret(name)}", {"tags": target.tags})


# The tag that says since when the password of a version has existed (RFC 3339): a version can have an earlier one again.
PASSWORD_SINCE = "dormouse-password-since"  # noqa: S105 - the name of a tag


def is_secret(identifier: str) -> bool:
    """Whether the ID of a resource is that of a key vault secret."""
    return identifier.startswith(SECRETS)


def _label(resource: Resource) -> str:
    return f"key vault secret {name_of(resource.id)}"


# Data actions of Key Vault: https://learn.microsoft.com/azure/key-vault/general/rbac-guide
DATA = "Microsoft.KeyVault/vaults/secrets"
RIGHTS = (
    f"{DATA}/getSecret/action",
    f"{DATA}/setSecret/action",
    f"{DATA}/readMetadata/action",
    f"{DATA}/delete",
    f"{DATA}/recover/action",
    f"{DATA}/purge/action",
)

PASSWORD = ResourceKind(
    "password",
    diff=always_as_put,
    label=_label,
    repeatable=False,
    soft_deleted=True,
    rotatable=True,
    by_use="requests to Key Vault",
    actions=RIGHTS,
)
# It is not renewed with the passwords: what was made with it would have to be told.
GENERATED_SECRET = ResourceKind(
    "generated_secret",
    diff=always_as_put,
    label=_label,
    repeatable=False,
    soft_deleted=True,
    by_use="requests to Key Vault",
    checks=("vault_is_known",),
    actions=RIGHTS,
)
