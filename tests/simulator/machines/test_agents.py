"""Simulated agents report over HTTP: what they send, when they are silent, and how they react."""

import asyncio
import base64
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import jwt
import pytest

from local.azure.core.world import SUBSCRIPTION
from local.azure.providers.compute.power import AFTER
from local.azure.services.tokens import LIFETIME
from local.azure.vms.agent_process import INSTALLED, REMOVED, changed_by, configuration_in, gpu_of
from local.azure.vms.guest import Guest
from tests.simulator.control_plane import ControlPlane, listening
from tests.simulator.served import Served, served
from tests.simulator.services.test_graph import machine

MACHINE = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/lab/providers/Microsoft.Compute/virtualMachines/vm"
BUSY = {"gpu_percent": [{"max": 97, "p95": 40, "minutes": 10}], "cpu_percent": 5}
CONFIGURATION = {"control_plane": "http://127.0.0.1:1/api", "audience": "api://dormouse"}
FAST, TRIES = 120.0, 1000


@contextlib.asynccontextmanager
async def reporting(home: Path, **fields: Any) -> AsyncIterator[tuple[Served, ControlPlane]]:
    """One machine with an agent that reports to a small control plane, in accelerated time."""
    async with listening() as plane, served(home, speed=FAST, control_plane=plane.url) as azure:
        given = {"id": MACHINE, "size": "Standard_NC24ads_A100_v4", "agent": True, "inside": BUSY, **fields}
        await azure.simulate("POST", "/estate", {"machines": [given]})
        yield azure, plane


async def until(true: Callable[[], object]) -> None:
    for _ in range(TRIES):
        if true():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it never came")


async def caught_up(azure: Served) -> None:
    for _ in range(TRIES):
        if not (await azure.simulate("GET", "/agents"))["pending"]:
            return
        await asyncio.sleep(0.02)
    raise AssertionError("they never caught up")


def test_an_agent_reports_its_backlog_first_and_then_every_minute_once(tmp_path: Path) -> None:
    async def story() -> None:
        async with reporting(tmp_path) as (azure, plane):
            await caught_up(azure)
            await until(lambda: len(plane.heartbeats) > 3)
            first, *later = plane.heartbeats
            assert (first["version"], first["machine"], first["gpu"], first["gpu_problem"]) == (1, MACHINE, "ok", "")
            assert abs(first["uptime_seconds"] - 30 * 86400) < 3600
            assert len(first["minutes"]) == 360
            assert first["minutes"][-5]["signals"] == {
                "gpu_percent": {"max": 97, "p95": 40},
                "cpu_percent": {"max": 5, "p95": 5},
            }
            assert set(first["minutes"][0]["signals"]) == {"cpu_percent"}  # before its timeline begins, nothing is known
            assert 0 <= first["minutes"][-1]["age_seconds"] < first["minutes"][-2]["age_seconds"]
            told = plane.sequences()
            assert told == list(range(told[0], told[0] + len(told)))  # none is missing, and none is sent twice
            assert all(beat["boot"] == first["boot"] for beat in later)

    asyncio.run(story())


def test_a_token_identifies_its_machine(tmp_path: Path) -> None:
    async def story() -> None:
        async with reporting(tmp_path) as (azure, plane):
            await caught_up(azure)
            claims, principal = plane.tokens[0], azure.world.resource(MACHINE)["identity"]["principalId"]  # type: ignore[index]
            assert claims["xms_mirid"] == MACHINE.replace("resourceGroups", "resourcegroups")
            assert (claims["oid"], claims["sub"], claims["aud"]) == (principal, principal, "api://dormouse")
            assert claims["iss"].startswith("https://login.localhost")
            assert claims["exp"] - claims["iat"] == LIFETIME

    asyncio.run(story())


def test_unconfirmed_minutes_are_sent_again_together(tmp_path: Path) -> None:
    async def story() -> None:
        async with reporting(tmp_path, started="10m") as (azure, plane):
            await caught_up(azure)
            plane.status = 503
            refused = len(plane.heartbeats)
            await until(lambda: len(plane.heartbeats) > refused + 1)
            assert (await azure.simulate("GET", f"/machines/inside?id={MACHINE}"))["status"] == 503
            assert (await azure.simulate("GET", "/agents"))["pending"] == 1
            plane.status = 200
            again = len(plane.heartbeats)
            await caught_up(azure)
            assert len(plane.heartbeats[again]["minutes"]) > 1
            told = [m["sequence"] for beat in plane.heartbeats[:refused] + plane.heartbeats[again:] for m in beat["minutes"]]
            assert told == list(range(told[0], told[0] + len(told)))

    asyncio.run(story())


def test_a_minute_without_data_is_omitted(tmp_path: Path) -> None:
    async def story() -> None:
        inside = {"cpu_percent": [1, None, None, 1], "jobs": [None, None, 2, None]}
        async with reporting(tmp_path, inside=inside) as (azure, plane):
            await caught_up(azure)
            told = plane.heartbeats[0]["minutes"][:3]
            assert [set(minute["signals"]) for minute in told] == [{"cpu_percent"}, {"jobs"}, {"cpu_percent"}]
            first = told[0]["sequence"]
            assert [minute["sequence"] - first for minute in told] == [0, 2, 3]

    asyncio.run(story())


