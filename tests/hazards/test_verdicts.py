"""Every hazard: the verdict on each of its machines, and the reason that explains it."""

from typing import Any

import pytest

from tests.hazards.corpus import ABSENT, Hazard, read_all
from tests.hazards.fleet import Name


def test_every_hazard_has_a_unique_sentence_and_a_source() -> None:
    hazards = read_all()
    assert len(hazards) >= 60
    assert len({hazard.sentence for hazard in hazards}) == len(hazards)
    assert all(hazard.sentence.endswith(".") and hazard.source for hazard in hazards)


@pytest.mark.parametrize("hazard", [pytest.param(one, id=one.name) for one in read_all() if not one.setting])
def test_each_hazard_gets_the_expected_verdict(hazard: Hazard, verdicts: dict[Name, dict[str, Any]]) -> None:
    lines = {name: verdicts.get((hazard.name, name)) for name in hazard.expect}
    found = {name: line["verdict"] if line else ABSENT for name, line in lines.items()}
    sentences = {name: line["reason"] for name, line in lines.items() if line}
    assert found == hazard.expect, f"{hazard.sentence} {sentences}"
    assert all(sentences.values())
    for name, words in hazard.says.items():
        assert words in sentences[name]
