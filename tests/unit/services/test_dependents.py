"""Environments that depend on others: which parents are possible, what they give, and when they may go."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest

from activities.resources.environments import EnvironmentInventory
from dormouse.environments.dependents import MOST_NAMED
from dormouse.environments.operations import EnvironmentRecord
from dormouse.errors import CommandNotPossible
from dormouse.services.dependencies import Dependencies
from dormouse.services.dependents import outputs_of_parents, parent_faults, require_no_dependents
from tests.unit.azure import Azure, cloud_over
from tests.unit.builders import environment_record
from tests.unit.twins import MemoryTables, reads_of

T = TypeVar("T")
SHARED = environment_record("shared")


def asked(*records: EnvironmentRecord, ask: Callable[[Dependencies], Awaitable[T]], azure: Azure | None = None) -> T:
    """The answer to a question about these recorded environments."""
    tables = MemoryTables()
    dependencies = reads_of(tables, environments=EnvironmentInventory(cloud_over(azure or Azure({}), tables)))

    async def answer() -> T:
        for record in records:
            await dependencies.records.remember_environment(record)
        return await ask(dependencies)

    return asyncio.run(answer())


def faults(depends_on: tuple[str, ...], *records: EnvironmentRecord) -> tuple[list[str], list[str]]:
    """The names of the parents that were found, and the details of the faults."""
    parents, found = asked(*records, ask=lambda dependencies: parent_faults("ml1", depends_on, dependencies))
    assert {fault.pointer for fault in found} <= {"/name"}
    return [parent.name for parent in parents], [fault.detail for fault in found]


def test_a_parent_that_is_ready_is_no_fault() -> None:
    assert faults(("shared", "net"), SHARED, environment_record("net")) == (["shared", "net"], [])
    assert faults(()) == ([], [])


@pytest.mark.parametrize(
    ("depends_on", "detail"),
    [
        ("gone", "It depends on the environment 'gone', which does not exist."),
        ("young", "It depends on the environment 'young', which is not ready."),
        ("ml1", "'ml1' cannot depend on itself."),
    ],
)
def test_a_parent_must_exist_be_ready_and_be_another_environment(depends_on: str, detail: str) -> None:
    records = (environment_record("young", ready=False), environment_record("ml1"))
    assert faults((depends_on,), *records)[1] == [detail]


def test_every_parent_that_is_missing_is_named_at_once() -> None:
    assert len(faults(("gone", "shared", "lost"), SHARED)[1]) == 2


def test_the_outputs_of_parents_come_by_environment_and_resource() -> None:
    vm = next(resource for resource in SHARED.resources if resource.name == "vm")
    azure = Azure({vm.id: {"id": vm.id, "identity": {"principalId": "p-1"}, "properties": {}}})
    outputs = asked(ask=lambda dependencies: outputs_of_parents([SHARED], dependencies), azure=azure)
    assert outputs == {"shared": {"vm": {"id": vm.id, "principal_id": "p-1"}}}
    assert asked(ask=lambda dependencies: outputs_of_parents([], dependencies)) == {}


def gone(*records: EnvironmentRecord) -> None:
    asked(*records, ask=lambda dependencies: require_no_dependents("shared", dependencies))


def test_an_environment_that_others_do_not_depend_on_can_be_deleted() -> None:
    gone(SHARED, environment_record("ml1"), environment_record("ml2", depends_on=("net",)))


def test_an_environment_stays_while_others_depend_on_it_and_they_are_named() -> None:
    dependents = [environment_record(name, depends_on=("net", "shared")) for name in ("ml1", "ml2")]
    with pytest.raises(
        CommandNotPossible, match=r"shared cannot be deleted while other environments depend on it: ml1, ml2\."
    ):
        gone(SHARED, *dependents)


def test_of_many_dependents_only_the_first_are_named() -> None:
    dependents = [environment_record(f"ml{number:02}", depends_on=("shared",)) for number in range(MOST_NAMED + 3)]
    with pytest.raises(CommandNotPossible, match=r"ml09 and 3 more\."):
        gone(*dependents)
