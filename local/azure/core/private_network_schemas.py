"""The allowed content of request bodies of private networking."""

from collections.abc import Mapping
from typing import Any

from local.azure.core.schema_parts import ANY, NOTHING, PART, READ_ONLY, TAGGED, Only
from local.azure.providers.kinds import DNS_LINK, DNS_ZONE, ENDPOINT, NAT_GATEWAY, RECORDS, ZONE_GROUP

CONNECTION = {
    **PART,
    "properties": {
        **READ_ONLY,
        **dict.fromkeys(("privateLinkServiceId", "groupIds", "requestMessage", "privateLinkServiceConnectionState"), ANY),
    },
}
RECORD_FIELDS = (
    *("ttl", "metadata", "fqdn", "isAutoRegistered", "aRecords", "aaaaRecords", "cnameRecord", "mxRecords"),
    *("ptrRecords", "srvRecords", "txtRecords"),
)
PRIVATE_NETWORK: dict[str, Mapping[str, Any]] = {
    DNS_ZONE: {**TAGGED, "properties": {}},
    DNS_LINK: {
        **TAGGED,
        "properties": {
            **READ_ONLY,
            "virtualNetwork": {"id": ANY},
            "registrationEnabled": Only(False),
            "resolutionPolicy": Only("Default"),
        },
    },
    **{kind: {**PART, "properties": dict.fromkeys(RECORD_FIELDS, ANY)} for kind in RECORDS},
    ENDPOINT: {
        **TAGGED,
        "properties": {
            **READ_ONLY,
            "subnet": {"id": ANY},
            "customNetworkInterfaceName": ANY,
            "privateLinkServiceConnections": [CONNECTION],
            "manualPrivateLinkServiceConnections": [CONNECTION],
            "ipConfigurations": NOTHING,
            "ipVersionType": Only("IPv4"),
        },
    },
    ZONE_GROUP: {
        **PART,
        "properties": {
            **READ_ONLY,
            "privateDnsZoneConfigs": [{**PART, "properties": {**READ_ONLY, "privateDnsZoneId": ANY, "recordSets": ANY}}],
        },
    },
    NAT_GATEWAY: {
        **TAGGED,
        "sku": {"name": Only("Standard"), "tier": Only("Regional")},
        "zones": NOTHING,
        "properties": {
            **READ_ONLY,
            **dict.fromkeys(("idleTimeoutInMinutes", "publicIpAddresses", "subnets"), ANY),
            "scope": Only("Public"),
            "privateIPAddresses": NOTHING,
            "privateIPAddressesV6": NOTHING,
            "publicIpPrefixes": NOTHING,
        },
    },
}
