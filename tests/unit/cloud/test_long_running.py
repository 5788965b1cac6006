from datetime import UTC, datetime
from email.utils import format_datetime
from functools import partial
from typing import Any

import pytest

from dormouse.cloud import long_running
from dormouse.cloud.long_running import LONGEST_PAUSE, PAUSE_AFTER_TROUBLE, pause
from dormouse.environments.answers import Answer, Done, Pending, Refused
from dormouse.environments.results import Refusal, RefusalReason

NOW = 1_800_000_000.0
answer_of_poll, answer_of_start, answer_of_error = (
    partial(read, now=NOW)
    for read in (long_running.answer_of_poll, long_running.answer_of_start, long_running.answer_of_error)
)
URL = "https://management.azure.com/operations/1"


def pending(answer: Answer) -> Pending:
    assert isinstance(answer, Pending)
    return answer


def refusal(answer: Answer) -> Refusal:
    assert isinstance(answer, Refused)
    return answer.refusal


def error(code: str, message: str = "because") -> dict[str, Any]:
    return {"error": {"code": code, "message": message}}


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "17"}, 17.0),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after-ms": "1500", "Retry-After": "9"}, 1.5),
        ({"x-ms-retry-after-ms": "250"}, 0.25),
        ({"Retry-After": "nonsense"}, 0.0),
        ({"Retry-After": "999999"}, LONGEST_PAUSE),
        ({}, 0.0),
    ],
)
def test_three_headers_can_give_the_delay(headers: dict[str, str], seconds: float) -> None:
    assert pause(headers, NOW) == seconds


def test_retry_after_can_be_a_date() -> None:
    later = datetime.fromtimestamp(NOW + 60, UTC)
    assert pause({"Retry-After": format_datetime(later, usegmt=True)}, NOW) == 60.0


def test_an_accepted_request_is_polled_at_azure_async_operation() -> None:
    headers = {"Azure-AsyncOperation": URL, "Location": "elsewhere", "Retry-After": "10"}
    assert answer_of_start(201, headers, {"properties": {}}) == Pending(10.0, URL)


def test_an_accepted_request_without_it_is_polled_at_location() -> None:
    assert answer_of_start(202, {"Location": URL, "Retry-After": "17"}, None) == Pending(17.0, URL)


def test_a_resource_that_succeeded_at_once_is_done_whatever_the_headers() -> None:
    body = {"properties": {"provisioningState": "Succeeded"}}
    assert answer_of_start(200, {"Azure-AsyncOperation": URL}, body) == Done()
    assert answer_of_start(204, {}, None) == Done()


@pytest.mark.parametrize("state", ["InProgress", "Running", "Updating", "Accepted"])
def test_a_running_operation_is_polled_again(state: str) -> None:
    assert answer_of_poll(URL, 200, {"Retry-After": "30"}, {"status": state}) == Pending(30.0, URL)


def test_a_changed_location_is_followed() -> None:
    assert pending(answer_of_poll(URL, 202, {"Location": URL + "2"}, None)).url == URL + "2"


@pytest.mark.parametrize(
    "state",
    [
        "ProvisioningControlPlane",
        "CreatingAgentPools: 0/1 nodes completed",
        "RollingUpgradeUpgradingNodes: 0/1 nodes completed; 0 errors",
        "Restoring",
        "Cancelling",
        "Completed",
        "SomethingNew",
    ],
)
def test_any_state_but_the_three_terminal_ones_goes_on(state: str) -> None:
    assert pending(answer_of_poll(URL, 200, {}, {"status": state})).url == URL
    resource = {"properties": {"provisioningState": state}}
    assert pending(answer_of_poll(URL, 200, {}, resource)).url == URL
    assert pending(answer_of_start(201, {"Location": "the resource"}, resource, resource_url=URL)).url == URL


def test_without_an_operation_only_an_unfinished_resource_is_polled() -> None:
    finished: list[Any] = [None, {"id": "x"}, {"properties": {}}, {"properties": {"provisioningState": "Succeeded"}}]
    for body in finished:
        assert answer_of_start(201, {"Location": "the resource"}, body, resource_url=URL) == Done(created=True)
        assert answer_of_poll(URL, 200, {}, body) == Done()
    assert pending(answer_of_start(202, {}, None, resource_url=URL)).url == URL
    # A request for no resource has nothing that a GET could show.
    assert answer_of_start(202, {}, None) == Done()


def test_a_resource_that_failed_at_once_is_a_refusal() -> None:
    body = {"properties": {"provisioningState": "Failed", "status": {"provisioningError": error("QuotaExceeded")["error"]}}}
    assert refusal(answer_of_start(200, {}, body, resource_url=URL)).reason is RefusalReason.QUOTA_EXCEEDED
    assert refusal(answer_of_poll(URL, 200, {}, body)).code == "QuotaExceeded"
    assert refusal(answer_of_poll(URL, 200, {}, {"status": "Canceled"})).detail == "Azure gave no reason."


