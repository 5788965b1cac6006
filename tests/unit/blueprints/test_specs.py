import ipaddress
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dormouse import serialization
from dormouse.blueprints.specs import change_faults, read_spec, stored_spec
from dormouse.blueprints.workstation import WorkstationSpec
from dormouse.errors import InvalidSpec
from tests.support import ROOT

MINIMAL = {"blueprint": "workstation", "region": "polandcentral"}


def read(name: str = "ml1", *, address: str = "203.0.113.7", **body: Any) -> WorkstationSpec:
    found = read_spec(name, {**MINIMAL, **body}, caller_address=address, caller="somebody")
    assert isinstance(found, WorkstationSpec)
    return found


def faults(name: str = "ml1", *, address: str = "203.0.113.7", **body: Any) -> dict[str, str]:
    with pytest.raises(InvalidSpec) as caught:
        read(name, address=address, **body)
    return {fault.pointer: fault.detail for fault in caught.value.faults}


def test_a_minimal_spec_has_the_documented_defaults() -> None:
    spec = read(region="Poland Central")
    assert spec.region == "polandcentral"
    assert spec.size == "Standard_NV6ads_A10_v5"
    assert (spec.image.publisher, spec.image.offer, spec.image.sku) == ("Canonical", "ubuntu-24_04-lts", "server")
    assert (spec.network.address_space, spec.network.subnet) == ("10.0.0.0/16", "10.0.0.0/28")
    assert spec.container == "deeplearning"
    assert spec.owner == "somebody"


def test_the_default_source_is_only_the_callers_address() -> None:
    assert read().allow_from == ("203.0.113.7/32",)


def test_every_error_is_reported_at_once() -> None:
    found = faults(
        "Bad--Name-",
        size="NV6ads_A10_v5",
        network={"address_space": "10.0.0.0/33"},
        allow_from=["*", "0.0.0.0/0"],
        container="No",
        admin_username="root",
        colour="red",
    )
    assert set(found) == {
        "/name",
        "/size",
        "/network/address_space",
        "/allow_from/0",
        "/allow_from/1",
        "/container",
        "/admin_username",
        "/colour",
    }


@pytest.mark.parametrize("blueprint", ["workstation", "data-science", "build-agent"])
def test_no_machine_with_a_gpu_can_be_asked_to_boot_securely(blueprint: str) -> None:
    example = json.loads((ROOT / "examples" / f"{blueprint}.json").read_text())
    with pytest.raises(InvalidSpec) as caught:
        read_spec("ml1", {**example, "secure_boot": True}, caller_address="203.0.113.7", caller="alice")
    (fault,) = caught.value.faults
    assert (fault.pointer, fault.detail.partition(";")[0]) == ("/secure_boot", "is an unknown field")


@pytest.mark.parametrize("size", ["Standard_NC6", "Standard_NV6_Promo", "Standard_NC24rs_v3", "Standard_NV12s_v3"])
def test_a_retired_size_is_refused_with_its_successor(size: str) -> None:
    assert "use Standard_" in faults(size=size)["/size"]


def test_a_size_is_found_in_any_case() -> None:
    assert read(size="standard_nc4as_t4_v3").size == "Standard_NC4as_T4_v3"


@pytest.mark.parametrize(
    "source", ["*", "Internet", "any", "0.0.0.0/0", "::/0", "0.0.0.0/1", "128.0.0.0/1", "::/3", "2000::/3"]
)
def test_a_source_open_to_everyone_is_rejected(source: str) -> None:
    assert set(faults(allow_from=[source])) == {"/allow_from/0"}


@given(st.ip_addresses(), st.integers(0, 128))
def test_no_accepted_source_opens_a_large_part_of_the_internet(address: Any, length: int) -> None:
    network = ipaddress.ip_network((address, min(length, address.max_prefixlen)), strict=False)
    try:
        accepted = read(allow_from=[str(network)]).allow_from
    except InvalidSpec:
        return
    opened = ipaddress.ip_network(accepted[0])
    assert opened.prefixlen >= (8 if opened.version == 4 else 32)


@pytest.mark.parametrize("name", ["a", "1ml", "Ml1", "ml_1", "ml1-", "m--l", "x" * 25, "", "ml 1"])
def test_an_invalid_or_confusing_name_is_rejected(name: str) -> None:
    assert "/name" in faults(name)


@pytest.mark.parametrize("name", ["ml", "ml1", "a-b-c", "x" * 24])
def test_a_plain_name_is_accepted(name: str) -> None:
    read(name)


def test_a_subnet_must_lie_in_its_network_and_have_free_addresses() -> None:
    assert "/network/subnet" in faults(network={"address_space": "10.0.0.0/16", "subnet": "10.1.0.0/28"})
    assert "/network/subnet" in faults(network={"address_space": "10.0.0.0/16", "subnet": "10.0.0.0/30"})
    assert "/network/subnet" in faults(network={"address_space": "192.168.0.0/16"}), "also the default subnet"


