"""Agents in a pool of Azure Pipelines: who may read their token, when they are registered, and their registrations."""

import uuid
from collections.abc import Mapping

from dormouse.resources.compute.virtual_machines import MACHINE_EXTENSION
from dormouse.resources.features import PipelinesAgent
from dormouse.resources.identity import ASSIGNMENTS, NAMESPACE, ROLE_ASSIGNMENT, role_id
from dormouse.resources.kinds import NONE, UPDATE, Change, Observed, ResourceKind, always_as_put
from dormouse.resources.naming import DEFAULT_DEPLOYMENT
from dormouse.resources.network import numbered
from dormouse.resources.plan import Resource
from dormouse.resources.target import DeploymentTarget

# https://learn.microsoft.com/azure/role-based-access-control/built-in-roles/security
KEY_VAULT_SECRETS_USER = "4633458b-17de-408a-b874-0445c86b69e6"
# The tag with which the owner of a secret allows its use for one organization.
ORGANIZATION_TAG = "dormouse-organization"
# The capability by which a registration names its machine: agents report the environment variables that they run with.
# https://learn.microsoft.com/azure/devops/pipelines/agents/agents#capabilities
MACHINE_CAPABILITY = "DORMOUSE_MACHINE"
PROGRAM = "/usr/local/sbin/dormouse-pipelines"
# The extension exists before cloud-init has written the program.
WAIT = f"until test -x {PROGRAM}; do sleep 5; done; exec {PROGRAM} wait"


def agent_name(target: DeploymentTarget, instance: str) -> str:
    """The name of an agent in its pool: deployment, environment, and the number of the machine."""
    deployment = "" if target.deployment == DEFAULT_DEPLOYMENT else f"{target.deployment}--"
    return f"{deployment}{target.environment}-{instance}"


def organization_of(url: str) -> str:
    """The name of an organization in its URL."""
    return url.rstrip("/").rpartition("/")[2]


def token_access(target: DeploymentTarget, agent: PipelinesAgent, secret: str, vm: Resource, instance: str) -> Resource:
    """The right of a machine to read one secret of the key vault: the role Key Vault Secrets User on it alone.

    The name of the assignment follows from machine and secret, so that it is found after the machine is gone. Its deletion
    also deletes what the machine has done with it: an agent may be in the pool before anything else is known of it.
    https://learn.microsoft.com/azure/key-vault/general/rbac-guide
    """
    scope = f"{target.vault}/secrets/{secret}"
    name = uuid.uuid5(NAMESPACE, f"{scope}|{vm.id}".lower())
    body = {"properties": {"roleDefinitionId": role_id(target, KEY_VAULT_SECRETS_USER)}}
    settings = {**_settings(agent, secret), "scope": scope, "principal_of": vm.name}
    path = f"{scope}/providers/{ASSIGNMENTS}/{name}"
    return Resource(
        numbered("token-access", instance), TOKEN_ACCESS.name, path, body, settings, needs=(vm.name,), reads=(vm.name,)
    )


def pool_access(agent: PipelinesAgent, instance: str) -> Resource:
    """What a machine may register with its own identity: nothing in Azure, and in its pool what its deletion deletes.

    A machine that needs it is deleted before it: until then it may register its agent, whatever else is deleted.
    """
    settings = _settings(agent, "")
    path = f"pipelines/{settings['organization']}/{agent.pool}/{agent.name}/registered"
    return Resource(numbered("pool-access", instance), POOL_ACCESS.name, path, settings=settings)


def registration(target: DeploymentTarget, vm: Resource, needs: tuple[str, ...], instance: str) -> Resource:
    """The VM extension that ends when the machine has registered its agent, and fails with the reason why it cannot.

    https://learn.microsoft.com/azure/virtual-machines/extensions/custom-script-linux
    """
    body = {
        "properties": {
            "publisher": "Microsoft.Azure.Extensions",
            "type": "CustomScript",
            "typeHandlerVersion": "2.1",
            "autoUpgradeMinorVersion": True,
            "settings": {"commandToExecute": WAIT},
        }
    }
    path = f"{vm.id}/extensions/registration"
    name = numbered("registration", instance)
    return Resource(name, MACHINE_EXTENSION.name, path, target.located(body), needs=(vm.name, *needs), contained_in=vm.name)


def pipelines_agent(agent: PipelinesAgent, secret: str, needs: tuple[str, ...], instance: str) -> Resource:
    """The registration of a machine in its pool; it outlives the machine, so nothing else's deletion deletes it."""
    settings = _settings(agent, secret)
    path = f"pipelines/{settings['organization']}/{agent.pool}/{agent.name}"
    return Resource(numbered("agent", instance), PIPELINES_AGENT.name, path, settings=settings, needs=needs)


def machine_of(agent: Observed) -> str:
    """The resource ID of the machine that an agent names in its capabilities, or ""."""
    capabilities = agent.get("systemCapabilities")
    known = capabilities if isinstance(capabilities, Mapping) else {}
    return next((str(value) for name, value in known.items() if str(name).upper() == MACHINE_CAPABILITY), "")


def _settings(agent: PipelinesAgent, secret: str) -> dict[str, str]:
    organization = organization_of(agent.organization)
    named = {"organization": organization, "pool": agent.pool, "agent": agent.name}
    return {**named, "machine": agent.machine, "secret": secret}


def _access_drift(resource: Resource, observed: Observed) -> Change:
    """An assignment to the identity of an earlier machine of the same name is replaced."""
    return UPDATE if observed.get("outdated") else NONE


def _label_of_access(resource: Resource) -> str:
    return f"role assignment {resource.id}"


def _label(resource: Resource) -> str:
    settings = resource.settings
    return f"agent {settings['agent']} in the pool {settings['pool']} of {settings['organization']}"


# Outside the groups of environments, so that it is looked for and deleted by itself, like a secret.
TOKEN_ACCESS = ResourceKind(
    "token_access", diff=_access_drift, label=_label_of_access, checks=("tokens_are_usable",), actions=ROLE_ASSIGNMENT.rights
)
POOL_ACCESS = ResourceKind("pool_access", diff=always_as_put, label=_label)
PIPELINES_AGENT = ResourceKind(
    "pipelines_agent",
    diff=always_as_put,
    label=_label,
    checks=("agent_names_are_free",),
    needs_power=True,
    suspends=True,
)
