"""Every untruth in `mutants` is noticed: it causes differences that nothing explains."""

import pytest

from tests.contract.explained import unexplained
from tests.contract.mutants import MUTANTS, Mutant
from tests.contract.replay import Outcome


@pytest.mark.parametrize("mutant", MUTANTS, ids=[mutant.name for mutant in MUTANTS])
def test_the_comparison_notices_a_simulation_that_is_untrue(outcomes: list[Outcome], mutant: Mutant) -> None:
    changed = list(mutant.of(outcomes))
    assert changed, "this mutant changes nothing"
    assert any(unexplained(outcome.recording.id, lines) for outcome, lines in changed)