@pytest.mark.parametrize(
    "network",
    [
        {"subnet": "10.0.0.0/30", "colour": "red"},
        {"subnet": "10.0.0.0/30", "address_space": 5},
        {"subnet": "10.0.0.0/30", "address_space": "8.8.0.0/16", "x": 1},
    ],
)
def test_a_subnet_that_is_too_small_is_reported_beside_other_errors(network: dict[str, Any]) -> None:
    found = faults(network=network, size="x", python_packages=["a b"])
    assert "too small" in found["/network/subnet"]
    assert {"/size", "/python_packages/0", *(f"/network/{name}" for name in network)} == set(found)


def test_too_many_entries_hide_no_fault_of_a_single_one() -> None:
    sources = [f"203.0.113.{number}/32" for number in range(25)]
    found = faults(allow_from=[*sources, "nowhere"])
    assert "at most 20 entries and has 26" in found["/allow_from"]
    assert "'nowhere'" in found["/allow_from/25"]
    assert set(faults(allow_from=sources)) == {"/allow_from"}
    packages = faults(python_packages=["numpy"] * 50 + ["a b", "-r x"])
    assert set(packages) == {"/python_packages", "/python_packages/50", "/python_packages/51"}


def test_a_misspelt_blueprint_hides_no_other_fault() -> None:
    found = faults("Bad--", blueprint="workstaton", region="no where!", owner="a\nb", size="x")
    assert set(found) == {"/name", "/blueprint", "/region", "/owner"}
    with pytest.raises(InvalidSpec) as caught:
        read_spec("ml1", {}, caller_address="203.0.113.7", caller="somebody")
    assert [(fault.pointer, fault.detail[:10]) for fault in caught.value.faults] == [
        ("/blueprint", "is missing"),
        ("/region", "is missing"),
    ]


def test_a_public_address_space_is_rejected() -> None:
    assert "/network/address_space" in faults(network={"address_space": "8.8.0.0/16", "subnet": "8.8.0.0/28"})


@pytest.mark.parametrize("package", ["torch; rm -rf /", "$(id)", "a b", "--index-url=x", "numpy && id", "x'y"])
def test_a_package_name_cannot_carry_a_command(package: str) -> None:
    assert "/python_packages/0" in faults(python_packages=[package])


@pytest.mark.parametrize(
    "key", ["ssh-rsa", "ssh-rsa short", "-----BEGIN PRIVATE KEY-----", "ssh-dss " + "A" * 60, "ssh-rsa " + "A" * 68]
)
def test_only_public_ssh_keys_are_accepted(key: str) -> None:
    assert "/ssh_public_key" in faults(ssh_public_key=key)


@pytest.mark.parametrize("region", ["Poland!Central", "", "x' or 1 eq 1", "../x"])
def test_an_invalid_region_name_is_rejected(region: str) -> None:
    assert "/region" in faults(region=region)


def test_an_unknown_blueprint_is_rejected_with_the_known_ones() -> None:
    assert "workstation" in faults(blueprint="spaceship")["/blueprint"]


def test_only_some_fields_can_change_in_place_and_each_other_one_is_named() -> None:
    old = read()
    assert change_faults(old, read(allow_from=["198.51.100.0/24"], size="Standard_NC4as_T4_v3", disk={"size_gib": 99})) == []
    changed = change_faults(old, read(container="other", image={"sku": "minimal"}, network={"subnet": "10.0.1.0/28"}))
    assert {fault.pointer for fault in changed} == {"/container", "/image/sku", "/network/subnet"}
    assert (
        "`allow_from`, `disk`, `fallback`, `forget`, `forget_after`, `hibernation`, `idle`, `max_hourly_cost`, "
        "`monthly_budget`, `on_budget`, `on_eviction`, `schedule`, `size` and `stack` can be" in changed[0].detail
    )


@pytest.mark.parametrize(
    ("idle", "pointer", "says"),
    [
        ({"window": 45}, "/idle/window", "'45' has no unit; write 45h for hours or 45m for minutes"),
        ({"lead": 10.0}, "/idle/lead", "'10' has no unit"),
        ({"grace": "30"}, "/idle/grace", "'30' has no unit"),
        ({"window": [45]}, "/idle/window", "must be a duration like 45m, 2h30m or 1d"),
        ({"window": "4m"}, "/idle/window", "must be between 5m and 6h"),
        ({"cpu_cores": float("inf")}, "/idle/cpu_cores", "must be a finite number"),
        ({"cpu_cores": float("nan")}, "/idle/cpu_cores", "must be a finite number"),
        ({"network_bytes_per_second": float("inf")}, "/idle/network_bytes_per_second", "must be a finite number"),
        ({"gpu_percent": 0}, "/idle/gpu_percent", "must be more than 0"),
        ({"cpu_cores": "many"}, "/idle/cpu_cores", "must be a number"),
        ({"enabled": "perhaps"}, "/idle/enabled", "must be true or false"),
        ({"action": "sleep"}, "/idle/action", "'sleep' is not one of 'deallocate', 'hibernate', 'notify'"),
        ({"windwo": "45m"}, "/idle/windwo", "is an unknown field; did you mean 'window'?"),
        ("off", "/idle", "must be a JSON object"),
    ],
)
def test_an_invalid_policy_is_rejected_with_a_readable_message(idle: Any, pointer: str, says: str) -> None:
    found = faults(idle=idle)
    assert says in found[pointer]
    assert not any("Input should" in words for words in found.values())


