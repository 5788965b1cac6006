"""The names that a deployment gives to its resources, and the parts of resource IDs."""

import re
import uuid

from dormouse.ids import CROCKFORD, ULID_LENGTH

# Names of this deployment carry no deployment ID.
DEFAULT_DEPLOYMENT = "main"
DEPLOYMENT = re.compile(r"[a-z][a-z0-9]{1,7}")
NAMESPACE = uuid.UUID("6f2b4d1e-6a3c-5a0f-9d5b-0d0c5e0a7d11")
GROUP_IN_ID = re.compile(r"/resourcegroups/(?P<group>[^/]+)", re.IGNORECASE)


def read_deployment(text: str) -> str:
    """A deployment ID: 2 to 8 lower-case letters and digits, starting with a letter; raises ValueError."""
    if not DEPLOYMENT.fullmatch(text):
        raise ValueError(f"{text!r} must be 2 to 8 lower-case letters and digits, starting with a letter")
    return text


def group_name(deployment: str, environment: str) -> str:
    """The resource group name of an environment; environment names have no double hyphen, so deployments never collide."""
    return f"rg-dormouse-{_prefix(deployment)}{environment}"


def snapshot_group_name(deployment: str, region: str) -> str:
    """The resource group of a deployment's snapshots in a region; no environment's group has three hyphens in a row."""
    return f"rg-dormouse-{_prefix(deployment) or '--'}-snapshots-{region}"


def secret_name(deployment: str, environment: str, ulid: str, resource: str = "") -> str:
    """The name of the secret that one provision operation creates for a resource ("": for the only one)."""
    middle = f"{resource}-" if resource else ""
    return f"dormouse-{_prefix(deployment)}{environment}-{middle}{ulid.lower()}"


def ulid_in_secret(deployment: str, environment: str, secret: str) -> str:
    """The operation ULID in a secret name, or "" if it cannot be the name of a secret of this environment.

    The name alone proves nothing: `a-b` may be the environment `a-b`, or the resource `b` of `a`. The operation does.
    """
    ulid = secret[-ULID_LENGTH:].upper()
    begins = secret.startswith(f"dormouse-{_prefix(deployment)}{environment}-")
    return ulid if begins and len(ulid) == ULID_LENGTH and set(ulid) <= set(CROCKFORD) else ""


def table_prefix(deployment: str) -> str:
    """The prefix of the deployment's table names (Azure allows letters and digits only)."""
    return "" if deployment == DEFAULT_DEPLOYMENT else deployment


def unique_name(prefix: str, environment: str, scope: str) -> str:
    """A deterministic, globally unique name of at most 24 lower-case letters and digits; `scope` is a resource ID."""
    unique = uuid.uuid5(NAMESPACE, scope.lower()).hex
    return f"{prefix}{environment.replace('-', '')[:9]}{unique[:13]}"


def group_of(identifier: str) -> str:
    """The name of the resource group in a resource ID, or ""."""
    found = GROUP_IN_ID.search(identifier)
    return found["group"] if found else ""


def name_of(identifier: str) -> str:
    """The last name in a resource ID."""
    return identifier.rsplit("/", 1)[-1]


def subscription_of(identifier: str) -> str:
    """The subscription in a resource ID, or ""."""
    parts = identifier.split("/")
    return parts[2] if len(parts) > 2 and parts[1].lower() == "subscriptions" else ""


def type_of(identifier: str) -> str:
    """The resource type in an ID, in lower case, such as `microsoft.compute/virtualmachines/extensions`."""
    namespace, *rest = identifier.lower().rsplit("/providers/", 1)[-1].split("/")
    return "/".join([namespace, *rest[::2]])


def _prefix(deployment: str) -> str:
    return "" if deployment == DEFAULT_DEPLOYMENT else f"{deployment}--"
