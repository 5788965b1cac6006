"""What belongs to a deployment of the control plane: the names it gives, and the resources that its plans have named."""

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
    """What the records say belongs to an environment: its resource group, the ids of its resources, its secrets."""

    group: str = ""
    resources: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()

    def owns(self, identifier: str) -> bool:
        """Whether a resource is one of these, or exists beneath one of them and goes with it."""
        path = f"{identifier.lower()}/"
        return any(path.startswith(f"{resource.lower()}/") for resource in self.resources)

    def others_in(self, identifiers: Iterable[str]) -> tuple[str, ...]:
        """Those of some resources that do not belong to the environment."""
        return tuple(identifier for identifier in identifiers if not self.owns(identifier))

    @property
    def removable(self) -> tuple[str, ...]:
        """The resources that have to be deleted one by one, dependents first; each takes along what is beneath it."""
        above = {resource: OwnedResources(resources=tuple(set(self.resources) - {resource})) for resource in self.resources}
        return tuple(resource for resource in reversed(self.resources) if not above[resource].owns(resource))


def read_deployment(text: str) -> str:
    """The id of a deployment: 2 to 8 lower-case letters and digits, a letter first; raises ValueError."""
    if not DEPLOYMENT.fullmatch(text):
        raise ValueError(f"{text!r} is not 2 to 8 lower-case letters and digits, beginning with a letter")
    return text


def group_name(deployment: str, environment: str) -> str:
    """The resource group of an environment; two hyphens keep deployments apart, for names of environments have none."""
    return f"rg-dormouse-{_prefix(deployment)}{environment}"


def secret_name(deployment: str, environment: str, ulid: str) -> str:
    """The secret that keeps the password which one provision operation creates."""
    return f"dormouse-{_prefix(deployment)}{environment}-{ulid.lower()}"


def ulid_in_secret(deployment: str, environment: str, secret: str) -> str:
    """The ULID of the operation that a secret's name gives, or "" if it is not a secret name of this environment."""
    ulid = secret[-ULID_LENGTH:]
    return ulid.upper() if secret == secret_name(deployment, environment, ulid) else ""


def table_prefix(deployment: str) -> str:
    """What the names of the deployment's tables begin with (Azure takes letters and digits only)."""
    return "" if deployment == DEFAULT_DEPLOYMENT else deployment


def owned_resources_of(plan: Plan) -> OwnedResources:
    """Everything that a plan names; role assignments are deleted with the resource they are for."""
    resources: list[str] = []
    for step in plan.resources:
        if step.kind is ResourceKind.VIRTUAL_MACHINE:  # before its machine, because it can be deleted only after it
            disk = step.body["properties"]["storageProfile"]["osDisk"]["name"]
            resources.append(f"{plan.resource('group').id}/providers/{DISKS}/{disk}")
        if step.id and step.kind not in (ResourceKind.RESOURCE_GROUP, ResourceKind.PASSWORD):
            resources.append(step.id)
    secrets = tuple(step.names[0] for step in plan.resources if step.kind is ResourceKind.PASSWORD)
    return OwnedResources(plan.group, tuple(resources), secrets)


def text_of_resources_kept(identifiers: Sequence[str]) -> str:
    """The sentence that names what a deletion leaves because it belongs to others, or ""."""
    if not identifiers:
        return ""
    named, more = ", ".join(identifiers[:MOST_NAMED]), len(identifiers) - MOST_NAMED
    rest = f" and {more} more" if more > 0 else ""
    return f"Left alone, because Dormouse did not create them: {named}{rest}."


def _prefix(deployment: str) -> str:
    return "" if deployment == DEFAULT_DEPLOYMENT else f"{deployment}--"
