"""Rules of security groups: the default rules, how a rule is shown, and what it may contain."""

import ipaddress
import re
from typing import Any

from local.azure.core.resource_ids import ResourceId
from local.azure.core.responses import Refused
from local.azure.providers.kinds import FIREWALL

Rule = dict[str, Any]

_DEFAULTS = (
    (
        "AllowVnetInBound",
        "Allow inbound traffic from all VMs in VNET",
        65000,
        "VirtualNetwork",
        "VirtualNetwork",
        "Allow",
        "Inbound",
    ),
    (
        "AllowAzureLoadBalancerInBound",
        "Allow inbound traffic from azure load balancer",
        65001,
        "AzureLoadBalancer",
        "*",
        "Allow",
        "Inbound",
    ),
    ("DenyAllInBound", "Deny all inbound traffic", 65500, "*", "*", "Deny", "Inbound"),
    (
        "AllowVnetOutBound",
        "Allow outbound traffic from all VMs to all VMs in VNET",
        65000,
        "VirtualNetwork",
        "VirtualNetwork",
        "Allow",
        "Outbound",
    ),
    (
        "AllowInternetOutBound",
        "Allow outbound traffic from all VMs to Internet",
        65001,
        "*",
        "Internet",
        "Allow",
        "Outbound",
    ),
    ("DenyAllOutBound", "Deny all outbound traffic", 65500, "*", "*", "Deny", "Outbound"),
)
DEFAULT_RULES: tuple[Rule, ...] = tuple(
    {
        "name": name,
        "properties": {
            "description": description,
            "protocol": "*",
            "sourcePortRange": "*",
            "destinationPortRange": "*",
            "sourceAddressPrefix": source,
            "destinationAddressPrefix": target,
            "access": access,
            "priority": priority,
            "direction": direction,
        },
    }
    for name, description, priority, source, target, access, direction in _DEFAULTS
)
LISTS = ("sourcePortRanges", "destinationPortRanges", "sourceAddressPrefixes", "destinationAddressPrefixes")
TAG = re.compile(r"\*|[A-Za-z][A-Za-z.]*")
HIGHEST_PORT, LONGEST_DESCRIPTION = 65535, 140
PRIORITIES = range(100, 4097)


def rule_of(rid: ResourceId, rule: Rule, *, default: bool = False) -> Rule:
    """A rule as Azure shows it; raises refusals for invalid values."""
    kind = "defaultSecurityRules" if default else "securityRules"
    identifier = f"{rid.text}/{kind}/{rule['name']}"
    properties = {
        "provisioningState": "Succeeded",
        **rule["properties"],
        **{n: rule["properties"].get(n, []) for n in LISTS},
    }
    if not default:
        _check(identifier, properties)
    return {"name": rule["name"], "id": identifier, "type": f"{FIREWALL}/{kind}", "properties": properties}


def check_rules(rules: list[Rule]) -> None:
    """Raise a refusal for two rules with the same priority and direction."""
    places = [(rule["properties"]["direction"], rule["properties"]["priority"]) for rule in rules]
    if len(set(places)) < len(places):
        raise Refused(400, "SecurityRuleConflict", "Security rules have the same priority and direction.", details=[])


def _check(identifier: str, given: Rule) -> None:
    if len(given.get("description") or "") > LONGEST_DESCRIPTION:
        raise Refused(
            400,
            "SecurityRuleDescriptionTooLong",
            f"Security rule description cannot exceed {LONGEST_DESCRIPTION} chars.",
            details=[],
        )
    if given.get("priority") not in PRIORITIES:
        text = f"Security rule has invalid priority. Value provided: {given.get('priority')}. Priority should be between 100 and 4096."
        raise Refused(400, "SecurityRuleInvalidPriority", text, details=[])
    for end in ("source", "destination"):
        for ports in (given.get(f"{end}PortRange"), *given[f"{end}PortRanges"]):
            if ports is not None and not _is_port_range(str(ports)):
                text = f"Security rule has invalid Port range. Value provided: {ports}. Value should be an integer OR integer range with '-' delimiter. Valid range 0-65535."
                raise Refused(400, "SecurityRuleInvalidPortRange", text, details=[])
        for prefix in (given.get(f"{end}AddressPrefix"), *given[f"{end}AddressPrefixes"]):
            if prefix is not None and not _is_prefix(str(prefix)):
                text = f"Security rule {identifier} has invalid Address prefix. Value provided: {prefix}"
                raise Refused(400, "SecurityRuleInvalidAddressPrefix", text, details=[])
    ends = [given.get(f"{end}AddressPrefix") for end in ("source", "destination")]
    _check_families(identifier, [*filter(None, ends), *given["sourceAddressPrefixes"], *given["destinationAddressPrefixes"]])


def _check_families(identifier: str, prefixes: list[str]) -> None:
    """Raise the refusal of addresses of IPv4 and IPv6 in one rule: https://github.com/Azure/AKS/issues/3136."""
    families = {ipaddress.ip_network(prefix, strict=False).version for prefix in prefixes if not TAG.fullmatch(prefix)}
    if len(families) > 1:
        text = (
            f"Resource {identifier} contains IP addresses or prefixes that belong to different address families. All IP "
            "addresses or prefixes in the resource should belong to the same address family."
        )
        raise Refused(400, "ResourceCannotContainAddressPrefixesFromDifferentAddressFamilies", text, details=[])


def _is_port_range(text: str) -> bool:
    first, _, last = text.partition("-")
    ends = [part for part in (first, last) if part]
    return text == "*" or (all(part.isdigit() and int(part) <= HIGHEST_PORT for part in ends) and bool(ends))


def _is_prefix(text: str) -> bool:
    if TAG.fullmatch(text):
        return True
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return True
