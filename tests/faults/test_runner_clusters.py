"""The fault matrix for a runner cluster, reduced: some of the activities of each command, and some of Azure's answers.

A cluster has many times the activities of a machine, and the workstation's matrix has every one of the same orchestrations.
A start is left out: it waits for the rest after a stop by the clock of the app, which runs in real time here.
"""

from collections.abc import Iterator

import pytest

from tests.faults.cases import crash_at_every_activity, lose_every_response
from tests.faults.harness import Recording, Workbench
from tests.faults.opening import open_workbench, record_all
from tests.integration.environments.platform.test_runner_cluster import ALONE
from tests.support import AzureSide

# The SDK warns of values of unknown types, and of results that arrive after a task_any has ended.
pytestmark = pytest.mark.filterwarnings("ignore:azure.functions df_loads", "ignore:Potential duplicate Task")
NAME = "runners1"
STRIDES = {"provision": 13, "stop": 2, "delete": 11}
EVERY_ANSWER = {"provision": 97, "stop": 11, "delete": 41}


@pytest.fixture(scope="module")
def workbench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    with open_workbench(tmp_path_factory.mktemp("faults")) as workbench:
        yield workbench


@pytest.fixture(scope="module")
def recordings(workbench: Workbench) -> dict[str, Recording]:
    return record_all(workbench, NAME, ALONE, tuple(STRIDES))


@pytest.mark.parametrize("verb", STRIDES)
def test_a_crash_or_a_lost_response_does_not_change_what_becomes_of_a_cluster(
    workbench: Workbench, side: AzureSide, recordings: dict[str, Recording], verb: str
) -> None:
    recording = recordings[verb]
    part = slice(0, None, STRIDES[verb])
    crash_at_every_activity(workbench, side, recording, f"runner-cluster {verb}", written=False, part=part)
    lose_every_response(workbench, side, recording, f"runner-cluster {verb}", every=EVERY_ANSWER[verb])
