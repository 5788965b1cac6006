"""The durations that the simulation draws are those of the recordings, and say from when they are."""

import json

from tests.conftest import unchecked
from tests.contract import durations


def test_the_durations_are_those_of_the_recordings() -> None:
    if not durations.SAMPLES.exists():
        unchecked("The folder of recordings", "that the drawn durations are those in ../shared/data")
    found = durations.figures()
    assert json.loads(durations.FILE.read_text())["operations"] == found, "run python -m tests.contract.durations"
    group = found["DELETE Microsoft.Resources/resourceGroups"]
    assert (60 <= group["p50"] <= 75, group["p99"]) == (True, 1273.0)


def test_every_duration_says_how_many_operations_it_is_from() -> None:
    written = json.loads(durations.FILE.read_text())
    assert "since 2021" in written["source"]
    for figures in written["operations"].values():
        assert figures["p10"] <= figures["p50"] <= figures["p90"] <= figures["p99"]
        assert figures["n_of_all_years"] >= figures["n"] > 0
