"""Ownership: the names that a deployment gives to its resources, and the resources that its plans created."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from dormouse.ids import ULID_LENGTH
from dormouse.resources.plan import DEFAULT_DEPLOYMENT, Plan, ResourceKind

DEPLOYMENT = re.compile(r"[a-z][a-z0-9]{1,7}")
DISKS = "Microsoft.Compute/disks"
MOST_NAMED = 20


@dataclass(frozen=True, slots=True)
class OwnedResources:
    """The recorded resources of an environment: resource group, resource IDs and secret names."""

    group: str = ""
    resources: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()

    def owns(self, identifier: str) -> bool:
        """Whether a resource is one of these or a child of one of them."""
        path = f"{identifier.lower()}/"
        return any(path.startswith(f"{resource.lower()}/") for resource in self.resources)

    def others_in(self, identifiers: Iterable[str]) -> tuple[str, ...]:
        """The resources among these that do not belong to the environment."""
        return tuple(identifier for identifier in identifiers if not self.owns(identifier))

    @property
    def removable(self) -> tuple[str, ...]:
        """The resources to delete one by one, dependents first; deleting a resource deletes its children."""
        above = {resource: OwnedResources(resources=tuple(set(self.resources) - {resource})) for resource in self.resources}
        return tuple(resource for resource in reversed(self.resources) if not above[resource].owns(resource))


def read_deployment(text: str) -> str:
    """A deployment ID: 2 to 8 lower-case letters and digits, starting with a letter; raises ValueError."""
    if not DEPLOYMENT.fullmatch(text):
        raise ValueError(f"{text!r} must be 2 to 8 lower-case letters and digits, starting with a letter")
    return text


def group_name(deployment: str, environment: str) -> str:
    """The resource group name of an environment; environment names have no double hyphen, so deployments never collide."""
    return f"rg-dormouse-{_prefix(deployment)}{environment}"


def secret_name(deployment: str, environment: str, ulid: str) -> str:
    """The name of the secret for the password that one provision operation creates."""
    return f"dormouse-{_prefix(deployment)}{environment}-{ulid.lower()}"


def ulid_in_secret(deployment: str, environment: str, secret: str) -> str:
    """The operation ULID in a secret name, or "" if it is not a secret name of this environment."""
    ulid = secret[-ULID_LENGTH:]
    return ulid.upper() if secret == secret_name(deployment, environment, ulid) else ""


def table_prefix(deployment: str) -> str:
    """The prefix of the deployment's table names (Azure allows letters and digits only)."""
    return "" if deployment == DEFAULT_DEPLOYMENT else deployment


def owned_resources_of(plan: Plan) -> OwnedResources:
    """Every resource of a plan; role assignments are deleted together with their scope."""
    resources: list[str] = []
    for step in plan.resources:
        if step.kind is ResourceKind.VIRTUAL_MACHINE:  # listed before its VM, because it can only be deleted after it
            disk = step.body["properties"]["storageProfile"]["osDisk"]["name"]
            resources.append(f"{plan.resource('group').id}/providers/{DISKS}/{disk}")
        if step.id and step.kind not in (ResourceKind.RESOURCE_GROUP, ResourceKind.PASSWORD):
            resources.append(step.id)
    secrets = tuple(step.names[0] for step in plan.resources if step.kind is ResourceKind.PASSWORD)
    return OwnedResources(plan.group, tuple(resources), secrets)


def text_of_resources_kept(identifiers: Sequence[str]) -> str:
    """The sentence that lists the resources a deletion keeps because Dormouse did not create them, or ""."""
    if not identifiers:
        return ""
    named, more = ", ".join(identifiers[:MOST_NAMED]), len(identifiers) - MOST_NAMED
    rest = f" and {more} more" if more > 0 else ""
    return f"Not deleted, because Dormouse did not create them: {named}{rest}."


def _prefix(deployment: str) -> str:
    return "" if deployment == DEFAULT_DEPLOYMENT else f"{deployment}--"
