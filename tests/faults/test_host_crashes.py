"""Wherever the host crashes, the result is the same, happens once, and no lock is left.

All cases of a command are branches of one undisturbed run (`harness.py`), and are compared with its result.
"""

import pytest

from tests.faults.cases import crash_at_every_activity
from tests.faults.conftest import OTHER_SIZE
from tests.faults.harness import VERBS, Recording, Workbench
from tests.support import AzureSide

# The SDK warns of values of unknown types, and of results that arrive after a task_any has ended.
pytestmark = [
    pytest.mark.filterwarnings("ignore:azure.functions df_loads", "ignore:Potential duplicate Task"),
    pytest.mark.parametrize(
        "written", [False, True], ids=["before its result is committed", "after its result is committed"]
    ),
]


@pytest.mark.parametrize("verb", VERBS)
def test_a_host_crash_at_any_activity_does_not_change_the_result(
    workbench: Workbench, side: AzureSide, recordings: dict[str, Recording], verb: str, written: bool
) -> None:
    crash_at_every_activity(workbench, side, recordings[verb], verb, written=written)


def test_a_host_crash_at_any_activity_of_a_rollback_does_not_change_the_result(
    workbench: Workbench, side: AzureSide, rollback: Recording, written: bool
) -> None:
    crash_at_every_activity(workbench, side, rollback, "provision, rolled back", written=written)


def test_a_host_crash_at_any_activity_of_a_fallback_does_not_change_the_result(
    workbench: Workbench, side: AzureSide, fallback: Recording, written: bool
) -> None:
    # Until the first machine is built, it is a provision like any other.
    crash_at_every_activity(workbench, side, fallback, "provision, built elsewhere", written=written, part=slice(20, None))
    (machine,) = side.of_type("elsewhere", "Microsoft.Compute/virtualMachines")
    assert machine["properties"]["hardwareProfile"]["vmSize"] == OTHER_SIZE