def test_an_agent_without_any_signal_sends_no_heartbeat(tmp_path: Path) -> None:
    async def story() -> None:
        async with reporting(tmp_path, inside={}) as (azure, plane):
            await caught_up(azure)
            assert plane.heartbeats == []

    asyncio.run(story())


@pytest.mark.parametrize("inside", [{"logins": 0}, {"cpu_percent": 1}, {"logins": None, "cpu_percent": 1}])
def test_a_warning_on_a_machine_without_a_session_is_not_reported_as_shown(tmp_path: Path, inside: dict[str, Any]) -> None:
    async def story() -> None:
        async with reporting(tmp_path, inside=inside) as (azure, plane):
            plane.warning = {"id": "w1", "text": "It stops soon.", "stop_in_seconds": 900.0}
            await until(lambda: len(plane.heartbeats) > 3)
            assert [beat["shown"] for beat in plane.heartbeats[:3]] == [[], [], []]
            await azure.simulate("PUT", "/signals", {"id": MACHINE, "inside": {"logins": 1}})
            await until(lambda: ["w1"] in [beat["shown"] for beat in plane.heartbeats])

    asyncio.run(story())


def test_a_heartbeat_contains_the_twenty_longest_holds_and_one_per_user(tmp_path: Path) -> None:
    async def story() -> None:
        many = [{"by": f"user {n:02}" + "x" * 90, "reason": "", "for": f"{n + 1}h"} for n in range(25)]
        async with reporting(tmp_path, awake=[*many, {**many[-1], "for": "2h"}]) as (azure, plane):
            await caught_up(azure)
            told = plane.heartbeats[0]["holds"]
            assert (len(told), {len(hold["by"]) for hold in told}) == (20, {64})
            assert sorted(round(hold["until_in_seconds"] / 3600) for hold in told) == list(range(6, 26))

    asyncio.run(story())


def test_a_warning_is_shown_once_and_reported(tmp_path: Path) -> None:
    async def story() -> None:
        held = [{"by": "bob", "reason": "demo", "for": "2h"}]
        async with reporting(tmp_path, awake=held, inside={**BUSY, "logins": 1}) as (azure, plane):
            plane.warning = {"id": "w1", "text": "It stops soon.", "stop_in_seconds": 900.0}
            plane.hold = {"by": "bob", "reason": "demo", "until_in_seconds": 5400.0}
            await until(lambda: len(plane.heartbeats) > 3)
            assert [beat["shown"] for beat in plane.heartbeats[:3]] == [[], ["w1"], []]
            inside = await azure.simulate("GET", f"/machines/inside?id={MACHINE}")
            assert [warning["text"] for warning in inside["warnings"]] == ["It stops soon."]
            assert (inside["agent"], inside["status"], inside["hold"]) == (True, 200, plane.hold)
            (hold,) = plane.heartbeats[0]["holds"]
            assert (hold["by"], hold["reason"]) == ("bob", "demo")
            assert 3600 < hold["until_in_seconds"] <= 7200
            await azure.simulate("POST", "/machines/awake", {"id": MACHINE, "by": "eve", "reason": "x", "for_seconds": 9000})
            seen = len(plane.heartbeats)
            await until(lambda: len(plane.heartbeats) > seen + 1)
            assert [item["by"] for item in plane.heartbeats[-1]["holds"]] == ["bob", "eve"]

    asyncio.run(story())


def test_a_restarted_machine_has_a_new_boot_id_and_counts_from_zero(tmp_path: Path) -> None:
    async def story() -> None:
        async with reporting(tmp_path) as (azure, plane):
            await caught_up(azure)
            boot = plane.heartbeats[0]["boot"]
            for action in ("deallocate", "start"):
                assert (await azure.manage("POST", f"{MACHINE}/{action}?api-version=2024-07-01"))[0] == 202
                for _ in range(TRIES):
                    await azure.simulate("GET", "/calls")  # everything due happens with the next request
                    if azure.world.resource(MACHINE)["_power"] == AFTER[action]:  # type: ignore[index]
                        break
                    await asyncio.sleep(0.02)
            await until(lambda: plane.heartbeats[-1]["boot"] != boot)
            newest = plane.heartbeats[-1]
            assert newest["minutes"][0]["sequence"] == 0
            assert newest["uptime_seconds"] < 3600

    asyncio.run(story())


def test_a_killed_agent_is_silent_until_it_is_started_again(tmp_path: Path) -> None:
    async def story() -> None:
        async with reporting(tmp_path) as (azure, plane):
            await caught_up(azure)
            await azure.simulate("POST", "/machines/agent", {"id": MACHINE, "agent": False})
            await asyncio.sleep(0.6)
            silent = len(plane.heartbeats)
            await asyncio.sleep(0.6)
            assert len(plane.heartbeats) == silent
            assert (await azure.simulate("GET", f"/machines/inside?id={MACHINE}"))["agent"] is False
            await azure.simulate("POST", "/machines/agent", {"id": MACHINE, "agent": True})
            await until(lambda: len(plane.heartbeats) > silent)
            assert plane.heartbeats[-1]["minutes"][0]["sequence"] == 0
            assert plane.heartbeats[-1]["boot"] != plane.heartbeats[0]["boot"]

    asyncio.run(story())


