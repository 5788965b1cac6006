"""The fault matrix for an ML workspace: a crash or a lost response leaves nothing of it in what it shares.

The workstation's matrix has every activity; here one of so many, because each resource goes through the same ones.
"""

from collections.abc import Iterator

import pytest

from tests.faults.cases import crash_at_every_activity, lose_every_response
from tests.faults.harness import ADDED, Recording, Workbench
from tests.faults.opening import open_workbench, record_all
from tests.integration.environments.platform.test_ml_workspace import PARENT, SHARED, SPEC
from tests.support import AzureSide

# The SDK warns of values of unknown types, and of results that arrive after a task_any has ended.
pytestmark = pytest.mark.filterwarnings("ignore:azure.functions df_loads", "ignore:Potential duplicate Task")
NAME = "vision1"
STRIDES = {"provision": 16, "delete": 8}
ONE = {**SPEC, "clusters": SPEC["clusters"][1:]}


@pytest.fixture(scope="module")
def workbench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    with open_workbench(tmp_path_factory.mktemp("faults")) as workbench:
        yield workbench


@pytest.fixture(scope="module")
def shared(workbench: Workbench) -> list[str]:
    """What the shared environment has before a workspace uses it."""
    built = {**SHARED, "registries": [{"name": "healthy"}], "containers": ["datasets"]}
    assert workbench.command(PARENT, "provision", built).operation["outcome"] == "succeeded"
    return within(AzureSide(workbench.simulation))


@pytest.fixture(scope="module")
def recordings(workbench: Workbench, shared: list[str]) -> dict[str, Recording]:
    return record_all(workbench, NAME, ONE, ("provision", "delete"))


def within(side: AzureSide) -> list[str]:
    """What is in the shared environment, without what Azure adds minutes later: containers, and roles on its parts, too."""
    return sorted(one["type"] for one in side.resources(PARENT) if one["type"].lower() not in ADDED)


@pytest.mark.parametrize("verb", STRIDES)
def test_a_crash_or_a_lost_response_does_not_change_what_becomes_of_a_workspace(
    workbench: Workbench, side: AzureSide, recordings: dict[str, Recording], shared: list[str], verb: str
) -> None:
    part = slice(0, None, STRIDES[verb])
    added = 7 if verb == "provision" else 0  # two containers, and five roles of two identities
    crash_at_every_activity(workbench, side, recordings[verb], f"ml-workspace {verb}", written=False, part=part)
    assert len(within(side)) == len(shared) + added
    lose_every_response(workbench, side, recordings[verb], f"ml-workspace {verb}", every=31)
    assert len(within(side)) == len(shared) + added
