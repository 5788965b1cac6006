"""Microsoft.Network: which resource uses another, so that it cannot be deleted."""

from local.azure.core.responses import Refused
from local.azure.core.store import Document
from local.azure.core.world import World
from local.azure.providers.kinds import ADDRESS, FIREWALL, NAT_GATEWAY, NIC, VNET
from local.azure.providers.private_network import gateway_use


def in_use(world: World, document: Document) -> Refused | None:
    """The reason why a network resource cannot be deleted, if there is one."""
    kind = document["type"]
    if kind == NAT_GATEWAY:
        return gateway_use.in_use(world, document)
    return _card_in_use(document) if kind == NIC else _used_by_cards(world, document)


def subnet_in_use(world: World, identifiers: set[str]) -> Refused | None:
    """The reason why subnets (IDs in lower case) cannot be taken out of their network, if there is one."""
    for nic in world.resources(NIC):
        for configuration in nic["properties"]["ipConfigurations"]:
            subnet = configuration["properties"]["subnet"]["id"]
            if subnet.lower() in identifiers:
                code, text = IN_USE[VNET]
                said = text.format(configuration=configuration["id"], subnet=subnet.rpartition("/")[2])
                return Refused(400, code, said, details=[])
    return None


def _card_in_use(document: Document) -> Refused | None:
    identifier, given = document["id"], document["properties"]
    endpoint, machine = given.get("privateEndpoint", {}).get("id"), given.get("virtualMachine", {}).get("id")
    if endpoint is not None:
        # https://learn.microsoft.com/azure/private-link/private-endpoint-overview: it lives as long as its endpoint
        text = f"Network Interface {identifier} is used by the private endpoint {endpoint} and cannot be deleted."
        return Refused(400, "NicInUseWithPrivateEndpoint", text, details=[])
    if machine is None:
        return None
    text = f"Network Interface {identifier} is used by existing resource {machine}. In order to delete the network interface, it must be dissociated from the resource. To learn more, see aka.ms/deletenic."
    return Refused(400, "NicInUse", text, details=[])


def _used_by_cards(world: World, document: Document) -> Refused | None:
    kind, identifier = document["type"], document["id"]
    for gateway in world.resources(NAT_GATEWAY) if kind == ADDRESS else ():
        if identifier.lower() in gateway_use.addresses_of(gateway):
            code, text = IN_USE[kind]
            return Refused(400, code, text.format(id=identifier, configuration=gateway["id"]), details=[])
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
