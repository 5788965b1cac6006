"""The activities for resources of every kind, over the requests of their kinds."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from activities.resources.generic import (
    begin_probe,
    change_resource_power,
    delete_resource,
    detach_resources,
    observe_resource,
    put_resource,
    read_outputs,
    read_probe,
    resume_resource,
    suspend_resource,
)
from dormouse.blueprints.catalog import plan_for
from dormouse.cloud.clients import Cloud
from dormouse.environments.answers import Answer, Checked, Done, Pending, Refused
from dormouse.environments.requests import DetachRequest, PollRequest, PowerRequest, PutRequest
from dormouse.environments.results import RefusalReason, ResourceStatus
from dormouse.lifecycle import State, Verb
from dormouse.resources.plan import Resource
from dormouse.resources.registry import KINDS, kind_of
from tests.unit.azure import NOT_FOUND, Azure, cloud_over
from tests.unit.builders import target, workstation_spec
from tests.unit.twins import SETTINGS

PLAN = plan_for(workstation_spec(), target())
VM, NIC, DRIVER, GROUP = (PLAN.resource(name) for name in ("vm", "nic", "driver", "group"))
URL = f"{SETTINGS.azure_resource_manager_url}/subscriptions/s/operations/1"
RUNNING = {"id": VM.id, "properties": {"instanceView": {"statuses": [{"code": "PowerState/running"}]}}}
OUTPUT = "dormouse-check gpu passed A10\ndormouse-check blob-mount waiting not mounted yet"


def asked(activity: Callable[[Any, Cloud], Awaitable[Any]], request: Any, azure: Azure) -> Any:
    """The result of an activity over this Azure."""

    async def ask() -> Any:
        return await activity(request, cloud_over(azure))

    return asyncio.run(ask())


@pytest.mark.parametrize("name", ["network", "firewall", "address", "nic", "storage", "container", "driver"])
def test_most_resources_are_put_by_their_id_with_their_body(name: str) -> None:
    azure, resource = Azure({}), PLAN.resource(name)
    assert asked(put_resource, PutRequest(resource), azure) == Done()
    assert (azure.asked, azure.sent) == ([f"PUT {resource.id}"], [resource.body])
    assert azure.versions == [kind_of(resource).api_version]


def test_an_extension_that_failed_runs_again_although_its_configuration_is_the_same() -> None:
    azure = Azure({})
    asked(put_resource, PutRequest(DRIVER, repeated=True), azure)
    (sent,) = azure.sent
    assert sent["properties"].pop("forceUpdateTag") == "0", "the moment: the clock of these tests stands still"
    assert sent == DRIVER.body


def test_a_long_request_is_pending_at_its_url() -> None:
    headers = {"Azure-AsyncOperation": URL, "Retry-After": "7"}
    azure = Azure({}, {f"PUT {NIC.id}": (201, {"properties": {"provisioningState": "Creating"}}, headers)})
    assert asked(put_resource, PutRequest(NIC), azure) == Pending(7.0, URL)


def test_a_refusal_is_an_answer_and_no_error() -> None:
    error = {"error": {"code": "SkuNotAvailable", "message": "no room"}}
    answer = asked(put_resource, PutRequest(NIC), Azure({}, {f"PUT {NIC.id}": (409, error, {})}))
    assert isinstance(answer, Refused)
    assert (answer.refusal.reason, answer.refusal.code) == (RefusalReason.NO_CAPACITY, "SkuNotAvailable")


@pytest.mark.parametrize("resource", [NIC, DRIVER, GROUP])
def test_to_delete_what_does_not_exist_succeeds(resource: Resource) -> None:
    path = resource.id.replace("resourceGroups", "resourcegroups") if resource is GROUP else resource.id
    gone = {**NOT_FOUND, "error": {"code": "ResourceGroupNotFound" if resource is GROUP else "ResourceNotFound"}}
    azure = Azure({}, {f"DELETE {path}": (404, gone, {})})
    assert asked(delete_resource, resource, azure) == Done()
    assert len(azure.asked) == 1


def test_a_locked_resource_is_not_deleted_silently() -> None:
    error = {"error": {"code": "ScopeLocked", "message": "locked"}}
    answer = asked(delete_resource, NIC, Azure({}, {f"DELETE {NIC.id}": (409, error, {})}))
    assert isinstance(answer, Refused)
    assert answer.refusal.code == "ScopeLocked"


def test_a_resource_is_observed_by_its_id_and_one_without_an_id_never_exists() -> None:
    azure = Azure({VM.id: RUNNING, NIC.id: {"id": NIC.id, "properties": {}}})
    seen = [asked(observe_resource, one, azure) for one in (VM, NIC, DRIVER, PLAN.resource("role"))]
    assert seen == [
        ResourceStatus("vm", True, state=State.RUNNING),
        ResourceStatus("nic", True),
        ResourceStatus("driver", False),
        ResourceStatus("role", False),
    ]
    assert not [request for request in azure.asked if "roleAssignments" in request]


def test_only_a_resource_with_a_body_is_compared_with_the_plan() -> None:
    azure = Azure({NIC.id: {"id": NIC.id, "properties": {"provisioningState": "Failed"}}})
    assert asked(observe_resource, NIC, azure).drifted
    assert not asked(observe_resource, NIC.recorded(), azure).drifted


def test_outputs_are_read_from_what_azure_shows() -> None:
    azure = Azure({VM.id: {**RUNNING, "identity": {"principalId": "p-1"}}})
    assert asked(read_outputs, VM, azure) == Done({"principal_id": "p-1"})
    missing = asked(read_outputs, VM, Azure({}))
    assert isinstance(missing, Refused)
    assert (missing.refusal.reason, VM.id in missing.refusal.detail) == (RefusalReason.NOT_FOUND, True)


NEITHER = [name for name, kind in KINDS.items() if not (kind.power_state or kind.suspends or kind.probed)]


@pytest.mark.parametrize("kind", NEITHER)
def test_what_a_kind_cannot_do_is_done_at_once_without_asking(kind: str) -> None:
    resource, azure = Resource("x", kind, "/x"), Azure({})
    for activity, request in (
        (change_resource_power, PowerRequest(resource, Verb.STOP)),
        (suspend_resource, resource),
        (resume_resource, resource),
        (begin_probe, resource),
        (detach_resources, DetachRequest(resource, ())),
    ):
        assert asked(activity, request, azure) == Done()
    assert azure.asked == []


def test_a_network_interface_is_detached_from_the_lifetime_of_its_vm() -> None:
    azure = Azure({}, {f"PATCH {VM.id}": (200, RUNNING, {})})
    assert asked(detach_resources, DetachRequest(VM, (NIC,)), azure) == Done()
    (body,) = azure.sent
    (card,) = body["properties"]["networkProfile"]["networkInterfaces"]
    assert (card["id"], card["properties"]["deleteOption"]) == (NIC.id, "Detach")


def test_a_vm_gets_the_size_in_its_settings() -> None:
    azure = Azure({}, {f"PATCH {VM.id}": (200, RUNNING, {})})
    larger = replace(VM.recorded(), settings={**VM.settings, "size": "Standard_NV12ads_A10_v5"})
    assert asked(put_resource, PutRequest(larger, update=True), azure) == Done()
    before = replace(larger, before={"size": VM.settings["size"]})
    assert asked(put_resource, PutRequest(before, update=True, revert=True), azure) == Done()
    sizes = [sent["properties"]["hardwareProfile"]["vmSize"] for sent in azure.sent]
    assert sizes == ["Standard_NV12ads_A10_v5", VM.settings["size"]]


def test_nothing_has_to_be_detached_from_a_vm_that_does_not_exist() -> None:
    azure = Azure({}, {f"PATCH {VM.id}": (404, NOT_FOUND, {})})
    assert asked(detach_resources, DetachRequest(VM, (NIC,)), azure) == Done()


def test_a_vm_without_a_setup_has_nothing_to_check() -> None:
    assert asked(begin_probe, VM.recorded(), Azure({})) == Done()


@pytest.mark.parametrize("wrapped", [True, False])
def test_the_results_of_a_health_check_are_read_when_its_script_has_ended(wrapped: bool) -> None:
    output: dict[str, Any] = {"value": [{"message": OUTPUT}]}
    body = {"status": "Succeeded", "properties": {"output": output}} if wrapped else output
    path = f"GET {URL.removeprefix(SETTINGS.azure_resource_manager_url)}"
    answer = asked(read_probe, PollRequest(URL, VM), Azure({}, {path: (200, body, {})}))
    assert isinstance(answer, Checked)
    assert ("gpu", "passed") in [(result.name, result.result) for result in answer.health_checks]


def test_a_health_check_that_still_runs_is_pending() -> None:
    path = f"GET {URL.removeprefix(SETTINGS.azure_resource_manager_url)}"
    answer: Answer = asked(read_probe, PollRequest(URL, VM), Azure({}, {path: (200, {"status": "InProgress"}, {})}))
    assert isinstance(answer, Pending)
