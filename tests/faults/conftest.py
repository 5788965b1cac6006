from collections.abc import Iterator

import pytest

from tests.faults.harness import NOTHING, Recording, Workbench, contents
from tests.faults.opening import open_workbench, record_all
from tests.support import WORKSTATION, AzureSide

OTHER_SIZE = "Standard_NV12ads_A10_v5"


@pytest.fixture(scope="package")
def workbench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    with open_workbench(tmp_path_factory.mktemp("faults")) as workbench:
        yield workbench


@pytest.fixture
def side(workbench: Workbench) -> Iterator[AzureSide]:
    with workbench.ground.simulation() as client:
        side = AzureSide(client)
        yield side
        side.behave()


@pytest.fixture(scope="package")
def recordings(workbench: Workbench) -> dict[str, Recording]:
    """Each command, one after the other, without faults."""
    return record_all(workbench, "recorded")


@pytest.fixture(scope="package")
def fallback(workbench: Workbench, recordings: dict[str, Recording]) -> Recording:
    """A provision for which Azure has no capacity in the first size: it is built with the second one."""
    workbench.restore(recordings["provision"].begin)
    side = AzureSide(workbench.simulation)
    side.exhaust(WORKSTATION["region"], WORKSTATION["size"])
    spec = {**WORKSTATION, "fallback": {"sizes": [OTHER_SIZE]}}
    recording, done = workbench.record("elsewhere", "provision", spec)
    recording.end = contents(side, "elsewhere")
    recording.refused = frozenset({"vm"})
    assert (done.operation["outcome"], len(done.operation["attempts"])) == ("succeeded", 1)
    return recording


@pytest.fixture(scope="package")
def rollback(workbench: Workbench, recordings: dict[str, Recording]) -> Recording:
    """A provision for which Azure has no capacity, otherwise without faults: what was built is rolled back."""
    workbench.restore(recordings["provision"].begin)
    side = AzureSide(workbench.simulation)
    side.spoil(method="PUT", kind="Microsoft.Compute/virtualMachines", status=409, code="SkuNotAvailable")
    recording, done = workbench.record("refused", "provision")
    side.behave()
    recording.state, recording.end = str(done.operation["outcome"]), contents(side, "refused")
    assert (recording.state, recording.end) == ("failed", NOTHING)
    return recording
