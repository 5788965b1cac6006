import ipaddress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dormouse import serialization
from dormouse.blueprints.specs import WorkstationSpec, change_faults, read_spec, stored_spec
from dormouse.errors import InvalidSpec

MINIMAL = {"blueprint": "workstation", "region": "polandcentral"}


def read(name: str = "ml1", **body: Any) -> WorkstationSpec:
    return read_spec(name, {**MINIMAL, **body}, caller_address="203.0.113.7", caller="somebody")


def faults(name: str = "ml1", **body: Any) -> dict[str, str]:
    with pytest.raises(InvalidSpec) as caught:
        read(name, **body)
    return {fault.pointer: fault.detail for fault in caught.value.faults}


def test_a_minimal_spec_is_the_workstation_of_the_document() -> None:
    spec = read(region="Poland Central")
    assert spec.region == "polandcentral"
    assert spec.size == "Standard_NV6ads_A10_v5"
    assert (spec.image.publisher, spec.image.offer, spec.image.sku) == ("Canonical", "ubuntu-24_04-lts", "server")
    assert (spec.network.address_space, spec.network.subnet) == ("10.0.0.0/16", "10.0.0.0/28")
    assert spec.container == "deeplearning"
    assert spec.owner == "somebody"


def test_the_default_source_is_the_callers_own_address_and_nobody_elses() -> None:
    assert read().allow_from == ("203.0.113.7/32",)


def test_every_fault_is_named_at_once() -> None:
    found = faults(
        "Bad--Name-",
        size="Standard_NV6ads_A10_v6",
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


def test_a_misspelt_size_gets_a_suggestion() -> None:
    assert "Standard_NV6ads_A10_v5" in faults(size="Standard_NV6ads_A10_v6")["/size"]


@pytest.mark.parametrize("size", ["Standard_NC6", "Standard_NV6_Promo", "Standard_NC24rs_v3", "Standard_NV12s_v3"])
def test_a_retired_size_is_refused_with_its_successor(size: str) -> None:
    assert "use Standard_" in faults(size=size)["/size"]


def test_a_size_is_found_in_any_case() -> None:
    assert read(size="standard_nc4as_t4_v3").size == "Standard_NC4as_T4_v3"


@pytest.mark.parametrize(
    "source", ["*", "Internet", "any", "0.0.0.0/0", "::/0", "0.0.0.0/1", "128.0.0.0/1", "::/3", "2000::/3"]
)
def test_an_open_source_is_refused(source: str) -> None:
    assert set(faults(allow_from=[source])) == {"/allow_from/0"}


@given(st.ip_addresses(), st.integers(0, 128))
def test_no_source_that_is_accepted_opens_a_large_part_of_the_internet(address: Any, length: int) -> None:
    network = ipaddress.ip_network((address, min(length, address.max_prefixlen)), strict=False)
    try:
        accepted = read(allow_from=[str(network)]).allow_from
    except InvalidSpec:
        return
    opened = ipaddress.ip_network(accepted[0])
    assert opened.prefixlen >= (8 if opened.version == 4 else 32)


@pytest.mark.parametrize("name", ["a", "1ml", "Ml1", "ml_1", "ml1-", "m--l", "x" * 25, "", "ml 1"])
def test_a_name_that_azure_or_people_would_stumble_over_is_refused(name: str) -> None:
    assert "/name" in faults(name)


@pytest.mark.parametrize("name", ["ml", "ml1", "a-b-c", "x" * 24])
def test_a_plain_name_is_accepted(name: str) -> None:
    read(name)


def test_a_subnet_must_lie_in_its_network_and_have_room() -> None:
    assert "/network" in faults(network={"address_space": "10.0.0.0/16", "subnet": "10.1.0.0/28"})
    assert "/network" in faults(network={"address_space": "10.0.0.0/16", "subnet": "10.0.0.0/30"})


def test_a_public_network_is_no_private_network() -> None:
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
def test_a_region_is_a_plain_word(region: str) -> None:
    assert "/region" in faults(region=region)


def test_an_unknown_blueprint_is_named_beside_the_known_ones() -> None:
    assert "workstation" in faults(blueprint="spaceship")["/blueprint"]


def test_only_the_sources_can_change_in_place() -> None:
    old = read()
    assert change_faults(old, read(allow_from=["198.51.100.0/24"])) == []
    changed = change_faults(old, read(container="other", size="Standard_NC4as_T4_v3"))
    assert {fault.pointer for fault in changed} == {"/size", "/container"}


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
def test_a_policy_that_is_wrong_is_refused_in_our_own_words(idle: Any, pointer: str, says: str) -> None:
    found = faults(idle=idle)
    assert says in found[pointer]
    assert not any("Input should" in words for words in found.values())


def test_a_record_with_numbers_is_read_and_shown_as_people_write_it() -> None:
    spec = read(idle={"window": "1h30m", "lead": "0m", "gpu": "optional"})
    text = serialization.text_of(spec)
    assert '"window":90' in text
    assert serialization.read_text(WorkstationSpec, text) == spec
    shown = stored_spec(text)
    assert (shown["idle"]["window"], shown["idle"]["lead"], shown["idle"]["gpu"]) == ("1h30m", "0m", "optional")
    assert read_spec("ml1", shown, caller_address="", caller="somebody") == spec
    assert stored_spec(serialization.text_of(read()))["idle"] is None
