"""Long-running Azure operations: the answer in each response, and where and when to poll next.

The protocol: https://learn.microsoft.com/azure/azure-resource-manager/management/async-operations
"""

from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any

from dormouse.cloud.error_bodies import AzureError, error_in
from dormouse.cloud.error_codes import is_not_now, is_worth_one_more_try, late_refusal, refusal_of
from dormouse.environments.answers import Answer, Done, Pending, Refused

# Compute allows 15 polls per minute and operation; its responses often have no Retry-After.
# https://learn.microsoft.com/azure/virtual-machines/compute-throttling-limits
USUAL_PAUSE = 4.0
PAUSE_AFTER_TROUBLE = 5.0
LONGEST_PAUSE = 600.0
# The system's own updates after the first boot hold the package lock for minutes.
PAUSE_BEFORE_REPEAT = 300.0
CREATED, ACCEPTED, NOT_FOUND = 201, 202, 404

# Every other state goes on: providers invent their own, such as `ScalingAgentPool: 0/1 nodes completed`.
SUCCEEDED, FAILED, CANCELED = "succeeded", "failed", "canceled"
TERMINAL = frozenset({SUCCEEDED, FAILED, CANCELED})


def answer_of_start(status: int, headers: Mapping[str, str], body: Any, *, now: float, resource_url: str = "") -> Answer:
    """The answer in the response that starts an operation.

    `resource_url` is polled if the response names no operation, but the resource is still being created; "" if the request
    was none for a resource.
    """
    lowered = {name.lower(): value for name, value in headers.items()}
    url = lowered.get("azure-asyncoperation") or (lowered.get("location", "") if status == ACCEPTED else "")
    state = _provisioning_state(body)
    if not url and (status == ACCEPTED or state not in ("", *TERMINAL)):
        url = resource_url
    if url and state != SUCCEEDED:
        return Pending(pause(headers, now) or USUAL_PAUSE, url=url)
    return _failed_late(body) if state in (FAILED, CANCELED) else Done(created=status == CREATED)


def answer_of_poll(
    url: str, status: int, headers: Mapping[str, str], body: Any, *, now: float, may_repeat: bool = False
) -> Answer:
    """The answer in a poll response, for `Azure-AsyncOperation`, `Location` and resources alike.

    `may_repeat`: an operation that failed for a reason for which one repetition helps is still pending, not refused.
    """
    if status == NOT_FOUND:
        return Pending(PAUSE_AFTER_TROUBLE)  # Azure no longer knows the operation: repeat the request
    if status >= 400:
        return answer_of_error(status, headers, body, now=now, url=url)
    lowered = {name.lower(): value for name, value in headers.items()}
    state = _status(body) or _provisioning_state(body)
    if state in (FAILED, CANCELED):
        return _failed_late(body, may_repeat=may_repeat)
    if status == ACCEPTED or state not in ("", SUCCEEDED):
        follow = lowered.get("location", url) if status == ACCEPTED else url
        return Pending(pause(headers, now) or USUAL_PAUSE, url=follow)
    return Done()


def answer_of_error(status: int, headers: Mapping[str, str], body: Any, *, now: float, url: str = "") -> Answer:
    """The answer after an error response: wait if it is transient, else a refusal."""
    error = error_in(body)
    if _is_transient(status, error):
        words = error.message or f"HTTP {status}"
        detail = f"Azure is temporarily unavailable: {words}{f' ({error.code})' if error.code else ''}"
        wait = pause(headers, now) or error.retry_after or PAUSE_AFTER_TROUBLE
        return Pending(wait, url=url, held_up=True, detail=detail)
    return Refused(refusal_of(status, error.code, error.message, error.policy))


def _is_transient(status: int, error: AzureError) -> bool:
    """Whether the same request may succeed later: its code says so, or its message says when."""
    return is_not_now(status, error.code, error.message) or 0 < error.retry_after <= LONGEST_PAUSE


def _failed_late(body: Any, *, may_repeat: bool = False) -> Answer:
    error = _late_error(body)
    if may_repeat and is_worth_one_more_try(error.code, error.message):
        return Pending(PAUSE_BEFORE_REPEAT, held_up=True, detail=error.message, repeats=True)
    if _is_transient(0, error):  # without a URL, so that the request itself is repeated
        return Pending(error.retry_after or PAUSE_AFTER_TROUBLE, held_up=bool(error.retry_after))
    return Refused(late_refusal(error.code, error.message or "Azure gave no reason.", error.policy))


def _late_error(body: Any) -> AzureError:
    """The error of an operation, or of a resource, that has failed; Container Service has it in `provisioningError`."""
    properties = body.get("properties") if isinstance(body, dict) else None
    within = properties if isinstance(properties, dict) else {}
    state = within.get("status")
    places = [body, within, state.get("provisioningError") if isinstance(state, dict) else None]
    found = (error_in(place) for place in places)
    return next((error for error in found if error.code or error.message), AzureError())


def pause(headers: Mapping[str, str], now: float) -> float:
    """The seconds to wait according to the response headers, or 0.0 if they do not say."""
    lowered = {name.lower(): value.strip() for name, value in headers.items()}
    for name in ("retry-after-ms", "x-ms-retry-after-ms"):
        if lowered.get(name, "").isdigit():
            return min(int(lowered[name]) / 1000, LONGEST_PAUSE)
    after = lowered.get("retry-after", "")
    seconds = float(after) if after.isdigit() else _until(after) - now
    return min(max(seconds, 0.0), LONGEST_PAUSE)


def _until(date: str) -> float:
    try:
        moment = parsedate_to_datetime(date)
    except ValueError:
        return 0.0
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _status(body: Any) -> str:
    status = body.get("status") if isinstance(body, dict) else None
    return status.lower() if isinstance(status, str) else ""


def _provisioning_state(body: Any) -> str:
    properties = body.get("properties") if isinstance(body, dict) else None
    return str(properties.get("provisioningState", "")).lower() if isinstance(properties, dict) else ""
