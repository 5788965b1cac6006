"""Networks, firewalls, public addresses and network cards."""

from dormouse.cloud.clients import Cloud
from dormouse.environments.operations import BuildRequest
from dormouse.environments.results import Progress


async def put_virtual_network(request: BuildRequest, cloud: Cloud) -> Progress:
    """Begin a private network with its subnet."""
    step = request.resource
    return await cloud.begin(cloud.network.virtual_networks.begin_create_or_update, step.group, *step.names, step.body)


async def put_security_group(request: BuildRequest, cloud: Cloud) -> Progress:
    """Begin a firewall with all its rules."""
    step = request.resource
    put = cloud.network.network_security_groups.begin_create_or_update
    return await cloud.begin(put, step.group, *step.names, step.body)


async def put_public_address(request: BuildRequest, cloud: Cloud) -> Progress:
    """Begin a static public address."""
    step = request.resource
    put = cloud.network.public_ip_addresses.begin_create_or_update
    return await cloud.begin(put, step.group, *step.names, step.body)


async def put_network_interface(request: BuildRequest, cloud: Cloud) -> Progress:
    """Begin a network card on its subnet, behind its firewall, with its address."""
    step = request.resource
    put = cloud.network.network_interfaces.begin_create_or_update
    return await cloud.begin(put, step.group, *step.names, step.body)
