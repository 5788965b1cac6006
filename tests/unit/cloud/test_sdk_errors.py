"""Reads of Azure: what is absent, what may come later, and what Azure rejects for good."""

import asyncio
import json
from dataclasses import dataclass
from typing import Any

import pytest
from azure.core.exceptions import (
    ClientAuthenticationError,
    HttpResponseError,
    ResourceNotFoundError,
    ServiceRequestError,
)
from azure.identity import CredentialUnavailableError

from dormouse.cloud.sdk_errors import ReadRefused, get_existing, get_or_none, read_json
from dormouse.environments.results import RefusalReason
from dormouse.errors import CloudUnavailable
from tests.unit.twins import HttpAnswer

REASON = RefusalReason


@dataclass(frozen=True, slots=True)
class Said(HttpAnswer):
    """A response as the exceptions of the SDK read it."""

    reason: str = "No"
    request: Any = None


def said(status: int, code: str) -> Said:
    return Said(status, {"error": {"code": code, "message": "No."}})


def failure(status: int, code: str) -> HttpResponseError:
    kind = {401: ClientAuthenticationError, 404: ResourceNotFoundError}.get(status, HttpResponseError)
    return kind(response=said(status, code))


async def raising(error: Exception) -> Any:
    raise error


async def answering(answer: HttpAnswer) -> Any:
    return answer


REFUSED = [
    (403, "AuthorizationFailed", REASON.FORBIDDEN),
    (401, "InvalidAuthenticationTokenTenant", REASON.FORBIDDEN),
    (409, "MissingSubscriptionRegistration", REASON.NOT_REGISTERED),
    (409, "ReadOnlyDisabledSubscription", REASON.CONFLICT),
    (404, "SubscriptionNotFound", REASON.NOT_FOUND),
    (400, "NoRegisteredProviderFound", REASON.BAD_REQUEST),
    (501, "NotImplemented", REASON.BAD_REQUEST),
]
LATER = [
    (429, "TooManyRequests"),
    (408, "Timeout"),
    (500, "InternalServerError"),
    (503, "ServerBusy"),
    (409, "RetryableError"),
]


@pytest.mark.parametrize(("status", "code", "reason"), REFUSED)
def test_a_lasting_no_is_a_refusal_with_its_reason(status: int, code: str, reason: RefusalReason) -> None:
    for read in (get_or_none(raising(failure(status, code))), read_json(answering(said(status, code)))):
        with pytest.raises(ReadRefused, match=code) as refused:
            asyncio.run(read)
        assert (refused.value.refusal.reason, refused.value.refusal.code) == (reason, code)
        assert not isinstance(refused.value, CloudUnavailable)


@pytest.mark.parametrize(("status", "code"), LATER)
def test_what_azure_may_answer_later_is_unavailable(status: int, code: str) -> None:
    for read in (get_or_none(raising(failure(status, code))), read_json(answering(said(status, code)))):
        with pytest.raises(CloudUnavailable, match="retry later"):
            asyncio.run(read)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ServiceRequestError("connection refused"), "Azure did not answer"),
        (HttpResponseError("no response"), "Azure did not answer"),
        (CredentialUnavailableError(message="no response from the IMDS endpoint"), "could not sign in"),
        (ClientAuthenticationError(message="DefaultAzureCredential failed to retrieve a token"), "could not sign in"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_no_response_at_all_is_unavailable_and_no_refusal(error: Exception, words: str) -> None:
    with pytest.raises(CloudUnavailable, match=words):
        asyncio.run(get_or_none(raising(error)))


def test_what_does_not_exist_is_none_unless_it_must_exist() -> None:
    absent = failure(404, "ResourceNotFound")
    assert asyncio.run(get_or_none(raising(absent))) is None
    with pytest.raises(CloudUnavailable, match="must exist"):
        asyncio.run(get_existing(raising(absent)))


def test_a_response_that_is_no_object_is_unavailable() -> None:
    for answer in (HttpAnswer(200, json.loads("[]")), HttpAnswer(200, None), HttpAnswer(302, {})):
        with pytest.raises(CloudUnavailable):
            asyncio.run(read_json(answering(answer)))
