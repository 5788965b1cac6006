"""The fault matrix for an environment with several machines, and for one without any.

Wherever the host crashes, and whichever response of Azure is lost, the result is the same and happens once.
"""

from collections.abc import Iterator
from typing import Any, TypeAlias

import pytest

from activities.resources.registry import API
from dormouse.blueprints.catalog import BLUEPRINTS
from dormouse.resources.registry import KINDS
from tests.blueprints import pair, shelf
from tests.blueprints.conftest import PAIR, RIGHTS
from tests.faults.cases import crash_at_every_activity, lose_every_response
from tests.faults.harness import NOTHING, VERBS, Recording, Workbench, contents
from tests.faults.opening import open_workbench, record_all
from tests.support import AzureSide

# The SDK warns of values of unknown types, and of results that arrive after a task_any has ended.
pytestmark = pytest.mark.filterwarnings("ignore:azure.functions df_loads", "ignore:Potential duplicate Task")

WITHOUT_POWER = ("provision", "delete")
Recordings: TypeAlias = dict[tuple[str, str], Recording]
REGISTRIES: tuple[dict[str, Any], ...] = (KINDS, API, BLUEPRINTS)
BOTH = [*(("pair", verb) for verb in VERBS), *(("shelf", verb) for verb in WITHOUT_POWER)]


@pytest.fixture(scope="module")
def workbench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    """Hosts whose app has these blueprints, in this process."""
    before = [(registry, dict(registry)) for registry in REGISTRIES]
    pair.register()
    shelf.register()
    with open_workbench(tmp_path_factory.mktemp("faults")) as workbench:
        workbench.simulation.put("/permissions", json={"assignments": RIGHTS}).raise_for_status()
        yield workbench
    for registry, known in before:
        for name in set(registry) - set(known):
            del registry[name]


@pytest.fixture
def side(workbench: Workbench) -> Iterator[AzureSide]:
    with workbench.ground.simulation() as client:
        side = AzureSide(client)
        yield side
        side.behave()


@pytest.fixture(scope="module")
def recordings(workbench: Workbench) -> Recordings:
    """Each command on each of the two, one after the other, without faults."""
    person = workbench.simulation.post("/people/token", json={"name": "alice"}).raise_for_status().json()
    spec: dict[str, Any] = {"blueprint": "shelf", "region": "swedencentral", "reader": person["object_id"]}
    made = {("pair", verb): one for verb, one in record_all(workbench, "pair1", PAIR).items()}
    return made | {("shelf", verb): one for verb, one in record_all(workbench, "shelf1", spec, WITHOUT_POWER).items()}


@pytest.mark.parametrize(("blueprint", "verb"), BOTH)
@pytest.mark.parametrize("written", [False, True], ids=["uncommitted", "committed"])
def test_a_host_crash_at_any_activity_does_not_change_the_result(
    workbench: Workbench,
    side: AzureSide,
    recordings: Recordings,
    blueprint: str,
    verb: str,
    written: bool,
) -> None:
    recording = recordings[blueprint, verb]
    # The workstation's matrix has every activity in both ways; here two of three have one of them.
    part = slice(int(written), None, 3)
    crash_at_every_activity(workbench, side, recording, f"{blueprint} {verb}", written=written, part=part)


@pytest.mark.parametrize(("blueprint", "verb"), BOTH)
def test_losing_any_single_response_does_not_change_the_result(
    workbench: Workbench, side: AzureSide, recordings: Recordings, blueprint: str, verb: str
) -> None:
    lose_every_response(workbench, side, recordings[blueprint, verb], f"{blueprint} {verb}", every=5)


def test_a_crash_at_any_activity_of_a_rollback_of_both_machines_does_not_change_the_result(
    workbench: Workbench, side: AzureSide, recordings: Recordings
) -> None:
    workbench.restore(recordings["pair", "provision"].begin)
    side.spoil(method="PUT", path="virtualMachines/vm-pair2-2", status=409, code="SkuNotAvailable")
    recording, done = workbench.record("pair2", "provision", PAIR)
    side.behave()
    recording.state, recording.end = str(done.operation["outcome"]), contents(side, "pair2")
    assert (recording.state, recording.end) == ("failed", NOTHING)
    crash_at_every_activity(workbench, side, recording, "pair provision, rolled back", written=False, part=slice(0, None, 3))
