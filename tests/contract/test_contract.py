"""The simulated Azure against recorded traffic of the real one: what it claims to serve, it answers alike."""

import pytest

from tests.conftest import unchecked
from tests.contract import coverage
from tests.contract.explained import EXPLAINED, explains, unexplained
from tests.contract.recordings import DATA
from tests.contract.replay import Outcome

POLLS = 100
PROVES = "that the simulated Azure answers as the recordings in ../shared/data do"


@pytest.fixture(scope="module")
def outcomes() -> list[Outcome]:
    if not DATA.is_dir():
        unchecked("The folder of recordings", PROVES)
    return coverage.replayed()


def test_hundreds_of_recordings_are_replayed(outcomes: list[Outcome]) -> None:
    assert sum(outcome.served for outcome in outcomes) > 400
    assert sum(outcome.polls for outcome in outcomes) > POLLS


def test_every_recording_that_is_served_is_answered_alike(outcomes: list[Outcome]) -> None:
    wrong = {}
    for outcome in outcomes:
        found = unexplained(outcome.recording.op, outcome.differences) if outcome.served else []
        if found:
            wrong[f"{outcome.recording.id} {outcome.recording.op}"] = found
    assert wrong == {}


def test_what_a_recording_needs_could_be_made_first(outcomes: list[Outcome]) -> None:
    trouble = {outcome.recording.id: outcome.trouble for outcome in outcomes if outcome.served and outcome.trouble}
    assert trouble == {}


def test_what_is_not_served_says_what_it_does_not_know(outcomes: list[Outcome]) -> None:
    for outcome in outcomes:
        if outcome.answer.status == 501:
            error = outcome.answer.body["error"]
            assert error["code"] == "NotSimulated"
            assert error["message"].startswith("The simulated Azure does not know ")


@pytest.mark.parametrize("entry", EXPLAINED, ids=[reason for _, _, reason in EXPLAINED])
def test_every_explanation_is_still_needed(outcomes: list[Outcome], entry: tuple[str, str, str]) -> None:
    assert any(explains(entry, outcome.recording.op, outcome.differences) for outcome in outcomes if outcome.served)


def test_the_coverage_file_is_up_to_date(outcomes: list[Outcome]) -> None:
    assert coverage.FILE.read_text() == coverage.text_of(outcomes), "run python -m tests.contract.coverage"
