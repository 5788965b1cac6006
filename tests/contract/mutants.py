"""Untruths that a simulation could tell: each changes recorded outcomes, and the comparison has to notice it."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from local.azure.core.responses import Answer
from tests.contract.recordings import Poll, Recording
from tests.contract.replay import Outcome, compared

Spoil = Callable[[Answer, Recording], Answer]
SpoilPoll = Callable[[Answer, Poll], Answer]


@dataclass(frozen=True, slots=True)
class Mutant:
    """A simulation that is untrue in one respect: what it does to the responses, and to the polls, of some operations."""

    name: str
    operation: str
    answer: Spoil | None = None
    poll: SpoilPoll | None = None

    def of(self, outcomes: Iterable[Outcome]) -> Iterator[tuple[Outcome, list[str]]]:
        """The outcomes that this mutant changes, and the differences that each has only since then."""
        for outcome in outcomes:
            if outcome.served and self.operation in outcome.recording.op:
                spoilt = self._spoilt(outcome)
                if spoilt != outcome:
                    yield outcome, [line for line in compared(spoilt).differences if line not in outcome.differences]

    def _spoilt(self, outcome: Outcome) -> Outcome:
        answer = self.answer(outcome.answer, outcome.recording) if self.answer else outcome.answer
        polls = tuple((poll, self.poll(said, poll) if self.poll else said) for poll, said in outcome.polled)
        return replace(outcome, answer=answer, polled=polls)


def every(name: str, change: Callable[[Any], Any]) -> Spoil:
    """The response with this key changed wherever it stands."""

    def changed(value: Any) -> Any:
        if isinstance(value, list):
            return [changed(item) for item in value]
        if not isinstance(value, dict):
            return value
        return {key: change(item) if key == name else changed(item) for key, item in value.items()}

    return lambda answer, _: replace(answer, body=changed(answer.body))


def without(*names: str) -> Spoil:
    """The response without these keys, wherever they stand."""

    def changed(value: Any) -> Any:
        if isinstance(value, list):
            return [changed(item) for item in value]
        if not isinstance(value, dict):
            return value
        return {key: changed(item) for key, item in value.items() if key not in names}

    return lambda answer, _: replace(answer, body=changed(answer.body))


def without_header(name: str) -> Spoil:
    """The response without a header."""
    return lambda answer, _: replace(
        answer, headers={key: value for key, value in answer.headers.items() if key.lower() != name}
    )


def with_header(name: str, value: str) -> Spoil:
    """The response with another value of a header that it has."""
    return lambda answer, _: replace(
        answer, headers={key: value if key.lower() == name else before for key, before in answer.headers.items()}
    )


def empty_list(answer: Answer, _: Recording) -> Answer:
    """A list without elements."""
    listed = isinstance(answer.body, dict) and "value" in answer.body
    return replace(answer, body={**answer.body, "value": []}) if listed else answer


def first_only(answer: Answer, _: Recording) -> Answer:
    """A list with its first element only."""
    found = answer.body.get("value") if isinstance(answer.body, dict) else None
    return replace(answer, body={**answer.body, "value": found[:1]}) if isinstance(found, list) else answer


def of_errors(spoil: Spoil) -> Spoil:
    """The same change, only of errors."""
    return lambda answer, real: spoil(answer, real) if answer.status >= 400 else answer


def enveloped(answer: Answer, _: Recording) -> Answer:
    """The error in the envelope of Resource Manager."""
    return replace(answer, body={"error": answer.body})


def with_status(before: int, after: int) -> Spoil:
    """Another status for one."""
    return lambda answer, _: replace(answer, status=after) if answer.status == before else answer


def polled(spoil: Callable[[Answer, Any], Answer], *, running: bool | None = None) -> SpoilPoll:
    """The same change of polls: of those while the operation runs, of those after its end, or of all."""
    return lambda answer, poll: spoil(answer, poll) if running is None or poll.running is running else answer


def to(value: Any) -> Callable[[Any], Any]:
    """Always this value."""
    return lambda _: value


def _power(state: str) -> Callable[[Any], Any]:
    def changed(code: Any) -> Any:
        return f"PowerState/{state}" if str(code).startswith("PowerState/") else code

    return changed


RUNNING = every("code", _power("running"))
CANCELED = every("status", to("Canceled"))

MUTANTS = (
    Mutant("PUT of a group loses its tags", "PUT /subscriptions/{}/resourcegroups/{}", without("tags")),
    Mutant("secrets lose contentType", "vault:/secrets", without("contentType")),
    Mutant("deleted secrets lose recoveryId", "vault:/", without("recoveryId")),
    Mutant("the subscription's role list is always empty", "GET [sub]/microsoft.authorization/roleassignments", empty_list),
    Mutant("no etag header", "", without_header("etag")),
    Mutant("no etag header of machines", "virtualmachines/{}", without_header("etag")),
    Mutant("no etag header of networks", "virtualnetworks/{}", without_header("etag")),
    Mutant("every machine is running", "microsoft.compute/virtualmachines", RUNNING),
    Mutant("every operation is running for ever", "", poll=polled(every("status", to("InProgress")))),
    Mutant("Canceled for Succeeded", "", poll=polled(CANCELED, running=False)),
    Mutant("errors without a message", "", of_errors(every("message", to("")))),
    Mutant("every rule has the priority 1", "networksecuritygroups", every("priority", to(1))),
    Mutant("no Retry-After on deallocate", "virtualmachines/{}/deallocate", without_header("retry-after")),
    # And more of the same kinds.
    Mutant("every list has one element", "", first_only),
    Mutant("polls without Retry-After", "", poll=polled(without_header("retry-after"))),
    Mutant("another Retry-After for networks", "PUT [rg]/microsoft.network", with_header("retry-after", "30")),
    Mutant(
        "no Retry-After for a deleted group", "DELETE /subscriptions/{}/resourcegroups/{}", without_header("retry-after")
    ),
    Mutant("no Location", "", without_header("location")),
    Mutant("no Azure-AsyncOperation for machines", "virtualmachines", without_header("azure-asyncoperation")),
    Mutant(
        "Location leads to another provider", "", with_header("location", "https://x/subscriptions/a/operationresults/b")
    ),
    Mutant("one code for every error", "", of_errors(every("code", to("Conflict")))),
    Mutant("one message for every error", "", of_errors(every("message", to("The request was refused.")))),
    Mutant("errors without details of why", "", of_errors(without("innererror", "target"))),
    Mutant("everything is Succeeded at once", "PUT ", every("provisioningState", to("Succeeded"))),
    Mutant("nothing is ever ready", "GET ", every("provisioningState", to("Updating"))),
    Mutant(
        "deleting groups look ready", "GET /subscriptions/{}/resourcegroups", every("provisioningState", to("Succeeded"))
    ),
    Mutant("rules deny instead of allow", "networksecuritygroups", every("access", to("Deny"))),
    Mutant("rules for the other direction", "networksecuritygroups", every("direction", to("Outbound"))),
    Mutant("every disabled secret is enabled", "vault:/", every("enabled", to(True))),
    Mutant("secrets can be recovered for 90 days", "vault:/", every("recoverableDays", to(90))),
    Mutant("every disk is attached", "microsoft.compute/disks", every("diskState", to("Attached"))),
    Mutant("disks are deleted with their machine", "virtualmachines", every("deleteOption", to("Delete"))),
    Mutant("every assignment is of a service principal", "roleassignments", every("principalType", to("ServicePrincipal"))),
    Mutant("accepted for created", "PUT ", with_status(201, 202)),
    Mutant("no content for accepted", "", with_status(202, 204)),
    Mutant("every name is free", "checknameavailability", every("nameAvailable", to(True))),
    Mutant("resources are somewhere else", "", every("location", to("brazilsouth"))),
    Mutant("machines lose their tags", "microsoft.compute/virtualmachines", every("tags", to({}))),
    Mutant("strong etags for weak ones", "microsoft.network", with_header("etag", '"1"')),
    Mutant("failed operations without an error", "", poll=polled(without("error"))),
    Mutant("Run Command has no output", "runcommand", poll=polled(without("value"))),
    Mutant("role assignments without a role", "roleassignments", every("roleDefinitionId", to(""))),
    Mutant("every machine has the same system", "virtualmachines", every("osType", to("Linux"))),
    Mutant("data disks are never detached", "virtualmachines", every("toBeDetached", to(False))),
    Mutant("identities are lost", "virtualmachines", without("identity", "userAssignedIdentities")),
    Mutant("principals are names", "roleassignments", every("principalId", to("ann"))),
    Mutant("what is deleted is kept for ever", "vault:/", every("scheduledPurgeDate", to(2**31))),
    Mutant("another pause for DNS zones", "privatednszones/{}", with_header("retry-after", "10")),
    Mutant("errors of record sets in an envelope", "privatednszones/{}/a", of_errors(enveloped)),
    Mutant("endpoints are never connected", "privateendpoints/{}", every("status", to("Disconnected"))),
    Mutant("zone groups write no records", "privatednszonegroups", every("recordSets", to([]))),
    Mutant("NAT gateways have no address", "natgateways", without("publicIpAddresses")),
    Mutant("Resource Graph finds other resources", "resourcegraph", every("id", to("/subscriptions/a/resourceGroups/b"))),
    Mutant("Resource Graph counts nothing", "resourcegraph", every("totalRecords", to(0))),
)
