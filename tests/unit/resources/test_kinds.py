"""What holds for every kind of resource: how an existing one is compared with the plan, and what a kind leaves out."""

import pytest

from dormouse.resources.kinds import (
    NONE,
    UPDATE,
    Change,
    Observed,
    ResourceKind,
    always_as_put,
    failed_or_as_put,
    id_of,
    provisioning_of,
)
from dormouse.resources.plan import Resource

ADDRESS = Resource("address", "public_address", "/subscriptions/s/pip")


@pytest.mark.parametrize(
    ("observed", "state"),
    [
        ({"properties": {"provisioningState": "Succeeded"}}, "succeeded"),
        ({"properties": {}}, ""),
        ({"properties": None}, ""),
        ({"name": "secret"}, ""),
    ],
)
def test_the_provisioning_state_is_in_lower_case_and_may_be_missing(observed: Observed, state: str) -> None:
    assert provisioning_of(observed) == state


@pytest.mark.parametrize(
    ("state", "change"),
    [("Succeeded", NONE), ("Failed", UPDATE), ("failed", UPDATE), ("Updating", NONE)],
)
def test_an_existing_resource_is_put_again_only_if_its_last_change_failed(state: str, change: Change) -> None:
    assert failed_or_as_put(ADDRESS, {"properties": {"provisioningState": state}}) is change


def test_some_resources_are_never_put_again() -> None:
    assert always_as_put(ADDRESS, {"properties": {"provisioningState": "Failed"}}) is NONE


def test_a_kind_without_capabilities_does_nothing_by_itself() -> None:
    kind = ResourceKind("plain", "Microsoft.Plain/things", "2024-01-01")
    assert (kind.power_state, kind.endpoints) == (None, None)
    assert (kind.outputs({}), kind.sizes(ADDRESS), kind.problem({})) == ({}, {}, "")
    assert kind.billing(ADDRESS, None) is None
    assert [*kind.implied(ADDRESS), *kind.takes_along(ADDRESS)] == []
    assert kind.probed is None
    assert (kind.needs_power, kind.suspends, kind.soft_deleted) == (False, False, False)
    assert kind.repeatable


def test_people_read_the_id_of_a_resource_unless_its_kind_has_another_label() -> None:
    assert id_of(ADDRESS) == ResourceKind("plain").label(ADDRESS) == ADDRESS.id
