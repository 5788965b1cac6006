"""The end of an operation in the records: its health checks stay with the environment, as long as it holds the lock."""

import asyncio

import pytest

from activities.records import close_operation
from dormouse.cloud.clients import Cloud
from dormouse.environments.operations import Completion, EnvironmentRecord
from dormouse.environments.results import Check, HealthCheckResult, Outcome, OutcomeStatus
from dormouse.records.environments import Lock, Records
from tests.unit.builders import ULID, environment_record
from tests.unit.twins import SETTINGS, MemoryTables, stopped_clock

OPERATION = f"ml1-start-{ULID}"
CHECKS = (HealthCheckResult("https", Check.PASSED, "self-signed certificate"),)
BEFORE = (HealthCheckResult("https", Check.PASSED, "another certificate"),)


def after(
    *, holder: str = OPERATION, forget: bool = False, checks: tuple[HealthCheckResult, ...] = CHECKS
) -> EnvironmentRecord | None:
    """The record of an environment after an operation with these health checks has been closed, twice."""

    async def story() -> EnvironmentRecord | None:
        cloud = Cloud(SETTINGS, stopped_clock(0.0))
        cloud.tables = MemoryTables()
        records = Records(cloud.tables)
        await records.remember_environment(environment_record(health_checks=BEFORE))
        await records.take_lock("ml1", Lock(holder, 0.0))
        outcome = Outcome(OutcomeStatus.SUCCEEDED, "ml1 is running.", health_checks=checks)
        closing = Completion(OPERATION, "ml1", outcome, "", "", forget_environment=forget)
        for _ in range(2):
            await close_operation(closing, cloud)
        return await records.environment("ml1")

    return asyncio.run(story())


@pytest.mark.parametrize(
    ("holder", "checks", "kept"),
    [(OPERATION, CHECKS, CHECKS), (OPERATION, (), BEFORE), (f"ml1-stop-{ULID}", CHECKS, BEFORE)],
)
def test_the_last_health_checks_are_kept_by_the_operation_that_holds_the_lock(
    holder: str, checks: tuple[HealthCheckResult, ...], kept: tuple[HealthCheckResult, ...]
) -> None:
    record = after(holder=holder, checks=checks)
    assert record is not None
    assert record.health_checks == kept


def test_a_record_that_is_forgotten_is_not_written_again() -> None:
    assert after(forget=True) is None
