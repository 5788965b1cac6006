"""Errors in Azure's response bodies: their innermost known code, and how long they say to wait.

Resource Manager wraps errors in `error`; some resource providers (Container Service, private DNS) send them bare, and the
deletion of a resource group capitalizes their names. Errors nest in `details`, in `innererror`, and as JSON in a message.
https://learn.microsoft.com/azure/azure-resource-manager/management/async-operations
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from dormouse.cloud.error_codes import is_known, is_lasting

UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}
# "The call can be retried in 14 seconds" (network), "retry after 180 seconds" (a reserved network interface),
# "Please try again after '5' seconds" (throttling).
WAIT_IN_WORDS = re.compile(
    r"(?:retry|retried|try again|tried again)\s(?:(?:the )?(?:call|request|operation)\s)?(?:after|in)\s"
    r"'?(\d+(?:\.\d+)?)'?\s*(s|m|h)(?:ec(?:ond)?s?|in(?:ute)?s?|(?:ou)?rs?)?\b",
    re.IGNORECASE,
)
# Azure names the policy in `additionalInfo`; some resource providers repeat only the message.
# https://learn.microsoft.com/troubleshoot/azure/azure-kubernetes/create-upgrade-delete/error-code-requestdisallowedbypolicy
POLICY_NAMES = ("policyassignmentdisplayname", "policyassignmentname", "policydefinitiondisplayname", "policydefinitionname")
POLICY_IN_WORDS = re.compile(r"""["']policyAssignment["']:\s*{["']name["']:\s*["']([^"']+)["']""", re.IGNORECASE)
DEEPEST = 8


@dataclass(frozen=True, slots=True)
class AzureError:
    """A code and a message of Azure ("" if unknown), and the seconds after which to retry according to the message.

    `policy` is the name of the Azure policy that forbids the request, or "".
    """

    code: str = ""
    message: str = ""
    retry_after: float = 0.0
    policy: str = ""


def error_in(body: Any) -> AzureError:
    """The error in a response body: of those that nest in it, the innermost one whose meaning is known.

    A lasting error wins over transient ones beside it. If none is known, the innermost one with a message is the most
    specific; an empty error if there is none.
    """
    if not isinstance(body, dict):
        return AzureError()
    lowered = _lowered(body)
    outer = lowered.get("error", lowered.get("odata.error"))
    if isinstance(outer, str):  # OAuth 2.0
        return AzureError(outer, str(lowered.get("error_description", "")))
    found = list(_inner_first(outer if isinstance(outer, dict) else lowered, DEEPEST))
    known = [error for error in found if is_known(error.code, error.message)]
    lasting = [error for error in known if is_lasting(error.code, error.message)]
    best = next(iter(lasting or known or [one for one in found if one.message] or found), AzureError())
    wait = max((error.retry_after for error in found), default=0.0)
    message = best.message or next((error.message for error in found if error.message), "")
    policy = next((error.policy for error in found if error.policy), "")
    return AzureError(best.code or next((error.code for error in found if error.code), ""), message, wait, policy)


def json_in(response: Any) -> Any:
    """The JSON in a response of an SDK, or None if there is none."""
    text = response.text() if callable(response.text) else response.text
    try:
        return json.loads(text) if text else None
    except ValueError:
        return None


def _inner_first(error: dict[str, Any], depth: int) -> Iterator[AzureError]:
    """An error after all errors that nest in it."""
    lowered = _lowered(error)
    said = lowered.get("message")
    message = str(said.get("value", "")) if isinstance(said, dict) else str(said or "")
    nested = _json_object(message)
    details = lowered.get("details")
    inner = [*(details if isinstance(details, list) else [details]), lowered.get("innererror"), nested]
    for each in inner:
        if isinstance(each, dict) and depth:
            wrapped = _lowered(each).get("error")
            yield from _inner_first(wrapped if isinstance(wrapped, dict) else each, depth - 1)
    code = lowered.get("code")
    if code or message:
        yield AzureError(str(code or ""), "" if nested else message, _wait_in(message), _policy_in(lowered, message))


def _policy_in(error: dict[str, Any], message: str) -> str:
    additional = error.get("additionalinfo")
    for item in additional if isinstance(additional, list) else []:
        info = _lowered(item).get("info") if isinstance(item, dict) else None
        told = _lowered(info) if isinstance(info, dict) else {}
        if name := next((str(told[key]) for key in POLICY_NAMES if told.get(key)), ""):
            return name
    found = POLICY_IN_WORDS.search(message)
    return found[1] if found else ""


def _lowered(value: dict[str, Any]) -> dict[str, Any]:
    return {str(name).lower(): each for name, each in value.items()}


def _json_object(text: str) -> dict[str, Any] | None:
    if not text.lstrip().startswith("{"):
        return None
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _wait_in(message: str) -> float:
    found = WAIT_IN_WORDS.search(message)
    return float(found[1]) * UNITS[found[2].lower()] if found else 0.0
