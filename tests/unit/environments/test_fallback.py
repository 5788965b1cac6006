"""What follows from a lack of capacity: whether to go elsewhere, where to, and how it is told."""

from dataclasses import dataclass

import pytest

from dormouse.environments.attempts import Attempt, attempts_in_words
from dormouse.environments.fallback import attempt_of, lacks_capacity, worth_trying
from dormouse.environments.results import Outcome, OutcomeStatus, Refusal, RefusalReason
from dormouse.resources.placement import Placement

REASON = RefusalReason
ONE, TWO, ANY = (Placement("eastus", "A", zone) for zone in ("1", "2", ""))
LARGER, ELSEWHERE = Placement("eastus", "B", "1"), Placement("westus", "A", "1")


@dataclass(frozen=True)
class Other:
    placement: Placement


OTHERS = [Other(each) for each in (TWO, ANY, LARGER, ELSEWHERE)]


def refusal(code: str, detail: str = "no room", reason: RefusalReason = REASON.NO_CAPACITY) -> Refusal:
    return Refusal(reason, detail, code, azure=True)


@pytest.mark.parametrize("reason", sorted(set(REASON) - {REASON.NO_CAPACITY}))
def test_only_a_lack_of_capacity_leads_elsewhere(reason: RefusalReason) -> None:
    lack = refusal("AllocationFailed")
    assert lacks_capacity([lack, lack])
    assert not lacks_capacity([lack, refusal("x", reason=reason)])
    assert not lacks_capacity([])


@pytest.mark.parametrize(
    ("code", "detail", "zones"),
    [
        ("ZonalAllocationFailed", "", True),
        ("AllocationFailed", "", False),
        ("SkuNotAvailable", "is currently not available in location 'eastus'. Try a different zone.", False),
        ("SkuNotAvailable", "is currently not available in location 'eastus' zones '1'.", True),
        ("OverconstrainedZonalAllocationRequest", "Constraints applied are:\n  - Availability Zone\n  - VM Size", True),
        ("OverconstrainedAllocationRequest", "Constraints applied are:\n  - Networking Constraints\n  - VM Size", False),
    ],
)
def test_a_refusal_of_a_whole_region_is_one_of_its_zones(code: str, detail: str, zones: bool) -> None:
    found = [one.placement for one in worth_trying(OTHERS, ONE, [refusal(code, detail)])]
    assert found == ([TWO, ANY, LARGER, ELSEWHERE] if zones else [LARGER, ELSEWHERE])


def test_the_reason_tells_what_was_tried_what_was_not_and_what_was_done() -> None:
    attempts = [
        attempt_of(ONE, [refusal("ZonalAllocationFailed")]),
        attempt_of(ANY, [refusal("AllocationFailed")]),
        attempt_of(LARGER, [refusal("", "B is not offered.", REASON.NOT_OFFERED)], tried=False),
    ]
    assert attempts_in_words(attempts, "Done.") == (
        "Azure had no capacity for A in zone 1 of eastus (ZonalAllocationFailed), A in eastus (AllocationFailed). "
        "Not tried: B in zone 1 of eastus, because: B is not offered. Done."
    )
    outcome = Outcome(OutcomeStatus.SUCCEEDED, "It runs.")
    assert outcome.after(()) is outcome
    told = outcome.after([Attempt(ONE, "X")], "Built.")
    assert (told.reason, told.attempts) == (
        "It runs. Azure had no capacity for A in zone 1 of eastus (X). Built.",
        (Attempt(ONE, "X"),),
    )
