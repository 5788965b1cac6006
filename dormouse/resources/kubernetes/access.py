"""The roles that a cluster and its control planes need, by the GUIDs of their definitions.

https://learn.microsoft.com/azure/role-based-access-control/built-in-roles
"""

from collections.abc import Sequence

from dormouse.resources.identity import CONTROL_PLANE, assignment_id, role_assignment, role_assignment_to_control_plane
from dormouse.resources.naming import subscription_of
from dormouse.resources.network import VNETS
from dormouse.resources.plan import Resource
from dormouse.resources.platform.registries import ACR_PULL
from dormouse.resources.target import DeploymentTarget

MANAGED_IDENTITY_OPERATOR = "f1a07417-d97a-45cb-824c-7a7467783830"
NETWORK_CONTRIBUTOR = "4d97b98b-1d4f-4787-a291-c67834d212e7"
CLUSTER_ADMIN = "b1ff04bb-8a4e-4dc4-8eb5-8693973ce19b"
CLUSTER_USER = "4abbcc35-e782-43d8-92c5-2d3f1bd2253f"


def cluster_roles(
    target: DeploymentTarget,
    control: Resource,
    kubelet: Resource,
    network: Resource,
    subnet: str,
    registry: Resource,
    group: Resource,
) -> Sequence[Resource]:
    """The roles that must exist before a cluster does: of its two identities, and of the control plane in it.

    Those of the control plane are on the group, so that they reach the cluster while it is made.
    https://learn.microsoft.com/azure/aks/use-managed-identity
    """
    nodes = Resource(network.name, network.kind, f"{target.id(VNETS, target.called('vnet'))}/subnets/{subnet}")
    return (
        role_assignment(target, "role-kubelet", MANAGED_IDENTITY_OPERATOR, of=control, on=kubelet),
        role_assignment(target, "role-network", NETWORK_CONTRIBUTOR, of=control, on=nodes),
        role_assignment(target, "role-pull", ACR_PULL, of=kubelet, on=registry),
        role_assignment_to_control_plane(target, "role-admin", CLUSTER_ADMIN, on=group),
        role_assignment_to_control_plane(target, "role-user", CLUSTER_USER, on=group),
    )


def own_access(cluster: str) -> str:
    """The resource ID of the assignment by which the control plane may change what is in a cluster."""
    group = cluster.partition("/providers/")[0]
    role = f"/subscriptions/{subscription_of(cluster)}/providers/Microsoft.Authorization/roleDefinitions/{CLUSTER_ADMIN}"
    return assignment_id(group, CONTROL_PLANE, role)