def test_a_wait_in_words_is_kept_like_a_header() -> None:
    text = "Nic(s) in request is reserved for another Virtual Machine for 180 seconds. Please retry after 180 seconds."
    reserved = error("NicReservedForAnotherVm", text)
    assert pending(answer_of_error(400, {}, reserved)).retry_after == 180.0
    assert pending(answer_of_error(400, {}, reserved)).held_up
    assert pending(answer_of_error(429, {"Retry-After": "7"}, reserved)).retry_after == 7.0
    assert pending(answer_of_poll(URL, 200, {}, {"status": "Failed", **reserved})) == Pending(180.0, held_up=True)
    assert isinstance(answer_of_error(400, {}, error("QuotaExceeded", "Retry after 3 hours.")), Refused)


def test_a_404_for_an_operation_is_neither_success_nor_refusal() -> None:
    answer = answer_of_poll(URL, 404, {"Retry-After": "30"}, error("NotFound"))
    assert answer == Pending(PAUSE_AFTER_TROUBLE, url=""), "the request itself is made again"


def test_an_operation_that_ended_is_done_in_both_styles() -> None:
    assert answer_of_poll(URL, 200, {}, {"status": "Succeeded"}) == Done()
    assert answer_of_poll(URL, 200, {}, None) == Done()
    assert answer_of_poll(URL, 204, {}, None) == Done()


def test_a_failed_operation_becomes_a_refusal() -> None:
    late = refusal(answer_of_poll(URL, 200, {}, {"status": "Failed", **error("AllocationFailed", "no room")}))
    assert late.reason is RefusalReason.NO_CAPACITY
    assert "no room" in late.explained()


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503])
def test_transient_errors_are_retried_and_never_refusals(status: int) -> None:
    assert pending(answer_of_error(status, {"Retry-After": "7"}, None)).retry_after == 7.0


@pytest.mark.parametrize("code", ["PrincipalNotFound", "AnotherOperationInProgress", "RetryableError"])
def test_some_error_codes_only_mean_retry_later(code: str) -> None:
    assert isinstance(answer_of_error(400, {}, error(code)), Pending)


def test_a_busy_run_command_is_retried() -> None:
    text = "Run command extension execution is in progress. Please wait for completion before invoking a run command."
    assert isinstance(answer_of_error(409, {}, error("Conflict", text)), Pending)
    assert isinstance(answer_of_error(409, {}, error("Conflict", "something else")), Refused)


@pytest.mark.parametrize(
    ("status", "code", "message", "reason"),
    [
        (409, "SkuNotAvailable", "", RefusalReason.NO_CAPACITY),
        (409, "ZonalAllocationFailed", "", RefusalReason.NO_CAPACITY),
        (409, "OperationNotAllowed", "exceeding approved cores Quota", RefusalReason.QUOTA_EXCEEDED),
        (409, "OperationNotAllowed", "the machine is marked for deletion", RefusalReason.CONFLICT),
        (409, "OperationNotAllowed", "The specified disk size 50 GB is smaller than", RefusalReason.INCOMPATIBLE),
        (409, "MissingSubscriptionRegistration", "", RefusalReason.NOT_REGISTERED),
        (403, "AuthorizationFailed", "", RefusalReason.FORBIDDEN),
        (403, "RequestDisallowedByPolicy", "", RefusalReason.FORBIDDEN),
        (409, "StorageAccountAlreadyTaken", "", RefusalReason.NAME_TAKEN),
        (400, "InvalidParameter", "", RefusalReason.BAD_REQUEST),
        (409, "Whatever", "", RefusalReason.CONFLICT),
    ],
)
def test_azure_error_codes_become_refusal_reasons(status: int, code: str, message: str, reason: RefusalReason) -> None:
    assert refusal(answer_of_error(status, {}, error(code, message))).reason is reason


def test_a_failure_that_one_repetition_may_cure_is_pending_only_for_those_who_repeat() -> None:
    locked = error("VMExtensionProvisioningError", "DPKG frontend (/var/lib/dpkg/lock-frontend) is locked")
    body = {"status": "Failed", **locked}
    told = pending(answer_of_poll(URL, 200, {}, body, may_repeat=True))
    assert (told.url, told.repeats, told.retry_after) == ("", True, 300.0)
    assert refusal(answer_of_poll(URL, 200, {}, body)).reason is RefusalReason.FAILED_LATE
    final = {"status": "Failed", **error("VMExtensionProvisioningError", "no such driver")}
    assert refusal(answer_of_poll(URL, 200, {}, final, may_repeat=True)).detail == "no such driver"
    assert not pending(answer_of_poll(URL, 404, {}, None, may_repeat=True)).repeats
