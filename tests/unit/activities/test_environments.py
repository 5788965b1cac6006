"""Environments as Azure shows them: their state, the ways into them, and their outputs for others."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from activities.resources.environments import (
    EnvironmentInventory,
    EnvironmentObservation,
    ObservedResource,
    has_power,
    watched_in,
)
from dormouse.environments.operations import EnvironmentRecord
from dormouse.lifecycle import State
from dormouse.resources.kinds import PriceQuery
from dormouse.resources.plan import Resource
from tests.unit.azure import Azure, cloud_over
from tests.unit.builders import environment_record

RECORD = environment_record()
BY_NAME = {resource.name: resource for resource in RECORD.resources}
GROUP = {BY_NAME["group"].id: {"id": BY_NAME["group"].id, "properties": {"provisioningState": "Succeeded"}}}
GRAPH = "POST /providers/Microsoft.ResourceGraph/resources"
A10 = "Standard_NV6ads_A10_v5"


def vm(state: str = "running", resource: Resource = BY_NAME["vm"], **properties: Any) -> dict[str, Any]:
    """A VM as Azure Compute shows it."""
    view = {"statuses": [{"code": f"PowerState/{state}"}]}
    known = {"hardwareProfile": {"vmSize": A10}, "instanceView": view, **properties}
    return {resource.id: {"id": resource.id, "properties": known}}


def address(ip: str = "203.0.113.9") -> dict[str, Any]:
    resource = BY_NAME["address"]
    return {resource.id: {"id": resource.id, "properties": {"ipAddress": ip}}}


def observed(shows: Mapping[str, Any], record: EnvironmentRecord = RECORD) -> EnvironmentObservation:
    return asyncio.run(EnvironmentInventory(cloud_over(Azure(shows))).observe(record))


def with_resources(*resources: Resource) -> EnvironmentRecord:
    return replace(RECORD, resources=resources)


def without_power() -> EnvironmentRecord:
    """An environment of a network and a storage account with a container, in a group."""
    return with_resources(*(BY_NAME[name] for name in ("group", "network", "storage", "container", "password")))


def shown(*names: str) -> dict[str, Any]:
    return {BY_NAME[name].id: {"id": BY_NAME[name].id, "properties": {}} for name in names}


def test_a_running_environment_shows_its_machine_its_price_and_the_ways_into_it() -> None:
    seen = observed({**GROUP, **vm(), **address()})
    assert (seen.state, seen.fresh, seen.problem) == (State.RUNNING, True, "")
    assert {one.name: one for one in seen.resources} == {
        "address": ObservedResource("address", "public_address", BY_NAME["address"].id),
        "vm": ObservedResource("vm", "virtual_machine", BY_NAME["vm"].id, State.RUNNING, PriceQuery(A10), False),
    }
    assert [(endpoint.kind, endpoint.command) for endpoint in seen.endpoints] == [
        ("ssh", "ssh azureuser@203.0.113.9"),
        ("rdp", "mstsc /v:203.0.113.9"),
    ]


@pytest.mark.parametrize(
    ("shows", "state"),
    [
        ({**GROUP, **vm("deallocated"), **address()}, State.STOPPED),
        ({**GROUP, **vm("stopped"), **address()}, State.STOPPED_BILLED),
        ({**GROUP, **address()}, State.INCOMPLETE),
        (GROUP, State.INCOMPLETE),
        (vm(), State.RUNNING),
        ({}, State.ABSENT),
    ],
)
def test_the_state_of_an_environment_is_that_of_its_machine(shows: dict[str, Any], state: State) -> None:
    assert observed(shows).state is state


@pytest.mark.parametrize(
    ("states", "kept"),
    [
        (["hibernated"], True),
        (["deallocated"], False),
        (["running"], None),
        (["hibernated", "running"], True),
        (["hibernated", "deallocated"], False),
        (["hibernated", "hibernated"], True),
    ],
)
def test_an_environment_is_hibernated_if_whatever_is_stopped_in_it_keeps_its_memory(
    states: Sequence[str], kept: bool | None
) -> None:
    machines = [replace(BY_NAME["vm"], name=f"vm-{place}", id=f"{BY_NAME['vm'].id}-{place}") for place in range(len(states))]
    shows = dict(GROUP)
    for machine, state in zip(machines, states, strict=True):
        codes = (
            ["PowerState/deallocated", "HibernationState/Hibernated"] if state == "hibernated" else [f"PowerState/{state}"]
        )
        shows |= vm(resource=machine, instanceView={"statuses": [{"code": code} for code in codes]})
    assert observed(shows, with_resources(BY_NAME["group"], *machines)).hibernated is kept


@pytest.mark.parametrize(
    ("states", "state"),
    [
        (("running", "running"), State.RUNNING),
        (("running", "deallocated"), State.PARTIAL),
        (("running", ""), State.INCOMPLETE),
        (("", ""), State.INCOMPLETE),
    ],
)
def test_several_machines_make_one_state(states: Sequence[str], state: State) -> None:
    machines = [replace(BY_NAME["vm"], name=f"vm-{place}", id=f"{BY_NAME['vm'].id}-{place}") for place in range(len(states))]
    shows = dict(GROUP)
    for machine, power in zip(machines, states, strict=True):
        shows |= vm(power, machine) if power else {}
    seen = observed(shows, with_resources(BY_NAME["group"], *machines))
    assert seen.state is state
    assert [one.name for one in seen.resources] == ["vm-0", "vm-1"]


@pytest.mark.parametrize(
    ("shows", "state"),
    [
        ({**GROUP, **shown("network", "storage", "container")}, State.READY),
        ({**GROUP, **shown("network", "storage")}, State.INCOMPLETE),
        (GROUP, State.INCOMPLETE),
        ({}, State.ABSENT),
    ],
)
def test_an_environment_without_power_is_ready_when_all_of_it_exists(shows: dict[str, Any], state: State) -> None:
    seen = observed(shows, without_power())
    assert seen.state is state
    assert [(one.name, one.state, one.billing) for one in seen.resources] == [
        ("network", None, None),
        ("storage", None, None),
        ("container", None, None),
    ]


def test_only_environments_with_a_machine_have_power() -> None:
    assert has_power(RECORD.resources)
    assert not has_power(without_power().resources)
    assert [one.name for one in watched_in(RECORD)] == [
        one.name for one in RECORD.resources if one.name in ("vm", "address")
    ]


def test_the_failure_of_a_machine_is_the_problem_of_its_environment() -> None:
    failed = {"code": "ProvisioningState/failed/AllocationFailed", "message": "No capacity."}
    seen = observed({**GROUP, **vm(instanceView={"statuses": [failed, {"code": "PowerState/deallocated"}]})})
    assert (seen.state, seen.problem) == (State.STOPPED, "No capacity.")


def row(resource: Resource, **properties: Any) -> dict[str, Any]:
    """A resource as Resource Graph shows it, which capitalizes IDs in a way of its own."""
    return {"id": resource.id.replace("resourceGroups", "resourcegroups").upper(), "type": "t", "properties": properties}


def listed(records: Sequence[EnvironmentRecord], *rows: dict[str, Any]) -> tuple[dict[str, EnvironmentObservation], Azure]:
    answer = {"totalRecords": len(rows), "count": len(rows), "resultTruncated": "false", "data": list(rows)}
    azure = Azure({}, {GRAPH: (200, answer, {})})
    return asyncio.run(EnvironmentInventory(cloud_over(azure)).observe_all(records)), azure


def test_many_environments_are_seen_with_one_query_by_their_recorded_ids() -> None:
    other, gone = environment_record("ml2"), environment_record("ml3")
    second = next(resource for resource in other.resources if resource.name == "vm")
    stopped = {"extended": {"instanceView": {"powerState": {"code": "PowerState/deallocated"}}}}
    running = {
        "extended": {"instanceView": {"powerState": {"code": "PowerState/running"}}},
        "hardwareProfile": {"vmSize": A10},
    }
    rows = [row(BY_NAME["vm"], **running), row(BY_NAME["address"], ipAddress="203.0.113.9"), row(second, **stopped)]
    seen, azure = listed([RECORD, other, gone], *rows)
    assert {name: (one.state, one.fresh) for name, one in seen.items()} == {
        "ml1": (State.RUNNING, False),
        "ml2": (State.STOPPED, False),
    }
    assert seen["ml2"].hibernated is None, "Resource Graph does not say it"
    assert [endpoint.host for endpoint in seen["ml1"].endpoints] == ["203.0.113.9", "203.0.113.9"]
    (question,) = azure.sent
    assert "'rg-dormouse-ml1', 'rg-dormouse-ml2', 'rg-dormouse-ml3'" in question["query"]
    assert "microsoft.compute/virtualmachines" in question["query"]
    assert "tags" not in question["query"], "anyone may set a tag"


def test_what_resource_graph_does_not_list_makes_no_environment_incomplete() -> None:
    seen, _ = listed([without_power()], row(BY_NAME["network"]), row(BY_NAME["storage"]))
    assert seen["ml1"].state is State.READY
    assert [one.name for one in seen["ml1"].resources] == ["network", "storage"]
    assert listed([without_power()], row(BY_NAME["network"]))[0]["ml1"].state is State.INCOMPLETE


def test_no_environments_are_no_query() -> None:
    seen, azure = listed([])
    assert (seen, azure.asked) == ({}, [])


def test_others_get_the_outputs_and_the_ids_of_what_exists() -> None:
    machine = vm()
    machine[BY_NAME["vm"].id]["identity"] = {"principalId": "p-1"}
    azure = Azure({**GROUP, **machine, **address()})
    assert asyncio.run(EnvironmentInventory(cloud_over(azure)).outputs(RECORD)) == {
        "group": {"id": BY_NAME["group"].id},
        "address": {"id": BY_NAME["address"].id, "address": "203.0.113.9"},
        "vm": {"id": BY_NAME["vm"].id, "principal_id": "p-1"},
    }
