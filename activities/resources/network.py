"""Activities for virtual networks, security groups, public IP addresses and network interfaces."""

from dormouse.cloud.clients import Cloud
from dormouse.environments.operations import BuildRequest
from dormouse.environments.results import Progress


async def put_virtual_network(request: BuildRequest, cloud: Cloud) -> Progress:
    """Start creating a virtual network with its subnet."""
    step = request.resource
    return await cloud.begin(cloud.network.virtual_networks.begin_create_or_update, step.group, *step.names, step.body)


async def put_security_group(request: BuildRequest, cloud: Cloud) -> Progress:
    """Start creating a network security group with all its rules."""
    step = request.resource
    put = cloud.network.network_security_groups.begin_create_or_update
    return await cloud.begin(put, step.group, *step.names, step.body)


async def put_public_address(request: BuildRequest, cloud: Cloud) -> Progress:
    """Start creating a static public IP address."""
    step = request.resource
    put = cloud.network.public_ip_addresses.begin_create_or_update
    return await cloud.begin(put, step.group, *step.names, step.body)


async def put_network_interface(request: BuildRequest, cloud: Cloud) -> Progress:
    """Start creating a network interface with its subnet, security group and public IP address."""
    step = request.resource
    put = cloud.network.network_interfaces.begin_create_or_update
    return await cloud.begin(put, step.group, *step.names, step.body)
