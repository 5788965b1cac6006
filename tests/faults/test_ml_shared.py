"""The fault matrix for what ML workspaces share: a crash or a lost response changes nothing of how it ends.

The workstation's matrix has every activity; here one of so many, because each resource goes through the same ones.
"""

from collections.abc import Iterator

import pytest

from tests.faults.cases import crash_at_every_activity, lose_every_response
from tests.faults.harness import Recording, Workbench
from tests.faults.opening import open_workbench, record_all
from tests.integration.environments.platform.test_ml_shared import SPEC
from tests.support import AzureSide

# The SDK warns of values of unknown types, and of results that arrive after a task_any has ended.
pytestmark = pytest.mark.filterwarnings("ignore:azure.functions df_loads", "ignore:Potential duplicate Task")
NAME = "shared1"
STRIDES = {"provision": 19, "delete": 11}


@pytest.fixture(scope="module")
def workbench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    with open_workbench(tmp_path_factory.mktemp("faults")) as workbench:
        yield workbench


@pytest.fixture(scope="module")
def recordings(workbench: Workbench) -> dict[str, Recording]:
    developer = workbench.simulation.post("/people/token", json={"name": "ana"}).raise_for_status().json()["object_id"]
    spec = {**SPEC, "registries": [{"name": "healthy"}], "containers": ["datasets"], "developers": [developer]}
    return record_all(workbench, NAME, spec, ("provision", "delete"))


@pytest.mark.parametrize("verb", STRIDES)
def test_a_crash_or_a_lost_response_does_not_change_what_becomes_of_shared_parts(
    workbench: Workbench, side: AzureSide, recordings: dict[str, Recording], verb: str
) -> None:
    part = slice(0, None, STRIDES[verb])
    crash_at_every_activity(workbench, side, recordings[verb], f"ml-shared {verb}", written=False, part=part)
    lose_every_response(workbench, side, recordings[verb], f"ml-shared {verb}", every=37)
