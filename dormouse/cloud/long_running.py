"""Long-running Azure operations: the progress that each response reports, and where and when to poll next.

The protocol: https://learn.microsoft.com/azure/azure-resource-manager/management/async-operations
"""

from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any

from dormouse.cloud.error_codes import is_not_now, late_refusal, refusal_of
from dormouse.environments.results import Progress

# Compute allows 15 polls per minute and operation; its responses often have no Retry-After.
# https://learn.microsoft.com/azure/virtual-machines/compute-throttling-limits
USUAL_PAUSE = 4.0
PAUSE_AFTER_TROUBLE = 5.0
LONGEST_PAUSE = 600.0
CREATED, NOT_FOUND = 201, 404

UNDER_WAY = frozenset({"inprogress", "running", "accepted", "creating", "updating", "deleting", "pending", "started"})


def progress_of_start(status: int, headers: Mapping[str, str], body: Any, *, now: float) -> Progress:
    """The progress in the response that starts an operation."""
    lowered = {name.lower(): value for name, value in headers.items()}
    url = lowered.get("azure-asyncoperation") or (lowered.get("location", "") if status == 202 else "")
    if url and _provisioning_state(body) != "succeeded":
        return Progress.waiting(pause(headers, now) or USUAL_PAUSE, url=url)
    return Progress.done(created=status == CREATED)


def progress_of_poll(url: str, status: int, headers: Mapping[str, str], body: Any, *, now: float) -> Progress:
    """The progress in a poll response, for `Azure-AsyncOperation` and `Location` alike."""
    if status == NOT_FOUND:
        return Progress.waiting(PAUSE_AFTER_TROUBLE)  # Azure no longer knows the operation: repeat the request
    if status >= 400:
        return progress_of_error(status, headers, body, now=now, url=url)
    lowered = {name.lower(): value for name, value in headers.items()}
    state = str(body.get("status", "")).lower() if isinstance(body, dict) else ""
    if status == 202 or state in UNDER_WAY:
        follow = lowered.get("location", url) if status == 202 else url
        return Progress.waiting(pause(headers, now) or USUAL_PAUSE, url=follow)
    if state in ("failed", "canceled"):
        return _failed_late(body.get("error"))
    return Progress.done()


def progress_of_error(status: int, headers: Mapping[str, str], body: Any, *, now: float, url: str = "") -> Progress:
    """The progress after an error response: wait if it is transient, else a refusal."""
    error = _error(body)
    code, message = str(error.get("code", "")), str(error.get("message", ""))
    if is_not_now(status, code, message):
        words = f"Azure is temporarily unavailable: {message or f'HTTP {status}'}{f' ({code})' if code else ''}"
        return Progress.waiting(pause(headers, now) or PAUSE_AFTER_TROUBLE, url=url, held_up=True, detail=words)
    return Progress.refused(refusal_of(status, code, message))


def _error(body: Any) -> dict[str, Any]:
    """The error object in a response; only the deletion of a resource group capitalizes its names."""
    lowered = {name.lower(): value for name, value in body.items()} if isinstance(body, dict) else {}
    error = lowered.get("error")
    return {name.lower(): value for name, value in error.items()} if isinstance(error, dict) else {}


def _failed_late(error: Any) -> Progress:
    details = error if isinstance(error, dict) else {}
    code, message = str(details.get("code", "")), str(details.get("message", "Azure gave no reason."))
    if is_not_now(0, code, message):
        return Progress.waiting(PAUSE_AFTER_TROUBLE)  # without a URL, so that the request itself is repeated
    return Progress.refused(late_refusal(code, message))


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


def _provisioning_state(body: Any) -> str:
    properties = body.get("properties") if isinstance(body, dict) else None
    return str(properties.get("provisioningState", "")).lower() if isinstance(properties, dict) else ""
