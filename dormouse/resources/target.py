"""The target of a plan: where its resources are created, and for which environment."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from dormouse.ids import ulid_of
from dormouse.resources.features import Agent
from dormouse.resources.naming import DEFAULT_DEPLOYMENT, group_name, secret_name
from dormouse.resources.plan import Resource

Parents = Mapping[str, Mapping[str, Mapping[str, str]]]


@dataclass(frozen=True, slots=True)
class DeploymentTarget:
    """Where a plan is deployed: subscription, environment, and the operation that builds it.

    `control_plane` is the URL its agents report to ("": no agent), `audience` the audience of the agents' tokens, and
    `deployment` the deployment of the control plane. `secrets` has the names of secrets that exist already, by resource,
    and `parents` the outputs of the resources of the environments that it depends on. `vault` and `vault_url` are the
    resource ID and the URL of the control plane's key vault.
    """

    subscription: str
    environment: str
    operation: str
    region: str = ""
    owner: str = ""
    blueprint: str = ""
    control_plane: str = ""
    audience: str = ""
    deployment: str = DEFAULT_DEPLOYMENT
    secrets: Mapping[str, str] = field(default_factory=dict)
    parents: Parents = field(default_factory=dict)
    vault: str = ""
    vault_url: str = ""

    @property
    def group(self) -> str:
        """The name of the environment's resource group."""
        return group_name(self.deployment, self.environment)

    @property
    def root(self) -> str:
        """The resource ID of the environment's resource group."""
        return f"/subscriptions/{self.subscription}/resourceGroups/{self.group}"

    @property
    def agent(self) -> tuple[Agent, ...]:
        """The agent of its machines; none if the control plane has no URL."""
        return (Agent(self.control_plane, self.audience),) if self.control_plane else ()

    @property
    def tags(self) -> dict[str, str]:
        """The tags of every resource."""
        return {
            "dormouse": self.environment,
            "dormouse-deployment": self.deployment,
            "dormouse-blueprint": self.blueprint,
            "dormouse-owner": self.owner,
            "dormouse-operation": self.operation,
        }

    def id(self, kind: str, name: str) -> str:
        """The resource ID of a resource of this type in the environment's group."""
        return f"{self.root}/providers/{kind}/{name}"

    def called(self, prefix: str, instance: str = "") -> str:
        """The Azure name of a resource: prefix, environment, and the instance if there are several."""
        return f"{prefix}-{self.environment}{f'-{instance}' if instance else ''}"

    def secret(self, resource: str) -> str:
        """The name of the secret of a resource: the existing one, or a new one that names the operation."""
        known = self.secrets.get(resource)
        own = "" if resource == "password" else resource
        return known or secret_name(self.deployment, self.environment, ulid_of(self.operation), own)

    def located(self, body: Mapping[str, object]) -> dict[str, object]:
        """The body of a resource with the region and the tags of the environment."""
        return {"location": self.region, "tags": self.tags, **body}


def resource_group(target: DeploymentTarget) -> Resource:
    """The resource group of an environment."""
    return Resource("group", "resource_group", target.root, target.located({}))
