"""Virtual networks, security groups, public IP addresses and network interfaces."""

from collections.abc import Mapping, Sequence
from typing import Any

from dormouse.resources.billing.meters import ADDRESS, Charge
from dormouse.resources.kinds import UPDATE, Change, Endpoint, Observed, Outputs, ResourceKind, failed_or_as_put
from dormouse.resources.plan import Resource
from dormouse.resources.target import DeploymentTarget

VNETS, FIREWALLS = "Microsoft.Network/virtualNetworks", "Microsoft.Network/networkSecurityGroups"
ADDRESSES, NICS = "Microsoft.Network/publicIPAddresses", "Microsoft.Network/networkInterfaces"
API_VERSION = "2024-05-01"
POLLS = tuple(f"Microsoft.Network/locations/{polled}/read" for polled in ("operations", "operationResults"))
SSH, RDP = 22, 3389
PORT_NAMES = {RDP: "RDP", SSH: "SSH"}
COMMANDS = {
    "ssh": "ssh {username}@{host}",
    "rdp": "mstsc /v:{host}",
    "https": "https://{host}:{port}",
    # https://jupyterhub.readthedocs.io/en/stable/reference/urls.html#hub-user-redirect
    "rstudio": "https://{host}:{port}/hub/user-redirect/rstudio/",
}
PORTS = {"ssh": SSH, "rdp": RDP, "https": 443, "rstudio": 443}


def virtual_network(target: DeploymentTarget, address_space: str, subnet: str) -> Resource:
    """A virtual network with one subnet; both are IPv4 networks."""
    place = {"name": target.called("subnet"), "properties": {"addressPrefix": subnet}}
    body = {"properties": {"addressSpace": {"addressPrefixes": [address_space]}, "subnets": [place]}}
    return in_group(target, "network", VIRTUAL_NETWORK, target.called("vnet"), body)


def security_group(target: DeploymentTarget, allow_from: Sequence[str], open_ports: Sequence[int]) -> Resource:
    """A network security group that allows inbound traffic from these networks to these ports only."""
    rules = [_rule(allow_from, port, place) for place, port in enumerate(open_ports)]
    return in_group(target, "firewall", SECURITY_GROUP, target.called("nsg"), {"properties": {"securityRules": rules}})


def public_address(target: DeploymentTarget, endpoints: Mapping[str, str], instance: str = "") -> Resource:
    """A static public IP address; `endpoints` has the user name for each protocol that is served at it.

    The protocols are `ssh`, `rdp`, `https` and `rstudio` (below a JupyterHub), with a port if it is not the usual one:
    `https:8000`.
    """
    body = {"sku": {"name": "Standard"}, "properties": {"publicIPAllocationMethod": "Static"}}
    name = target.called("pip", instance)
    return in_group(target, numbered("address", instance), PUBLIC_ADDRESS, name, body, settings=dict(endpoints))


def network_interface(target: DeploymentTarget, instance: str = "") -> Resource:
    """A network interface with a security group and a public IP address that is deleted together with the VM."""
    address = target.id(ADDRESSES, target.called("pip", instance))
    properties = {
        "subnet": {"id": f"{target.id(VNETS, target.called('vnet'))}/subnets/{target.called('subnet')}"},
        "privateIPAllocationMethod": "Dynamic",
        "publicIPAddress": {"id": address, "properties": {"deleteOption": "Delete"}},
    }
    body = {
        "properties": {
            "networkSecurityGroup": {"id": target.id(FIREWALLS, target.called("nsg"))},
            "ipConfigurations": [{"name": "internal", "properties": properties}],
        }
    }
    needs = ("network", "firewall", numbered("address", instance))
    return in_group(target, numbered("nic", instance), NETWORK_INTERFACE, target.called("nic", instance), body, needs=needs)


def in_group(
    target: DeploymentTarget,
    name: str,
    kind: ResourceKind,
    called: str,
    body: Mapping[str, Any],
    *,
    settings: Mapping[str, str] | None = None,
    needs: tuple[str, ...] = ("group",),
) -> Resource:
    """A resource in the environment's group, in its region, with its tags."""
    settled = dict(settings or {})
    return Resource(
        name, kind.name, target.id(kind.type, called), target.located(body), settled, needs=needs, contained_in="group"
    )


def numbered(name: str, instance: str) -> str:
    """The name of a resource in a plan, with its instance if there are several."""
    return f"{name}-{instance}" if instance else name


def _rule(allow_from: Sequence[str], port: int, place: int) -> dict[str, Any]:
    return {
        "name": f"Allow-{PORT_NAMES.get(port, port)}",
        "properties": {
            "priority": 1000 + 10 * place,
            "direction": "Inbound",
            "access": "Allow",
            "protocol": "Tcp",
            "sourcePortRange": "*",
            "destinationPortRange": str(port),
            "sourceAddressPrefixes": list(allow_from),
            "destinationAddressPrefix": "*",
        },
    }


def _rules_drift(resource: Resource, observed: Observed) -> Change:
    """A security group is put again if it failed, or if its rules have another effect than those of the plan."""
    wanted = sorted(_effect(rule) for rule in resource.body["properties"]["securityRules"])
    found = sorted(_effect(rule) for rule in observed["properties"].get("securityRules") or [])
    return UPDATE if wanted != found else failed_or_as_put(resource, observed)


def _effect(rule: Any) -> tuple[str, ...]:
    """The effect of a rule, in a form that is the same for Azure's two notations (one value, or a list)."""
    given = rule["properties"]
    sources = [given.get("sourceAddressPrefix") or "", *(given.get("sourceAddressPrefixes") or [])]
    ports = [given.get("destinationPortRange") or "", *(given.get("destinationPortRanges") or [])]
    return (
        *(str(given[name]).lower() for name in ("direction", "access", "protocol", "priority")),
        ",".join(sorted(filter(None, sources))),
        ",".join(sorted(filter(None, ports))),
    )


def _address(observed: Observed) -> Outputs:
    address = (observed.get("properties") or {}).get("ipAddress")
    return {"address": str(address)} if address else {}


def _ways_in(resource: Resource, outputs: Outputs) -> Sequence[Endpoint]:
    host = outputs.get("address", "")
    served = []
    for protocol, username in resource.settings.items() if host else ():
        kind, _, port = protocol.partition(":")
        if kind in COMMANDS:
            number = int(port) if port else PORTS[kind]
            command = COMMANDS[kind].format(username=username, host=host, port=number)
            served.append(Endpoint(kind, host, number, command, username))
    return sorted(served, key=lambda one: list(COMMANDS).index(one.kind))


VIRTUAL_NETWORK = ResourceKind("virtual_network", VNETS, API_VERSION, actions=(f"{VNETS}/subnets/join/action", *POLLS))
SECURITY_GROUP = ResourceKind(
    "security_group", FIREWALLS, API_VERSION, diff=_rules_drift, actions=(f"{FIREWALLS}/join/action", *POLLS)
)
PUBLIC_ADDRESS = ResourceKind(
    "public_address",
    ADDRESSES,
    API_VERSION,
    outputs=_address,
    endpoints=_ways_in,
    charges=lambda resource: (Charge.of(ADDRESS),),
    charged="by the hour as long as it exists",
    by_use="outbound traffic",
    actions=(f"{ADDRESSES}/join/action", *POLLS),
)
NETWORK_INTERFACE = ResourceKind("network_interface", NICS, API_VERSION, actions=(f"{NICS}/join/action", *POLLS))
