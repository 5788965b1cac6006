"""Networks of an environment: endpoints, rules of security groups and their drift, network interfaces."""

from typing import Any

import pytest

from dormouse.resources.kinds import NONE, UPDATE, Endpoint
from dormouse.resources.network import (
    NETWORK_INTERFACE,
    PUBLIC_ADDRESS,
    RDP,
    SECURITY_GROUP,
    SSH,
    network_interface,
    public_address,
    security_group,
    virtual_network,
)
from dormouse.resources.registry import kind_of
from tests.unit.builders import target

OFFICE, HOME = "203.0.113.0/24", "198.51.100.7/32"
FIREWALL = security_group(target(), [OFFICE], (RDP, SSH))


def shown(*rules: dict[str, Any], state: str = "Succeeded") -> dict[str, Any]:
    """A security group as Azure shows it."""
    return {"properties": {"provisioningState": state, "securityRules": list(rules)}}


def rule(port: int, place: int, **changes: Any) -> dict[str, Any]:
    """A rule as Azure shows it: with a state, an etag and both notations of sources and ports."""
    properties = {
        "provisioningState": "Succeeded",
        "priority": 1000 + 10 * place,
        "direction": "Inbound",
        "access": "Allow",
        "protocol": "TCP",
        "sourcePortRange": "*",
        "destinationPortRange": str(port),
        "destinationPortRanges": [],
        "sourceAddressPrefix": "",
        "sourceAddressPrefixes": [OFFICE],
        "destinationAddressPrefix": "*",
    }
    return {"name": f"rule-{port}", "etag": "1", "properties": {**properties, **changes}}


def test_endpoints_come_from_the_address_and_the_user_names_of_the_plan() -> None:
    address = public_address(target(), {"rdp": "azureuser", "ssh": "azureuser"})
    assert PUBLIC_ADDRESS.endpoints is not None
    outputs = PUBLIC_ADDRESS.outputs({"properties": {"ipAddress": "203.0.113.9"}})
    assert list(PUBLIC_ADDRESS.endpoints(address, outputs)) == [
        Endpoint("ssh", "203.0.113.9", 22, "ssh azureuser@203.0.113.9", "azureuser"),
        Endpoint("rdp", "203.0.113.9", 3389, "mstsc /v:203.0.113.9", "azureuser"),
    ]


def test_a_protocol_can_be_served_at_another_port() -> None:
    address = public_address(target(), {"https:8000": "ana", "ssh": "ana", "https": "bob"})
    assert PUBLIC_ADDRESS.endpoints is not None
    found = PUBLIC_ADDRESS.endpoints(address, {"address": "203.0.113.9"})
    assert [(one.kind, one.port, one.command) for one in found] == [
        ("ssh", 22, "ssh ana@203.0.113.9"),
        ("https", 8000, "https://203.0.113.9:8000"),
        ("https", 443, "https://203.0.113.9:443"),
    ]
    (rule,) = security_group(target(), [OFFICE], (8000,)).body["properties"]["securityRules"]
    assert rule["name"] == "Allow-8000"


def test_an_address_serves_only_the_protocols_of_its_plan() -> None:
    address = public_address(target(), {"ssh": "ann"})
    assert PUBLIC_ADDRESS.endpoints is not None
    (endpoint,) = PUBLIC_ADDRESS.endpoints(address, {"address": "203.0.113.9"})
    assert (endpoint.kind, endpoint.command) == ("ssh", "ssh ann@203.0.113.9")


@pytest.mark.parametrize("observed", [{}, {"properties": None}, {"properties": {}}, {"properties": {"ipAddress": None}}])
def test_without_an_address_there_are_no_endpoints(observed: dict[str, Any]) -> None:
    assert PUBLIC_ADDRESS.outputs(observed) == {}
    assert PUBLIC_ADDRESS.endpoints is not None
    assert list(PUBLIC_ADDRESS.endpoints(public_address(target(), {"ssh": "ann"}), {})) == []