def test_a_long_backlog_is_split_into_heartbeats_of_allowed_size(tmp_path: Path) -> None:
    async def story() -> None:
        names: tuple[str, ...] = (
            "gpu_percent",
            "gpu_memory_percent",
            "gpu_watts",
            "gpu_processes",
            "cpu_percent",
            "cpu_cores",
            "logins",
        )
        names += ("connections", "kernels", "kernels_busy", "kernel_connections", "containers", "jobs", "terminals_active")
        inside = dict.fromkeys((*names, "network_bytes_per_second", "disk_bytes_per_second", "terminal_jobs"), "10..99")
        async with reporting(tmp_path, inside=inside) as (azure, plane):
            await caught_up(azure)
            assert len(plane.heartbeats) > 1  # a larger one would have been rejected
            told = plane.sequences()
            assert told == list(range(told[0], told[0] + len(told)))
            assert len(told) >= 360

    asyncio.run(story())


def test_a_thousand_agents_catch_up(tmp_path: Path) -> None:
    async def story() -> None:
        async with reporting(tmp_path, repeat=1000, started="20m") as (azure, plane):
            assert (await azure.simulate("GET", "/agents"))["pending"] == 1000
            await until(lambda: len({beat["machine"] for beat in plane.heartbeats}) == 1000)

    asyncio.run(story())


def test_agents_without_a_configured_control_plane_are_silent(tmp_path: Path) -> None:
    async def story() -> None:
        async with served(tmp_path) as azure:
            await azure.simulate(
                "POST", "/estate", {"machines": [{"id": MACHINE, "size": "x", "agent": True, "inside": BUSY}]}
            )
            assert await azure.simulate("GET", "/agents") == {"pending": 0}

    asyncio.run(story())


def test_tokens_for_tests_can_have_any_claims(tmp_path: Path) -> None:
    async def story() -> None:
        async with reporting(tmp_path) as (azure, _):
            body = {"id": MACHINE, "audience": "api://x", "expires_in": -300, "claims": {"xms_mirid": "/other"}}
            token = (await azure.simulate("POST", "/machines/token", body))["access_token"]
            claims = jwt.decode(token, options={"verify_signature": False})
            assert (claims["aud"], claims["xms_mirid"]) == ("api://x", "/other")
            assert claims["exp"] < azure.world.seconds()

    asyncio.run(story())


@pytest.mark.parametrize(
    ("script", "said", "installed"),
    [
        (f"cat >x <<'E'\n{json.dumps(CONFIGURATION)}\nE\nsystemctl enable --now dormouse-agent.service", INSTALLED, True),
        (f"printf '%s' '{json.dumps(CONFIGURATION)}' >x; systemctl start dormouse-agent.service", INSTALLED, True),
        ("systemctl disable --now dormouse-agent.service || true", REMOVED, False),
    ],
)
def test_scripts_that_install_or_remove_the_agent_are_recognized(script: str, said: str, installed: bool) -> None:
    changed = changed_by(script, {**machine("vm"), "_guest": {"agent": {"since": 0.0, "running": True}}}, at=5.0)
    assert changed is not None
    assert changed[1] == said
    assert ("agent" in changed[0]["_guest"]) is installed
    if installed:
        assert changed[0]["_guest"]["agent"] == {**CONFIGURATION, "since": 5.0, "running": True}


def test_other_scripts_run_unchanged() -> None:
    assert changed_by("systemctl is-active dormouse-agent.service", machine("vm"), at=5.0) is None
    assert configuration_in('{"control_plane": 5} {not json} {"audience": "x"}') is None


def test_cloud_init_installs_the_agent_and_the_shell_reports_it(tmp_path: Path) -> None:
    async def story() -> None:
        async with served(tmp_path) as azure:
            content = json.dumps({"control_plane": "http://127.0.0.1:1/api", "audience": "api://dormouse"})
            config = f"#cloud-config\nwrite_files:\n- path: /etc/dormouse/agent.json\n  content: '{content}'\n"
            made = {**machine("vm"), "_custom_data": base64.b64encode(config.encode()).decode()}
            booted = Guest(azure.world, made).first_boot(azure.world.seconds() - 300)
            assert Guest(azure.world, booted).run("systemctl is-active dormouse-agent.service")[0] == "active\n"
            assert gpu_of(booted) == "absent"
            off = {**booted, "_power": "stopped"}
            assert Guest(azure.world, off).run("systemctl is-active dormouse-agent.service")[0] == "inactive\n"
            identity = {"principalId": "p", "type": "SystemAssigned"}
            azure.world.keep({**booted, "identity": identity})
            assert (await azure.simulate("GET", "/agents"))["pending"] == 1

    asyncio.run(story())
