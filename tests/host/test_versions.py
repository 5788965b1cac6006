"""Versions of orchestrations: given at the start, seen by the orchestrator, and respected by hosts of other versions."""

import asyncio
import contextlib
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from local.host.durable.versions import Versioning, compared
from tests.host.releases import CARELESS, release
from tests.host.support import Host

# The SDK warns of values of unknown types, and of results that arrive after a task_any has ended.
pytestmark = pytest.mark.filterwarnings("ignore:azure.functions df_loads", "ignore:Potential duplicate Task")

OLD, NEW, LEGACY = {"defaultVersion": "1.0"}, {"defaultVersion": "1.1"}, dict[str, str]()


def test_an_instance_keeps_the_version_of_its_start_and_its_children_get_that_of_their_host(tmp_path: Path) -> None:
    async def story(file: Path) -> list[Any]:
        async with release(file, LEGACY) as host:
            oldest = await host.begun("reports")
        async with release(file, OLD) as host:
            older, asked = await host.begun("reports"), await host.begun("reports", "0.5")
        async with release(file, NEW) as host:
            every = (oldest, older, asked, await host.begun("reports"))
            return [await host.finished(identifier) for identifier in every]

    found = asyncio.run(story(tmp_path / "state"))
    assert found == [[own, "1.1", "1.0.5", "0.9"] for own in (None, "1.0", "0.5", "1.1")]


def test_a_version_in_the_management_api_is_that_of_the_instance(host: Host) -> None:
    assert host.result("version_of") is None
    # The shared host has no version, so an instance with one waits for a host that has.
    started = host.manage("POST", "orchestrators/version_of", params={"version": "0.7"}).json()["id"]
    assert host.status(started)["runtimeStatus"] == "Pending"
    assert [row[-1] for row in host.rows("instances") if row[0] == started] == ["0.7"]


def test_a_release_that_branches_by_version_finishes_what_earlier_ones_have_begun(tmp_path: Path) -> None:
    async def story(file: Path) -> list[Any]:
        async with release(file, LEGACY) as host:
            oldest = await host.begun("changed")
        async with release(file, OLD) as host:
            older = await host.begun("changed")
        async with release(file, NEW) as host:
            return [await host.finished(identifier) for identifier in (oldest, older, await host.begun("changed"))]

    assert asyncio.run(story(tmp_path / "state")) == [["old", "old"], ["old", "old"], ["new", "old", "old"]]


def test_the_same_change_without_a_branch_breaks_what_is_in_flight(tmp_path: Path) -> None:
    async def story(file: Path) -> Any:
        async with release(file, OLD) as host:
            older = await host.begun("changed")
        async with release(file, NEW, CARELESS) as host:
            host.engine.raise_event(older, "Go", "1")
            return await host.ended(older)

    broken = asyncio.run(story(tmp_path / "state"))
    assert broken.status == "Failed"
    assert "Non-deterministic orchestrator: number 0 was TASK_SCHEDULED old_step" in broken.output


@pytest.mark.parametrize("older", [LEGACY, OLD], ids=["without a version", "of the previous version"])
def test_an_older_release_leaves_newer_instances_alone_until_the_newer_one_returns(
    tmp_path: Path, older: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    async def story(file: Path) -> None:
        async with release(file, NEW) as host:
            told, ended = await host.begun("changed"), await host.begun("changed")
        async with release(file, older) as host:
            host.engine.raise_event(told, "Go", "1")
            host.engine.terminate(ended, "enough")
            assert await host.finished(await host.begun("changed")) == ["old", "old"], "its own go on"
            await host.settled()
            assert {host.instance(identifier).status for identifier in (told, ended)} == {"Running"}
            assert len(host.store.inbox(told)) == len(host.store.inbox(ended)) == 1, "what it was told is kept"
        async with release(file, NEW) as host:
            assert (await host.ended(told)).output == '["new", "old", "old"]'
            assert (await host.ended(ended)).status == "Terminated"

    asyncio.run(story(tmp_path / "state"))
    said = [record.getMessage() for record in caplog.records if "has version 1.1 and waits" in record.getMessage()]
    assert len(said) == 2, "each is named once"


def test_an_older_release_may_fail_newer_instances_instead(tmp_path: Path) -> None:
    async def story(file: Path) -> None:
        async with release(file, NEW) as host:
            newer = await host.begun("changed")
        async with release(file, {**OLD, "versionFailureStrategy": "Fail"}) as host:
            host.engine.raise_event(newer, "Go", "1")
            assert (await host.ended(newer)).status == "Failed"
            parent = await host.ended(await host.begun("ahead"))
            assert parent.status == "Failed"
            assert "VersionMismatch" in (parent.output or ""), "a parent learns why its child has failed"

    asyncio.run(story(tmp_path / "state"))


def test_other_strategies_run_every_version_or_only_their_own(tmp_path: Path) -> None:
    async def story(file: Path) -> None:
        async with release(file, NEW) as host:
            newer = await host.begun("changed")
        async with release(file, {**OLD, "versionMatchStrategy": "None"}) as host:
            assert await host.finished(newer) == ["new", "old", "old"]
            older = await host.begun("changed")
        async with release(file, {**NEW, "versionMatchStrategy": "Strict"}) as host:
            host.engine.raise_event(older, "Go", "1")
            assert await host.finished(await host.begun("changed")) == ["new", "old", "old"]
            await host.settled()
            assert host.instance(older).status == "Running"

    asyncio.run(story(tmp_path / "state"))


def test_a_new_generation_keeps_the_version_of_the_first(tmp_path: Path) -> None:
    async def story(file: Path) -> None:
        async with release(file, OLD) as host:
            older = await host.begun("continues")
        async with release(file, NEW) as host:
            host.engine.raise_event(older, "Go", "1")
            await host.settled()
            assert await host.finished(older) == ["second", "1.0"]

    asyncio.run(story(tmp_path / "state"))


def test_an_instance_of_a_state_without_versions_has_none(tmp_path: Path) -> None:
    async def story(file: Path) -> None:
        async with release(file, LEGACY) as host:
            oldest = await host.begun("reports")
        with contextlib.closing(sqlite3.connect(file)) as state:
            state.execute("ALTER TABLE instances DROP COLUMN version")
        async with release(file, NEW) as host:
            assert (await host.finished(oldest))[:2] == [None, "1.1"]

    asyncio.run(story(tmp_path / "state"))


ORDER = ["", "0.9", "1.0", "1.0.0", "1.0.1", "1.2", "1.10", "2.0", "10.0"]


def test_no_version_is_the_oldest_and_numbers_are_compared_part_by_part() -> None:
    pairs = [(left, right) for left in range(len(ORDER)) for right in range(len(ORDER))]
    assert [compared(ORDER[left], ORDER[right]) for left, right in pairs] == [(a > b) - (a < b) for a, b in pairs]
    assert (compared(None, ""), compared(None, "0.0"), compared("0.0", None)) == (0, -1, 1)


def test_what_is_not_a_version_of_two_to_four_numbers_is_compared_as_text() -> None:
    assert compared("10", "9") == -1, "a single number is none of .NET's versions"
    assert compared("V2-release", "v1-release") == 1
    assert compared("v1", "V1") == 0
    assert compared("1.0.0.0.0", "1.0.0.0.00") == -1


def test_an_empty_version_of_host_json_is_none() -> None:
    assert Versioning().of_new("") is None
    assert Versioning(default="2.0").of_new("") == "2.0"
    assert Versioning(default="2.0").of_new("1.5") == "1.5"
