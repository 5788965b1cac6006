import asyncio
from collections.abc import Iterator

import aiohttp.connector
import pytest
from azure.durable_functions.models.utils import http_utils

from local.host.durable.store import Store
from local.host.timestamps import parse_timestamps_once
from local.hostnames import resolve_localhost_names
from local.sandbox import TIMERS, temporary_ground
from tests.faults.harness import NOTHING, VERBS, Recording, Workbench, contents
from tests.support import AzureSide

SPEED = 800.0


@pytest.fixture(scope="package")
def workbench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    resolve_localhost_names()
    with temporary_ground(speed=SPEED, seed=11) as ground, pytest.MonkeyPatch.context() as patch:
        ground.host.kill()  # only its Azure is needed
        for name, value in ground.app_environment.items():
            patch.setenv(name, value)
        patch.setenv("CLOCK_SPEED", "1")  # in real time: a message from Slack would be too old within half a real second
        # A sweep's activities are not those of the command, and would move the place at which the power is cut.
        for name in TIMERS:
            patch.setenv(f"AzureWebJobs.{name}.Disabled", "true")
        # aiohttp has read SSL_CERT_FILE when it was imported, which was before there was a simulated Azure.
        aiohttp.connector._SSL_CONTEXT_VERIFIED.load_verify_locations(ground.app_environment["SSL_CERT_FILE"])
        parse_timestamps_once()
        # The SDK's durable client keeps one session for as long as the process lives: one loop for all lives.
        with ground.simulation() as simulation, asyncio.Runner() as runner:
            for quota in ("cores", "StandardNVADSA10v5Family"):
                body = {"region": "polandcentral", "name": quota, "limit": 100_000}
                simulation.put("/limits", json=body).raise_for_status()
            workbench = Workbench(ground, simulation, tmp_path_factory.mktemp("faults"), SPEED, runner, ground.clock.origin)
            Store(workbench.file).close()
            yield workbench
            runner.run(http_utils._close_session())


@pytest.fixture
def side(workbench: Workbench) -> Iterator[AzureSide]:
    with workbench.ground.simulation() as client:
        side = AzureSide(client)
        yield side
        side.behave()


@pytest.fixture(scope="package")
def recordings(workbench: Workbench) -> dict[str, Recording]:
    """Each command, one after the other, when nothing happens."""
    made = {}
    for verb in VERBS:
        made[verb], done = workbench.record("recorded", verb)
        assert done.operation["outcome"] == "succeeded"
        made[verb].end = contents(AzureSide(workbench.simulation), "recorded")
    return made


@pytest.fixture(scope="package")
def rollback(workbench: Workbench, recordings: dict[str, Recording]) -> Recording:
    """A machine for which Azure has no room, and nothing else happens: what was built is deleted again."""
    workbench.restore(recordings["provision"].begin)
    side = AzureSide(workbench.simulation)
    side.spoil(method="PUT", kind="Microsoft.Compute/virtualMachines", status=409, code="SkuNotAvailable")
    recording, done = workbench.record("refused", "provision")
    side.behave()
    recording.state, recording.end = str(done.operation["outcome"]), contents(side, "refused")
    assert (recording.state, recording.end) == ("failed", NOTHING)
    return recording
