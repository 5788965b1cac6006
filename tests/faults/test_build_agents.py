"""The fault matrix for a build agent: wherever the host crashes or a response is lost, no agent stays in the pool."""

from typing import Any

import pytest

from tests.faults.cases import crash_at_every_activity, lose_every_response
from tests.faults.harness import VERBS, Recording, Workbench
from tests.faults.opening import record_all
from tests.integration.environments.test_build_agent import SPEC, Pipelines
from tests.support import AzureSide

# The SDK warns of values of unknown types, and of results that arrive after a task_any has ended.
pytestmark = pytest.mark.filterwarnings("ignore:azure.functions df_loads", "ignore:Potential duplicate Task")
NAME, ONE = "agents1", {**SPEC, "count": 1}
AFTER = {verb: ("offline", False) if verb == "stop" else ("online", True) for verb in VERBS if verb != "delete"}
# The workstation's matrix has every activity; here one of so many.
STRIDES = {"provision": 6, "rotate-password": 2, "resize": 2, "stop": 2, "start": 2, "delete": 6}


@pytest.fixture(scope="module")
def recordings(workbench: Workbench) -> dict[str, Recording]:
    Pipelines(AzureSide(workbench.simulation))
    return record_all(workbench, NAME, ONE)


def agents(side: AzureSide) -> list[tuple[str, bool]]:
    where = {"organization": "contoso", "pool": SPEC["pool"]}
    found: list[dict[str, Any]] = side.client.get("/pipelines/agents", params=where).raise_for_status().json()["value"]
    return [(one["status"], one["enabled"]) for one in found]


@pytest.mark.parametrize("verb", VERBS)
def test_a_crash_or_a_lost_response_does_not_change_what_becomes_of_an_agent(
    workbench: Workbench, side: AzureSide, recordings: dict[str, Recording], verb: str
) -> None:
    wanted = [AFTER[verb]] if verb in AFTER else []
    part = slice(0, None, STRIDES[verb])
    crash_at_every_activity(workbench, side, recordings[verb], f"build-agent {verb}", written=False, part=part)
    assert agents(side) == wanted
    lose_every_response(workbench, side, recordings[verb], f"build-agent {verb}", every=17)
    assert agents(side) == wanted