def test_a_recorded_address_still_has_its_endpoints() -> None:
    recorded = public_address(target(), {"ssh": "ann"}).recorded()
    assert PUBLIC_ADDRESS.endpoints is not None
    assert len(PUBLIC_ADDRESS.endpoints(recorded, {"address": "203.0.113.9"})) == 1


@pytest.mark.parametrize(
    "rules",
    [
        (rule(RDP, 0), rule(SSH, 1)),
        (rule(SSH, 1), rule(RDP, 0)),
        (rule(RDP, 0, sourceAddressPrefix=OFFICE, sourceAddressPrefixes=[]), rule(SSH, 1)),
        (rule(RDP, 0, destinationPortRange="", destinationPortRanges=["3389"]), rule(SSH, 1)),
        (rule(RDP, 0, destinationPortRange=None, destinationPortRanges=["3389"], sourceAddressPrefix=None), rule(SSH, 1)),
    ],
)
def test_a_security_group_with_the_same_effect_has_not_drifted(rules: tuple[dict[str, Any], ...]) -> None:
    assert SECURITY_GROUP.diff(FIREWALL, shown(*rules)) is NONE


@pytest.mark.parametrize(
    "rules",
    [
        (),
        (rule(RDP, 0),),
        (rule(RDP, 0), rule(SSH, 1), rule(80, 2)),
        (rule(RDP, 0, sourceAddressPrefixes=["*"]), rule(SSH, 1)),
        (rule(RDP, 0, sourceAddressPrefixes=[OFFICE, HOME]), rule(SSH, 1)),
        (rule(RDP, 0, destinationPortRange="*"), rule(SSH, 1)),
        (rule(RDP, 0, access="Deny"), rule(SSH, 1)),
        (rule(RDP, 0, direction="Outbound"), rule(SSH, 1)),
        (rule(RDP, 0, protocol="*"), rule(SSH, 1)),
        (rule(RDP, 0, priority=100), rule(SSH, 1)),
    ],
)
def test_a_security_group_with_another_effect_is_put_again(rules: tuple[dict[str, Any], ...]) -> None:
    assert SECURITY_GROUP.diff(FIREWALL, shown(*rules)) is UPDATE


def test_a_security_group_whose_last_change_failed_is_put_again() -> None:
    assert SECURITY_GROUP.diff(FIREWALL, shown(rule(RDP, 0), rule(SSH, 1), state="Failed")) is UPDATE


def test_every_open_port_has_a_rule_with_a_priority_of_its_own() -> None:
    rules = security_group(target(), [OFFICE, HOME], (RDP, SSH)).body["properties"]["securityRules"]
    assert [(one["name"], one["properties"]["priority"]) for one in rules] == [("Allow-RDP", 1000), ("Allow-SSH", 1010)]
    assert all(one["properties"]["sourceAddressPrefixes"] == [OFFICE, HOME] for one in rules)


@pytest.mark.parametrize(("instance", "suffix"), [("", ""), ("a", "-a")])
def test_a_network_interface_uses_the_network_the_firewall_and_its_own_address(instance: str, suffix: str) -> None:
    place = target()
    network, address = virtual_network(place, "10.0.0.0/16", "10.0.0.0/28"), public_address(place, {}, instance)
    nic = network_interface(place, instance)
    (configuration,) = nic.body["properties"]["ipConfigurations"]
    assert (nic.name, address.name) == (f"nic{suffix}", f"address{suffix}")
    assert nic.needs == ("network", "firewall", address.name)
    assert configuration["properties"]["publicIPAddress"]["id"] == address.id
    assert configuration["properties"]["subnet"]["id"] == f"{network.id}/subnets/subnet-ml1"
    assert network.body["properties"]["subnets"][0]["name"] == "subnet-ml1"
    assert nic.body["properties"]["networkSecurityGroup"]["id"] == FIREWALL.id
    assert kind_of(nic) is NETWORK_INTERFACE


def test_everything_in_the_group_goes_with_the_group() -> None:
    place = target()
    for resource in (virtual_network(place, "10.0.0.0/16", "10.0.0.0/28"), FIREWALL, public_address(place, {})):
        assert (resource.needs, resource.contained_in) == (("group",), "group")
    assert network_interface(place).contained_in == "group"
