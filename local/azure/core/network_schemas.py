"""The allowed content of request bodies of Microsoft.Network."""

from collections.abc import Mapping
from typing import Any

from local.azure.core.schema_parts import ANY, NOTHING, PART, READ_ONLY, TAGGED, Only
from local.azure.providers.kinds import ADDRESS, FIREWALL, NIC, VNET

REFERENCE: dict[str, Any] = {"id": ANY, "resourceGroup": ANY}
RULE = {
    **dict.fromkeys(("protocol", "access", "priority", "direction", "description", "provisioningState"), ANY),
    **{
        f"{end}{what}": ANY
        for end in ("source", "destination")
        for what in ("PortRange", "PortRanges", "AddressPrefix", "AddressPrefixes")
    },
    "sourceApplicationSecurityGroups": NOTHING,
    "destinationApplicationSecurityGroups": NOTHING,
}
SUBNET = {
    **READ_ONLY,
    **dict.fromkeys(
        ("addressPrefix", "privateEndpointNetworkPolicies", "privateLinkServiceNetworkPolicies", "ipConfigurations"), ANY
    ),
    "networkSecurityGroup": REFERENCE,
    "natGateway": REFERENCE,
    "delegations": NOTHING,
    "serviceEndpoints": NOTHING,
}
CONFIGURATION = {
    **READ_ONLY,
    "subnet": {"id": ANY, "properties": ANY},
    "publicIPAddress": {"id": ANY, "properties": {"deleteOption": ANY}},
    "privateIPAddress": ANY,
    "privateIPAllocationMethod": Only("Dynamic", "Static"),
    "privateIPAddressVersion": Only("IPv4"),
    "primary": Only(True),
}
NETWORK: dict[str, Mapping[str, Any]] = {
    VNET: {
        **TAGGED,
        "properties": {
            **READ_ONLY,
            "addressSpace": {"addressPrefixes": ANY},
            "subnets": [{**PART, "properties": SUBNET}],
            "virtualNetworkPeerings": NOTHING,
            "enableDdosProtection": Only(False),
            "enableVmProtection": Only(False),
            "dhcpOptions": {"dnsServers": NOTHING},
            "privateEndpointVNetPolicies": Only("Disabled"),
        },
    },
    FIREWALL: {
        **TAGGED,
        "properties": {
            **READ_ONLY,
            "securityRules": [{**PART, "properties": RULE}],
            "defaultSecurityRules": ANY,
            "flushConnection": Only(False),
            "networkInterfaces": ANY,
        },
    },
    ADDRESS: {
        **TAGGED,
        "sku": {"name": ANY, "tier": Only("Regional")},
        "zones": ANY,
        "properties": {
            **READ_ONLY,
            **dict.fromkeys(("publicIPAllocationMethod", "idleTimeoutInMinutes", "ipAddress", "ipConfiguration"), ANY),
            "publicIPAddressVersion": Only("IPv4"),
            "dnsSettings": {"domainNameLabel": ANY, "fqdn": ANY},
            "ipTags": NOTHING,
            "ddosSettings": {"protectionMode": Only("VirtualNetworkInherited")},
        },
    },
    NIC: {
        **TAGGED,
        "kind": ANY,
        "properties": {
            **READ_ONLY,
            "ipConfigurations": [{**PART, "properties": CONFIGURATION}],
            "networkSecurityGroup": REFERENCE,
            "dnsSettings": {"dnsServers": NOTHING, "appliedDnsServers": ANY, "internalDomainNameSuffix": ANY},
            "enableAcceleratedNetworking": Only(False),
            "enableIPForwarding": Only(False),
            "disableTcpStateTracking": Only(False),
            "auxiliaryMode": Only("None"),
            "auxiliarySku": Only("None"),
            **dict.fromkeys(
                ("virtualMachine", "primary", "macAddress", "hostedWorkloads", "tapConfigurations", "nicType"), ANY
            ),
            **dict.fromkeys(("vnetEncryptionSupported", "allowPort25Out"), ANY),
        },
    },
}
