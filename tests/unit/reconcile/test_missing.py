"""An environment was deleted by hand only if nothing may be hidden and Azure Resource Manager itself shows no group."""

from dataclasses import replace

import pytest

from dormouse.reconcile.azure_view import AzureView, Recorded
from dormouse.reconcile.findings import FindingKind
from dormouse.reconcile.missing import candidates, group_ids, missing_in
from tests.unit.builders import environment_record
from tests.unit.reconcile.views import GROUP, NAME, recorded, view

ABSENT = frozenset({GROUP.lower()})


def test_an_environment_without_its_group_is_missing() -> None:
    (one,) = missing_in(view(absent_groups=ABSENT), recorded(NAME))
    assert (one.kind, one.id, one.environment) == (FindingKind.MISSING_ENVIRONMENT, NAME, NAME)
    assert one.unique == environment_record(NAME).operation, "built again, it is another finding"
    assert f"dormouse rm {NAME}" in one.why
    assert group_ids(environment_record(NAME)) == [GROUP.lower()]


@pytest.mark.parametrize(
    ("shown", "known"),
    [
        (view(absent_groups=ABSENT, groups=ABSENT), recorded(NAME)),
        (view(absent_groups=frozenset()), recorded(NAME)),
        (view(absent_groups=ABSENT, groups=None), recorded(NAME)),
        (view(absent_groups=ABSENT, hidden="it may"), recorded(NAME)),
        (view(absent_groups=ABSENT), recorded(NAME, locked=frozenset({NAME}))),
        (view(absent_groups=ABSENT), recorded()),
    ],
    ids=["in the graph", "at resource manager", "not read", "may be hidden", "in an operation", "not on record"],
)
def test_otherwise_none_is(shown: AzureView, known: Recorded) -> None:
    assert missing_in(shown, known) == []


def test_an_environment_without_a_group_of_its_own_is_never_missing() -> None:
    record = replace(environment_record(NAME), resources=())
    known = Recorded([record], frozenset({NAME}))
    assert list(candidates(view(), known)) == []
    assert missing_in(view(absent_groups=ABSENT), known) == []
