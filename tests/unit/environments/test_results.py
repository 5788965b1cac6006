"""Outcomes: what a refusal advises."""

from dormouse.environments.results import ADVICE, RefusalReason


def test_every_reason_for_a_refusal_comes_with_advice() -> None:
    assert set(ADVICE) == set(RefusalReason)
