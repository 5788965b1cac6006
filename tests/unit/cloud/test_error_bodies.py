"""Which of the errors in a response body decides, and how long it says to wait."""

import json
from typing import Any

import pytest

from dormouse.cloud.error_bodies import AzureError, error_in

QUOTA = "Operation could not be completed as it results in exceeding approved Total Regional Cores quota."
RESERVED = (
    "Nic(s) in request is reserved for another Virtual Machine for 180 seconds. Please provide another nic(s) or retry "
    "after 180 seconds. Reserved VM: /subscriptions/1/resourceGroups/a/providers/Microsoft.Compute/virtualMachines/b"
)


def wrapped(code: str, message: str, **more: Any) -> dict[str, Any]:
    return {"error": {"code": code, "message": message, **more}}


def test_an_error_is_read_in_its_wrapper_and_without() -> None:
    assert error_in(wrapped("QuotaExceeded", "too many")) == AzureError("QuotaExceeded", "too many")
    # Container Service and private DNS send it bare.
    assert error_in({"code": "QuotaExceeded", "message": "too many", "subcode": "x"}) == AzureError(
        "QuotaExceeded", "too many"
    )
    assert error_in({"Error": {"Code": "QuotaExceeded", "Message": "too many"}}) == AzureError("QuotaExceeded", "too many")
    odata = {"odata.error": {"code": "TableNotFound", "message": {"lang": "en", "value": "no table"}}}
    assert error_in(odata) == AzureError("TableNotFound", "no table")
    assert error_in({"error": "invalid_client", "error_description": "expired"}) == AzureError("invalid_client", "expired")


@pytest.mark.parametrize("body", [None, [], "text", {}, {"error": None}, {"error": {}}, {"error": []}, {"status": "Failed"}])
def test_a_body_without_an_error_is_an_empty_error(body: Any) -> None:
    assert error_in(body) == AzureError()


def test_the_innermost_known_code_decides() -> None:
    inner = [{"code": "QuotaExceeded", "message": QUOTA}]
    for outer in ("InvalidTemplateDeployment", "DeploymentFailed", "Conflict", "BadRequest"):
        assert error_in(wrapped(outer, "See inner errors for details.", details=inner)) == AzureError("QuotaExceeded", QUOTA)
    deeper = [{"code": "ResourceDeploymentFailure", "message": "late", "details": inner}]
    assert error_in(wrapped("DeploymentFailed", "At least one failed.", details=deeper)).code == "QuotaExceeded"


def test_an_inner_code_without_meaning_does_not_hide_the_outer_one() -> None:
    bare = {"code": "NotFound", "message": "no pool", "details": [{"code": "Unspecified", "message": "rpc error"}]}
    assert error_in(bare) == AzureError("NotFound", "no pool")
    network = [{"code": "ReferencedResourceNotProvisioned", "message": "Cannot proceed."}]
    assert error_in(wrapped("RetryableError", "A retryable error occurred.", details=network)).code == "RetryableError"


def test_among_unknown_codes_the_innermost_one_is_the_most_specific() -> None:
    label = [{"code": "InvalidDomainNameLabel", "message": "The domain name label is invalid.", "details": []}]
    found = error_in(wrapped("InvalidTemplateDeployment", "See inner errors.", details=label))
    assert found == AzureError("InvalidDomainNameLabel", "The domain name label is invalid.")


def test_key_vault_and_messages_of_json_nest_errors_too() -> None:
    vault = wrapped("Conflict", "Secret s is currently being deleted.", innererror={"code": "ObjectIsBeingDeleted"})
    assert error_in(vault) == AzureError("ObjectIsBeingDeleted", "Secret s is currently being deleted.")
    disk = "The specified disk size 50 GB is smaller than the size of the corresponding disk in the VM image: 150 GB."
    said = json.dumps(wrapped("OperationNotAllowed", disk, target="osDisk.diskSizeGB"))
    assert error_in(wrapped("Conflict", said)) == AzureError("OperationNotAllowed", disk)
    assert error_in(wrapped("Conflict", "{not json")) == AzureError("Conflict", "{not json")


def test_a_lasting_error_wins_over_transient_ones_beside_it() -> None:
    both = [{"code": "ServerTimeout", "message": "slow"}, {"code": "QuotaExceeded", "message": QUOTA}]
    for details in (both, both[::-1]):
        assert error_in(wrapped("MultipleErrorsOccurred", "several", details=details)).code == "QuotaExceeded"
    assert error_in(wrapped("MultipleErrorsOccurred", "several", details=both[:1])).code == "ServerTimeout"


@pytest.mark.parametrize(
    ("message", "seconds"),
    [
        (RESERVED, 180.0),
        ("Operation X is updating resource Y. The call can be retried in 14 seconds.", 14.0),
        ("Please try again after '5' seconds.", 5.0),
        ("Retry after 2 minutes.", 120.0),
        ("Please retry the request after 30s", 30.0),
        ("Try again in 1 hour", 3600.0),
        ("Please retry later.", 0.0),
        ("It was tried in 3 regions after 10 seconds.", 0.0),
        ("The VM was retried in 5 zones.", 0.0),
    ],
)
def test_a_message_may_say_when_to_retry(message: str, seconds: float) -> None:
    assert error_in(wrapped("Whatever", message)).retry_after == seconds


def test_the_longest_wait_in_any_nested_message_counts() -> None:
    inner = [{"code": "RetryableErrorDueToAnotherOperation", "message": "The call can be retried in 14 seconds."}]
    found = error_in(wrapped("RetryableError", "A retryable error occurred.", details=inner))
    assert (found.code, found.retry_after) == ("RetryableErrorDueToAnotherOperation", 14.0)


def test_endless_nesting_ends() -> None:
    body: dict[str, Any] = {"code": "Innermost", "message": "deep"}
    for _ in range(200):
        body = {"code": "Outer", "message": "x", "details": [body]}
    assert error_in({"error": body}).code == "Outer"
