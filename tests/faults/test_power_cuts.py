"""Wherever the power is cut, the same is there at the end, once, and nothing is held.

All cases of a command are branches of one undisturbed run (`harness.py`), and are compared with what that came to.
"""

import pytest

from tests.conftest import PASSED
from tests.faults.harness import VERBS, Recording, Workbench, assert_same_end
from tests.support import AzureSide

# The SDK warns of values whose types it does not know, and of answers that come after an "any of these" has ended.
pytestmark = [
    pytest.mark.filterwarnings("ignore:azure.functions df_loads", "ignore:Potential duplicate Task"),
    pytest.mark.parametrize("written", [False, True], ids=["before it is written down", "after it is written down"]),
]


@pytest.mark.parametrize("verb", VERBS)
def test_the_power_is_cut_at_every_activity(
    workbench: Workbench, side: AzureSide, recordings: dict[str, Recording], verb: str, written: bool
) -> None:
    _cut_at_every_activity(workbench, side, recordings[verb], verb, written)


def test_the_power_is_cut_at_every_activity_of_a_provision_that_is_rolled_back(
    workbench: Workbench, side: AzureSide, rollback: Recording, written: bool
) -> None:
    _cut_at_every_activity(workbench, side, rollback, "provision, rolled back", written)


def _cut_at_every_activity(workbench: Workbench, side: AzureSide, recording: Recording, what: str, written: bool) -> None:
    """Cut before it is written down, an activity that has had its effect runs twice."""
    cuts = recording.written if written else recording.unwritten
    when = "after it is written down" if written else "before: it runs twice"
    assert len(cuts) > 2
    for cut in cuts:
        workbench.restore(cut)
        assert_same_end(side, recording, recording.name, workbench.finish(recording, cut))
        PASSED[f"{what}: power cut at the n-th activity, {when}"] += 1
