"""What Azure Machine Learning refuses of workspaces."""

import re

from local.azure.core.resource_ids import ResourceId
from local.azure.core.responses import Refused
from local.azure.core.store import Document
from local.azure.core.world import World
from local.azure.providers.common import Body
from local.azure.providers.kinds import ACCOUNT

# https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules
NAME = re.compile(r"[a-zA-Z0-9][\w-]{2,32}")
CREATE_ONLY = ("storageAccount", "keyVault", "hbiWorkspace", "enableDataIsolation")


def check_put(world: World, rid: ResourceId, body: Body, existing: Document | None) -> None:
    """Raise the refusal of a workspace that cannot be created or changed like this."""
    given = body.get("properties") or {}
    if not NAME.fullmatch(rid.name):
        text = f"The workspace name {rid.name} is invalid: 3 to 33 letters, digits, hyphens and underscores."
        raise Refused(400, "ValidationError", text)
    if not body.get("identity"):
        raise Refused(400, "ValidationError", "The identity of the workspace must be specified.")
    for needed in ("storageAccount", "keyVault"):
        if not given.get(needed):
            raise Refused(400, "ValidationError", f"Missing dependent resources in workspace json: {needed}.")
        if world.resource(given[needed]) is None:
            raise Refused(400, "ValidationError", f"The {needed} {given[needed]} was not found.")
    account = world.resource(given["storageAccount"]) or {}
    # https://learn.microsoft.com/azure/machine-learning/concept-workspace#associated-resources
    if account.get("type") == ACCOUNT and account["properties"].get("isHnsEnabled"):
        raise Refused(400, "ValidationError", "Storage accounts with a hierarchical namespace are not supported.")
    check_network(given)
    check_builder(world, rid, given)
    check_create_only(given, existing)


def check_network(given: Body) -> None:
    """Hosts can be approved only where nothing else may be reached.

    https://learn.microsoft.com/azure/machine-learning/how-to-managed-network; the code is assumed.
    """
    network = given.get("managedNetwork") or {}
    hosts = [name for name, rule in (network.get("outboundRules") or {}).items() if rule.get("type") == "FQDN"]
    if hosts and network.get("isolationMode") != "AllowOnlyApprovedOutbound":
        text = f"The FQDN outbound rule {hosts[0]} is not supported with the isolation mode {network.get('isolationMode')}."
        raise Refused(400, "ValidationError", text)


def check_builder(world: World, rid: ResourceId, given: Body) -> None:
    """Images are built on a compute of the workspace. https://github.com/MicrosoftDocs/azure-docs/issues/123350"""
    name = given.get("imageBuildCompute")
    if name and world.resource(f"{rid.text}/computes/{name}") is None:
        text = f"The image build compute {name} is not valid: the workspace has no compute of this name."
        raise Refused(400, "ImageBuildComputeNotValid", text)


def check_create_only(given: Body, existing: Document | None) -> None:
    """Raise the refusal of a change of what is decided when a workspace is created."""
    for name in CREATE_ONLY if existing else ():
        known = (existing or {})["properties"].get(name)
        if name in given and str(given[name]).lower() != str(known).lower():
            raise Refused(400, "ValidationError", f"The property {name} of a workspace cannot be changed.")