def test_durations_stored_as_minutes_are_shown_with_units() -> None:
    spec = read(idle={"window": "1h30m", "lead": "0m", "gpu": "optional"})
    text = serialization.text_of(spec)
    assert '"window":90' in text
    assert serialization.read_text(WorkstationSpec, text) == spec
    shown = stored_spec(text)
    assert (shown["idle"]["window"], shown["idle"]["lead"], shown["idle"]["gpu"]) == ("1h30m", "0m", "optional")
    assert read_spec("ml1", shown, caller_address="", caller="somebody") == spec
    assert stored_spec(serialization.text_of(read()))["idle"] is None


@pytest.mark.parametrize("address", ["2001:db8::1", "fe80::1%eth0", "::", "2001:db8::1:443"])
def test_a_caller_with_an_ipv6_address_could_not_reach_the_machine(address: str) -> None:
    assert "send the request over IPv4" in faults(address=address)["/allow_from"]
    assert read(address=address, allow_from=["198.51.100.0/24"]).allow_from == ("198.51.100.0/24",)


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("10.1.2.3", "a private address"),
        ("172.16.0.1", "a private address"),
        ("192.168.1.1", "a private address"),
        ("100.64.0.1", "a shared address of a carrier"),
        ("169.254.1.1", "a link-local address"),
        ("0.0.0.0", "an unspecified address"),
        ("224.0.0.1", "a multicast address"),
        ("255.255.255.255", "a reserved address"),
    ],
)
def test_a_caller_without_a_public_address_could_not_reach_the_machine(address: str, kind: str) -> None:
    assert kind in faults(address=address)["/allow_from"]
    assert "list the public networks" in faults(address=address)["/allow_from"]


def test_a_control_plane_on_ones_own_computer_sees_the_loopback_address() -> None:
    assert read(address="127.0.0.1").allow_from == ("127.0.0.1/32",)


@pytest.mark.parametrize("source", ["2001:db8:10::7/128", "2001:db8::/32", "2001:db8::1", "fe80::1%eth0"])
def test_an_ipv6_source_could_not_reach_the_machine(source: str) -> None:
    for sources in ([source], ["198.51.100.7/32", source]):
        found = faults(allow_from=sources)[f"/allow_from/{len(sources) - 1}"]
        assert "IPv4 address only; list IPv4 networks" in found


def test_private_networks_may_be_listed_because_networks_can_be_peered() -> None:
    assert read(allow_from=["10.1.0.0/16"]).allow_from == ("10.1.0.0/16",)


def test_sources_within_others_are_left_out() -> None:
    allowed = ["198.51.100.7/32", "198.51.100.0/24", "198.51.100.0/24", "caller", "203.0.113.7"]
    assert read(allow_from=allowed).allow_from == ("198.51.100.0/24", "203.0.113.7/32")


@pytest.mark.parametrize(
    ("body", "pointer", "words"),
    [
        ({"size": "Standard_D4ps_v5"}, "/size", "Arm64"),
        ({"size": "Standard_E8pds_v5"}, "/size", "Arm64"),
        ({"size": "Standard_D4_v3"}, "/size", "generation 2"),
        ({"size": "Standard_D4_v5", "disk": {"type": "Premium_LRS"}}, "/disk/type", "Premium_LRS"),
        ({"size": "Standard_F8ams_v6", "disk": {"type": "Premium_LRS"}}, "", ""),
        ({"size": "Standard_D4_v5"}, "", ""),
        ({"size": "Standard_D4s_v3", "disk": {"type": "Premium_LRS"}}, "", ""),
        ({"size": "Standard_NC4as_T4_v3", "disk": {"type": "Premium_LRS"}}, "", ""),
    ],
)
def test_size_and_disk_must_fit_together(body: dict[str, Any], pointer: str, words: str) -> None:
    if pointer:
        assert words in faults(**body)[pointer]
    else:
        read(**body)


def test_what_does_not_fit_is_reported_beside_invalid_fields() -> None:
    found = faults(address="2001:db8::1", size="Standard_D4_v5", disk={"type": "Premium_LRS"}, region="x", container="No")
    assert set(found) == {"/region", "/container", "/allow_from", "/disk/type"}
    assert set(faults(size="Standard_D4ps_v5", disk={"size_gib": 1})) == {"/size", "/disk/size_gib"}
