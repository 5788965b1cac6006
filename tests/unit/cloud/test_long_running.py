from datetime import UTC, datetime
from email.utils import format_datetime
from functools import partial
from typing import Any

import pytest

from dormouse.cloud import long_running
from dormouse.cloud.long_running import LONGEST_PAUSE, PAUSE_AFTER_TROUBLE, pause
from dormouse.environments.results import RefusalReason, Stage

NOW = 1_800_000_000.0
progress_of_poll, progress_of_start, progress_of_error = (
    partial(read, now=NOW)
    for read in (long_running.progress_of_poll, long_running.progress_of_start, long_running.progress_of_error)
)
URL = "https://management.azure.com/operations/1"


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
def test_an_answer_says_how_long_to_wait_in_three_ways(headers: dict[str, str], seconds: float) -> None:
    assert pause(headers, NOW) == seconds


def test_an_answer_may_name_the_moment_instead() -> None:
    later = datetime.fromtimestamp(NOW + 60, UTC)
    assert pause({"Retry-After": format_datetime(later, usegmt=True)}, NOW) == 60.0


def test_accepted_means_ask_again_at_the_operations_address() -> None:
    progress = progress_of_start(
        201, {"Azure-AsyncOperation": URL, "Location": "elsewhere", "Retry-After": "10"}, {"properties": {}}
    )
    assert (progress.stage, progress.url, progress.retry_after) == (Stage.WAITING, URL, 10.0)


def test_accepted_without_that_address_means_ask_at_the_location() -> None:
    assert progress_of_start(202, {"Location": URL, "Retry-After": "17"}, None).url == URL


def test_a_resource_that_is_there_at_once_is_done_whatever_the_headers_say() -> None:
    body = {"properties": {"provisioningState": "Succeeded"}}
    assert progress_of_start(200, {"Azure-AsyncOperation": URL}, body).stage is Stage.DONE
    assert progress_of_start(204, {}, None).stage is Stage.DONE


@pytest.mark.parametrize("state", ["InProgress", "Running", "Updating", "Accepted"])
def test_an_operation_under_way_is_asked_again(state: str) -> None:
    progress = progress_of_poll(URL, 200, {"Retry-After": "30"}, {"status": state})
    assert (progress.stage, progress.url, progress.retry_after) == (Stage.WAITING, URL, 30.0)


def test_a_location_that_moves_is_followed() -> None:
    assert progress_of_poll(URL, 202, {"Location": URL + "2"}, None).url == URL + "2"


def test_an_operation_that_azure_has_forgotten_is_neither_done_nor_refused() -> None:
    progress = progress_of_poll(URL, 404, {"Retry-After": "30"}, error("NotFound"))
    assert (progress.stage, progress.url, progress.refusal) == (Stage.WAITING, "", None), "the request itself is made again"
    assert progress.retry_after == PAUSE_AFTER_TROUBLE


def test_an_operation_that_ended_is_done_in_both_styles() -> None:
    assert progress_of_poll(URL, 200, {}, {"status": "Succeeded"}).stage is Stage.DONE
    assert progress_of_poll(URL, 200, {}, None).stage is Stage.DONE
    assert progress_of_poll(URL, 204, {}, None).stage is Stage.DONE


def test_an_operation_that_failed_late_is_a_refusal_in_our_words() -> None:
    progress = progress_of_poll(URL, 200, {}, {"status": "Failed", **error("AllocationFailed", "no room")})
    assert progress.refusal is not None
    assert progress.refusal.reason is RefusalReason.NO_CAPACITY
    assert "no room" in progress.refusal.explained()


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503])
def test_trouble_means_ask_again_and_never_a_refusal(status: int) -> None:
    progress = progress_of_error(status, {"Retry-After": "7"}, None)
    assert (progress.stage, progress.retry_after) == (Stage.WAITING, 7.0)


@pytest.mark.parametrize("code", ["PrincipalNotFound", "AnotherOperationInProgress", "RetryableError"])
def test_some_errors_only_mean_not_now(code: str) -> None:
    assert progress_of_error(400, {}, error(code)).stage is Stage.WAITING


def test_a_busy_run_command_is_waited_out() -> None:
    text = "Run command extension execution is in progress. Please wait for completion before invoking a run command."
    assert progress_of_error(409, {}, error("Conflict", text)).stage is Stage.WAITING
    assert progress_of_error(409, {}, error("Conflict", "something else")).stage is Stage.REFUSED


@pytest.mark.parametrize(
    ("status", "code", "message", "reason"),
    [
        (409, "SkuNotAvailable", "", RefusalReason.NO_CAPACITY),
        (409, "ZonalAllocationFailed", "", RefusalReason.NO_CAPACITY),
        (409, "OperationNotAllowed", "exceeding approved cores Quota", RefusalReason.QUOTA_EXCEEDED),
        (409, "OperationNotAllowed", "the machine is marked for deletion", RefusalReason.CONFLICT),
        (403, "AuthorizationFailed", "", RefusalReason.FORBIDDEN),
        (403, "RequestDisallowedByPolicy", "", RefusalReason.FORBIDDEN),
        (409, "StorageAccountAlreadyTaken", "", RefusalReason.NAME_TAKEN),
        (400, "InvalidParameter", "", RefusalReason.BAD_REQUEST),
        (409, "Whatever", "", RefusalReason.CONFLICT),
    ],
)
def test_azures_codes_become_our_words(status: int, code: str, message: str, reason: RefusalReason) -> None:
    refusal = progress_of_error(status, {}, error(code, message)).refusal
    assert refusal is not None
    assert refusal.reason is reason
