"""Texts have limits where they are stored, published or sent, and what is omitted is marked."""

from dataclasses import replace

import pytest

from dormouse import serialization
from dormouse.environments.operations import OperationRecord, ResourceProgress
from dormouse.environments.results import Check, HealthCheckResult, Outcome, OutcomeStatus, Refusal, RefusalReason
from dormouse.idle.report import SweepSummary
from dormouse.lifecycle import State, Verb
from dormouse.notifications.cards import Button, Card, fitting
from dormouse.notifications.notification import Notification, end_of_operation
from dormouse.records.transactions import LONGEST_PART, RowChange, parts_of, text_in
from dormouse.text.limits import (
    LONGEST_EXPLANATION,
    LONGEST_STATUS,
    MORE,
    MOST_PROBLEMS,
    clipped,
    first_of,
    status_length,
)
from orchestrators.progress import DONE, REFUSED, RUNNING, WAITING, status_of

CHARACTERS = ("x", "\N{GRINNING FACE}", '"', "\\", "\n", "\x01", "\u00e9")
LARGEST_ROW = 2**20  # bytes of UTF-16


def test_a_truncated_text_states_its_original_length() -> None:
    assert clipped("short", 10) == "short"
    text = clipped("y" * 100_000, 500)
    assert (len(text), text.endswith("… (100,000 characters in all)")) == (500, True)
    assert clipped(text, 500) == text, "truncating twice changes nothing"
    assert len(clipped("y" * 100, 5)) <= 5


def test_omitted_items_of_a_list_are_counted_once() -> None:
    many = tuple(f"problem {number}" for number in range(1000))
    told = first_of(many, 10)
    assert told == (*many[:10], f"{MORE}990")
    assert first_of(told, 10) == told
    assert first_of((*told, "another"), 10)[-1] == f"{MORE}991"


@pytest.mark.parametrize("character", CHARACTERS)
def test_an_outcome_of_any_size_fits_into_a_row(character: str) -> None:
    text = character * 100_000
    refusals = [Refusal(RefusalReason.CONFLICT, text, text, step="vm") for _ in range(300)]
    findings = tuple(HealthCheckResult("gpu", Check.FAILED, text) for _ in range(300))
    failed = Outcome.failed(refusals, [f"/subscriptions/{number}{text[:5_000]}" for number in range(3000)], undone=text)
    outcome = Outcome(failed.status, failed.reason, failed.refusals, findings, failed.leftovers)
    steps = tuple(ResourceProgress(f"step-{number}", REFUSED, ("a", "b"), 1.0, 2.0) for number in range(500))
    record = OperationRecord("ml1-delete-x", "ml1", Verb.DELETE, "ana", "now", steps, outcome=outcome)
    entity = RowChange("key", serialization.text_of(record)).entity("operations")
    assert sum(len(f"{name}{value}".encode("utf-16-le")) for name, value in entity.items()) < LARGEST_ROW
    assert all(len(str(value).encode("utf-16-le")) // 2 <= 32_767 for value in entity.values())
    assert serialization.read_text(OperationRecord, text_in("Document", entity)) == record
    assert len(outcome.reason) <= LONGEST_EXPLANATION
    assert "More that are not listed: 2,800" in outcome.leftovers[-1]


@pytest.mark.parametrize("length", [0, 1, LONGEST_PART - 1, LONGEST_PART, LONGEST_PART + 1, 5 * LONGEST_PART])
def test_a_long_text_is_split_into_properties_and_joined_again(length: int) -> None:
    text = "0123456789"[: length % 10] + "abcdefghij" * (length // 10)
    parts = parts_of("Document", text)
    assert text_in("Document", {**parts, "DocumentOfOthers": "no", "Environment": "ml1"}) == text
    assert "Document" in parts


@pytest.mark.parametrize("state", [WAITING, RUNNING, DONE, REFUSED])
@pytest.mark.parametrize("count", [0, 1, 40, 70, 500, 5000])
def test_progress_of_any_size_fits_into_a_custom_status(state: str, count: int) -> None:
    reports = [ResourceProgress(f"virtual-machine-{number:04}", state, ("group", "network"), 1.0) for number in range(count)]
    status = status_of("2026-01-01T00:00:00+00:00", reports)
    assert status_length(status) <= LONGEST_STATUS
    assert [serialization.decode(ResourceProgress, step) for step in status["steps"]][:1] == [
        ResourceProgress(report.name, report.state, () if "counted" in status else report.needs, 1.0)
        for report in reports[:1]
    ]
    if count > 70:
        assert status["counted"] == {state: count}
        assert 30 < len(status["steps"]) < count


@pytest.mark.parametrize("count", [0, 1, 60])
@pytest.mark.parametrize("beyond", [-1, 0, 1])
def test_a_status_has_every_step_exactly_if_all_fit(count: int, beyond: int) -> None:
    reports = [ResourceProgress(f"diskü-{number}", DONE, ("a", "b"), 1.0, 2.5) for number in range(count)]
    last = ResourceProgress("", WAITING)
    steps = [serialization.encode(report) for report in (*reports, last)]
    room = LONGEST_STATUS - status_length({"began_at": "2026", "steps": steps})
    last = replace(last, name="x" * (room + beyond))
    assert (status_of("2026", [*reports, last])["steps"] == [*steps[:-1], serialization.encode(last)]) == (beyond <= 0)


def test_running_steps_are_published_first() -> None:
    reports = [ResourceProgress(f"step-{number}", RUNNING if number % 50 == 49 else DONE) for number in range(1000)]
    names = [step["name"] for step in status_of("", reports)["steps"]]
    assert names[:20] == [report.name for report in reports if report.state == RUNNING]


@pytest.mark.parametrize("character", CHARACTERS)
def test_a_card_of_any_text_fits_into_a_custom_status(character: str) -> None:
    text = character * 20_000
    card = Card(text, text, tuple((text, text) for _ in range(20)), (text,) * 100, (Button("Yes", "say yes"),))
    fitted = fitting(card)
    assert status_length(serialization.encode(fitted)) <= LONGEST_STATUS
    assert (fitted.title, fitted.text) != ("", "")


def test_a_sweep_summary_lists_some_problems_and_counts_the_others() -> None:
    tally = SweepSummary()
    for page in range(10):
        tally = tally.plus(SweepSummary.of((), (f"page {page}, machine {number}: {'x' * 10_000}" for number in range(1000))))
    assert len(tally.problems) == MOST_PROBLEMS + 1
    assert tally.problems[-1] == f"{MORE}{10_000 - MOST_PROBLEMS:,}"
    assert len(serialization.text_of(tally)) < 20_000


def test_a_notification_is_limited_to_3000_characters() -> None:
    notice = end_of_operation(Verb.DELETE, "ml1", Outcome.failed((), ["/id" * 100] * 500), 0.0)
    assert notice is not None
    assert len(notice.text) <= 3000
    assert len(Notification("e", "m", "n", "x" * 9000, 0.0).text) == 3000


def test_a_short_outcome_is_unchanged() -> None:
    outcome = Outcome(OutcomeStatus.SUCCEEDED, f"It is {State.RUNNING}.", leftovers=("/a", "/b"))
    assert (outcome.reason, outcome.leftovers) == ("It is running.", ("/a", "/b"))
