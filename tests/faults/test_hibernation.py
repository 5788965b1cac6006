"""Wherever the host crashes, and whichever response is lost, a hibernation keeps the memory that its fallback discards."""

import itertools
from collections.abc import Iterator
from typing import Any

import pytest

from tests.conftest import PASSED
from tests.faults.harness import Checkpoint, Done, Recording, Workbench
from tests.support import WORKSTATION, AzureSide

pytestmark = pytest.mark.filterwarnings("ignore:azure.functions df_loads", "ignore:Potential duplicate Task")

NAME = "sleeper"
JAMMY = {"publisher": "Canonical", "offer": "0001-com-ubuntu-server-jammy", "sku": "22_04-lts-gen2"}
SPEC: dict[str, Any] = {
    **WORKSTATION,
    "image": JAMMY,
    "disk": {"size_gib": 128},
    "hibernation": {"fallback": "deallocate"},
}


@pytest.fixture(scope="module")
def hibernation(workbench: Workbench) -> Iterator[Recording]:
    """A hibernation without faults."""
    before = workbench.checkpoint()
    workbench.command(NAME, "provision", SPEC)
    recording, done = workbench.record(NAME, "hibernate", SPEC)
    assert_hibernated(AzureSide(workbench.simulation), done)
    yield recording
    workbench.restore(before)


def assert_hibernated(side: AzureSide, done: Done) -> None:
    assert done.operation["outcome"] == "succeeded", done.operation["reason"]
    assert f"{NAME} is hibernated, as confirmed by Azure" in done.operation["reason"]
    machine = side.of_type(NAME, "Microsoft.Compute/virtualMachines")[0]["id"]
    inside = side.client.get("/machines/inside", params={"id": machine}).raise_for_status().json()
    assert inside["hibernated"] is True
    assert side.locks(NAME) == []


def finished(workbench: Workbench, side: AzureSide, recording: Recording, beginning: Checkpoint) -> None:
    assert_hibernated(side, workbench.finish(recording, beginning))


@pytest.mark.parametrize("written", [False, True], ids=["before its result is committed", "after its result is committed"])
def test_a_host_crash_at_any_activity_keeps_the_memory(
    workbench: Workbench, side: AzureSide, hibernation: Recording, written: bool
) -> None:
    cuts = hibernation.written if written else hibernation.unwritten
    assert len(cuts) > 2
    for cut in cuts:
        workbench.restore(cut)
        finished(workbench, side, hibernation, cut)
        PASSED[f"hibernate: power cut at the n-th activity, {'after' if written else 'before'} its result is committed"] += 1


def test_a_lost_response_of_azure_keeps_the_memory(workbench: Workbench, side: AzureSide, hibernation: Recording) -> None:
    for number in itertools.count(1):
        beginning = hibernation.last_idle_before(number)
        workbench.restore(beginning)
        side.spoil(effect="lose", every=number - hibernation.answers_at(beginning), times=1)
        finished(workbench, side, hibernation, beginning)
        (fault,) = side.faults()
        side.behave()
        if not fault["spoilt"]:
            break
        PASSED["hibernate: the n-th answer of Azure is lost after its effect"] += 1
    assert number > hibernation.answers_at(hibernation.idle[-1])
