"""Microsoft.Network: which resource uses another, so that it cannot be deleted."""

from local.azure.core.responses import Refused
from local.azure.core.store import Document
from local.azure.core.world import World
from local.azure.providers.kinds import ADDRESS, CLUSTER, FIREWALL, NIC, VNET


def in_use(world: World, document: Document) -> Refused | None:
    """The reason why a network resource cannot be deleted, if there is one."""
    kind, identifier = document["type"], document["id"]
    if kind == NIC:
        machine = document["properties"].get("virtualMachine", {}).get("id")
        if machine is None:
            return None
        text = f"Network Interface {identifier} is used by existing resource {machine}. In order to delete the network interface, it must be dissociated from the resource. To learn more, see aka.ms/deletenic."
        return Refused(400, "NicInUse", text, details=[])
    if kind == VNET:
        for cluster in world.resources(CLUSTER):
            for pool in cluster["properties"]["agentPoolProfiles"]:
                if str(pool.get("vnetSubnetID", "")).lower().startswith(f"{identifier.lower()}/subnets/"):
                    code, text = IN_USE[VNET]
                    subnet = pool["vnetSubnetID"].rpartition("/")[2]
                    said = text.format(subnet=subnet, configuration=f"{cluster['id']}/agentPools/{pool['name']}")
                    return Refused(400, code, said, details=[])
    for nic in world.resources(NIC):
        for configuration in nic["properties"]["ipConfigurations"]:
            if identifier.lower() in _references(nic, configuration):
                code, text = IN_USE[kind]
                subnet = configuration["properties"]["subnet"]["id"].rpartition("/")[2]
                said = text.format(id=identifier, nic=nic["id"], configuration=configuration["id"], subnet=subnet)
                return Refused(400, code, said, details=[])
    return None


IN_USE = {
    VNET: (
        "InUseSubnetCannotBeDeleted",
        "Subnet {subnet} is in use by {configuration} and cannot be deleted. In order to delete the subnet, delete all the resources within the subnet. See aka.ms/deletesubnet.",
    ),
    FIREWALL: (
        "InUseNetworkSecurityGroupCannotBeDeleted",
        "Network security group {id} cannot be deleted because it is in use by the following resources: {nic}. In order to delete the Network security group, remove the association with the resource(s). To learn how to do this, see aka.ms/deletensg.",
    ),
    ADDRESS: (
        "PublicIPAddressCannotBeDeleted",
        "Public IP address {id} can not be deleted since it is still allocated to resource {configuration}. In order to delete the public IP, disassociate/detach the Public IP address from the resource.  To learn how to do this, see aka.ms/deletepublicip.",
    ),
}


def _references(nic: Document, configuration: Document) -> set[str]:
    return {
        nic["properties"].get("networkSecurityGroup", {}).get("id", "").lower(),
        configuration["properties"]["subnet"]["id"].lower().rpartition("/subnets/")[0],
        configuration["properties"].get("publicIPAddress", {}).get("id", "").lower(),
    }
