"""The two registries of resource kinds agree, and the simulated Azure serves every kind in them."""

import pytest

from activities.resources.registry import API
from dormouse.blueprints.catalog import plan_for
from dormouse.resources.kinds import ResourceKind
from dormouse.resources.plan import Plan, Resource
from dormouse.resources.registry import KINDS, kind_of, with_changeable_parts, with_implied
from local.azure.core.handlers import SERVED
from local.azure.core.versions import TYPES
from local.azure.providers.kinds import GROUP
from tests.unit.builders import target, workstation_spec

MANAGED = [name for name, kind in KINDS.items() if kind.type]
PLAIN = ResourceKind("plain")


def plan() -> Plan:
    return plan_for(workstation_spec(), target())


def test_every_kind_has_requests_and_every_request_has_a_kind() -> None:
    assert set(KINDS) == set(API)
    assert all(name == kind.name for name, kind in KINDS.items())


@pytest.mark.parametrize("name", KINDS)
def test_a_kind_has_the_requests_for_its_capabilities_and_no_others(name: str) -> None:
    kind, api = KINDS[name], API[name]
    assert (kind.power_state is not None) == (api.power is not None)
    assert (kind.probed is not None) == (api.probe is not None)
    assert kind.suspends == (api.suspend is not None) == (api.resume is not None)
    assert (kind.takes_along is not PLAIN.takes_along) == (api.detach is not None)
    assert not kind.resizable or api.update is not None
    listed_with_the_passwords = name == "generated_secret"
    assert kind.soft_deleted == (api.soft_delete is not None or listed_with_the_passwords)
    assert kind.snapshots == (api.snapshot is not None)
    assert kind.rotatable == (api.rotation is not None)
    assert bool(kind.scripted_field) == (api.read_put is not None)
    assert (kind.login_secrets is not PLAIN.login_secrets) == (api.login is not None)
    if api.update:
        assert not kind.repeatable, "an update is made property by property, and only where the kind names differences"


@pytest.mark.parametrize("name", MANAGED)
def test_the_simulated_azure_serves_every_kind_that_azure_resource_manager_manages(name: str) -> None:
    kind = KINDS[name]
    assert kind.type in TYPES
    assert kind.type == GROUP or kind.type.lower() in SERVED  # groups have routes of their own


@pytest.mark.parametrize("name", MANAGED)
def test_a_kind_that_azure_resource_manager_manages_has_an_api_version(name: str) -> None:
    kind = KINDS[name]
    assert kind.api_version
    assert kind.type == GROUP or kind.api_version in TYPES[kind.type]["known"]  # groups have a client with its own version


def test_no_two_kinds_have_the_same_resource_type() -> None:
    types = [KINDS[name].type.lower() for name in MANAGED]
    assert len(types) == len(set(types))


def test_what_azure_creates_along_comes_after_its_resource_in_a_plan_that_compares_it_and_before_it_in_records() -> None:
    compared = with_changeable_parts(plan())
    names = [resource.name for resource in compared.resources]
    assert names[names.index("vm") + 1] == "vm-disk"
    assert compared.resource("vm-disk").needs == ("vm",)
    assert with_implied(compared) == with_implied(plan())


def test_a_kind_that_this_release_does_not_know_is_an_error() -> None:
    with pytest.raises(KeyError):
        kind_of(Resource("x", "quantum_computer"))


def test_what_azure_creates_along_with_a_resource_is_recorded_before_it() -> None:
    recorded = with_implied(plan())
    names = [resource.name for resource in recorded]
    assert names.index("vm-disk") == names.index("vm") - 1
    assert set(names) - {resource.name for resource in plan().resources} == {"vm-disk"}


def test_recorded_resources_have_no_bodies_and_no_guest_setups() -> None:
    assert plan().resource("vm").body
    assert plan().resource("vm").setup is not None
    assert all((resource.body, resource.setup) == ({}, None) for resource in with_implied(plan()))
