"""Whether a start of an environment that runs has something to do: a pool that a sweep has scaled to zero."""

import asyncio
from dataclasses import replace

import pytest

from dormouse.idle.tracking import TrackedMachine
from dormouse.records.machines import MachineRecords
from dormouse.resources.plan import Resource
from dormouse.services.idle.keeping import pool_sleeps
from tests.unit.builders import environment_record
from tests.unit.idle.clusters.test_node_pools import POOL, SHUTDOWN, pool, tracked
from tests.unit.twins import MemoryTables, reads_of

RECORD = replace(environment_record("rc1"), resources=(Resource("gpu-pool", "node_pool", POOL),))


@pytest.mark.parametrize(("memory", "sleeps"), [(None, False), (tracked(), False), (tracked(shutdown=SHUTDOWN), True)])
def test_only_a_pool_that_a_sweep_has_put_to_sleep_wants_a_start(memory: TrackedMachine | None, sleeps: bool) -> None:
    tables = MemoryTables()

    async def asked() -> bool:
        if memory is not None:
            await MachineRecords(tables).change_tracked(pool().key, lambda _: memory)
        return await pool_sleeps(RECORD, reads_of(tables))

    assert asyncio.run(asked()) is sleeps
