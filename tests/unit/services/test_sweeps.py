"""The start of a sweep: it knows from the last report whether jobs may wait, with one read."""

import asyncio
from dataclasses import replace

import pytest

from activities.idle.complete import finish_sweep
from activities.idle.missing import evaluate_missing
from dormouse.cloud.clients import Cloud
from dormouse.environments.operations import EnvironmentRecord
from dormouse.idle.report import SweepSummary
from dormouse.idle.sweep import PageRequest, SweepEnd, SweepRequest
from dormouse.records.environments import Records
from dormouse.resources.pipelines import PIPELINES_AGENT
from dormouse.resources.plan import Resource
from dormouse.services.durable_client import DurableClient
from dormouse.services.idle.sweeps import start_sweep
from tests.unit.builders import NOW, environment_record
from tests.unit.twins import SETTINGS, MemoryTables, Orchestrations, reads_of, stopped_clock

AGENT = Resource("agent", PIPELINES_AGENT.name, "pipelines/contoso/gpu/one")


class Place(Cloud):
    """A cloud with tables only."""

    def __init__(self, tables: MemoryTables) -> None:
        super().__init__(SETTINGS, stopped_clock(NOW))
        self.tables = tables


def searches_after(agents: bool | None) -> bool:
    """Whether a sweep looks for waiting jobs after one that ended like this; None: there was none."""
    tables, hub = MemoryTables(), Orchestrations()

    async def started() -> str:
        if agents is not None:
            asked = SweepRequest("sweep-0", dry_run=True)
            end = SweepEnd(asked, NOW - 60, NOW, 0, SweepSummary(machines=1), agents=agents)
            await finish_sweep(end, Place(tables))
        return await start_sweep(DurableClient(hub), reads_of(tables, now=NOW), dry_run=True, by="ann")

    return bool(hub.running[asyncio.run(started())]["agents"])


@pytest.mark.parametrize(("agents", "searches"), [(None, True), (True, True), (False, False)])
def test_jobs_are_looked_for_unless_the_last_sweep_has_seen_that_there_are_no_agents(
    agents: bool | None, searches: bool
) -> None:
    assert searches_after(agents) is searches


@pytest.mark.parametrize("agents", [0, 2])
def test_a_sweep_counts_the_agents_of_all_environments_ready_or_not(agents: int) -> None:
    tables = MemoryTables()
    record: EnvironmentRecord = environment_record(resources=(AGENT,) * agents, ready=False)

    async def counted() -> SweepSummary:
        await Records(tables).remember_environment(record)
        await Records(tables).remember_environment(replace(record, name="ml2", resources=()))
        return (await evaluate_missing(PageRequest("sweep-1", 0, 0, dry_run=True), Place(tables))).summary

    assert asyncio.run(counted()).agents == agents
