"""The simulated Azure against recorded traffic of the real one: its responses have the recorded shape."""

import re

import pytest

from tests.contract import coverage
from tests.contract.explained import EXPLAINED, Explanation, unexplained
from tests.contract.replay import Outcome

POLLS = 100


def test_hundreds_of_recordings_are_replayed(outcomes: list[Outcome]) -> None:
    assert sum(outcome.served for outcome in outcomes) > 400
    assert sum(len(outcome.polled) for outcome in outcomes) > POLLS


def test_every_simulated_recording_gets_the_recorded_response(outcomes: list[Outcome]) -> None:
    wrong = {}
    for outcome in outcomes:
        found = unexplained(outcome.recording.id, outcome.differences) if outcome.served else []
        if found:
            wrong[f"{outcome.recording.id} {outcome.recording.op}"] = found
    assert wrong == {}


def test_the_prerequisites_of_every_recording_can_be_created(outcomes: list[Outcome]) -> None:
    trouble = {outcome.recording.id: outcome.trouble for outcome in outcomes if outcome.served and outcome.trouble}
    assert trouble == {}


def test_a_501_response_names_what_is_not_simulated(outcomes: list[Outcome]) -> None:
    for outcome in outcomes:
        if outcome.answer.status == 501:
            error = outcome.answer.body["error"]
            assert error["code"] == "NotSimulated"
            assert error["message"].startswith("The simulated Azure does not support ")


@pytest.mark.parametrize("entry", EXPLAINED, ids=[entry.why for entry in EXPLAINED])
def test_every_explained_difference_still_occurs(outcomes: list[Outcome], entry: Explanation) -> None:
    lines = {outcome.recording.id: outcome.differences for outcome in outcomes if outcome.served}
    unneeded = [name for name in entry.recordings if not any(entry.explains(name, line) for line in lines.get(name, ()))]
    assert unneeded == []
    found = [line for name in entry.recordings for line in lines[name]]
    assert [pattern for pattern in entry.differences if not any(re.fullmatch(pattern, line) for line in found)] == []


def test_the_coverage_file_is_up_to_date(outcomes: list[Outcome]) -> None:
    assert coverage.FILE.read_text() == coverage.text_of(outcomes), "run python -m tests.contract.coverage"
