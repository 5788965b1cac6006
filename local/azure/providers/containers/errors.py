"""Refusals of AKS, which stand alone in a body: only those that Resource Manager itself makes are wrapped in `error`.

Recorded: GET of a missing cluster and of a missing pool. The others follow
https://learn.microsoft.com/azure/aks/faq and https://learn.microsoft.com/troubleshoot/azure/azure-kubernetes/error-codes.
"""

from typing import Any

from local.azure.core.resource_ids import ResourceId
from local.azure.core.responses import Answer, Refused

UNSPECIFIED = "Unspecified"


class BareRefused(Refused):
    """A refusal without an envelope: code, details, message and subcode are the whole body."""

    def __init__(self, status: int, code: str, message: str, subcode: str = "", details: Any = None) -> None:
        super().__init__(status, code, message, details=details, subcode=subcode)

    @property
    def answer(self) -> Answer:
        """The refusal as a response."""
        return Answer(self.status, self.error, self.headers)


def bare(refusal: Refused) -> BareRefused:
    """A refusal in the form of this provider, with its headers."""
    found = BareRefused(refusal.status, refusal.code, refusal.message)
    found.headers = refusal.headers
    return found


def no_cluster(rid: ResourceId) -> BareRefused:
    """The provider does not know a cluster that Resource Manager still knows."""
    text = (
        f"Could not find managed cluster resource: {rid.names[0]} in subscription: {rid.subscription}, "
        f"resourceGroup: {rid.group}."
    )
    details = [{"code": UNSPECIFIED, "message": "rpc error: code = NotFound desc = Managed Cluster not found"}]
    return BareRefused(404, "NotFound", text, "GetManagedCluster_NotFound_HCPServerError", details)


def no_pool(rid: ResourceId) -> BareRefused:
    """A cluster has no such pool."""
    text = (
        f"Could not find the agentpool: {rid.name} in subscription: {rid.subscription}, resourceGroup: {rid.group}, "
        f"resourceName: {rid.names[0]}."
    )
    details = [{"code": UNSPECIFIED, "message": "rpc error: code = NotFound desc = Agent Pool not found"}]
    return BareRefused(404, "NotFound", text, "GetAgentPool_NotFound_HCPServerError", details)


def another_operation(state: str, since: str, identifier: str) -> BareRefused:
    """The refusal while another operation on the cluster or one of its pools runs: https://aka.ms/aks-pending-operation."""
    text = (
        f"Operation is not allowed: Another operation ({state} - {since} - {identifier}) is in progress, please wait for it to "
        "finish before starting a new operation. See https://aka.ms/aks-pending-operation for more details"
    )
    return BareRefused(409, "OperationNotAllowed", text)


def wrong_power(provisioning: str, power: str, doing: str) -> BareRefused:
    """The refusal of what the power state forbids, worded as in https://github.com/MicrosoftDocs/azure-docs/issues/85161."""
    text = (
        f"managed cluster is in Provisioning State({provisioning}) and Power State({power}), {doing} cannot be performed. "
        "Please refer to https://aka.ms/aks-cluster-power-state"
    )
    return BareRefused(400, "OperationNotAllowed", text)


def unchangeable(name: str) -> BareRefused:
    """A property that is decided when a cluster or a pool is created."""
    text = f"Changing property '{name}' is not allowed."
    return BareRefused(400, "PropertyChangeNotAllowed", text)


def invalid(name: str, text: str) -> BareRefused:
    """A value that AKS does not take."""
    return BareRefused(400, "InvalidParameter", f"The value of parameter {name} is invalid. {text}")
