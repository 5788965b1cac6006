import asyncio
from collections.abc import Iterator

import aiohttp.connector
import pytest
from azure.durable_functions.models.utils import http_utils

from local.hostnames import resolve_localhost_names
from local.sandbox import TIMERS, temporary_ground
from tests.faults.harness import Workbench
from tests.support import AzureSide

SPEED = 800.0


@pytest.fixture(scope="package")
def workbench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    resolve_localhost_names()
    with temporary_ground(speed=SPEED, seed=11) as ground, pytest.MonkeyPatch.context() as patch:
        ground.host.kill()  # only its Azure is needed
        for name, value in ground.app_environment.items():
            patch.setenv(name, value)
        # A sweep's activities are not those of the command, and would move the place at which the power is cut.
        for name in TIMERS:
            patch.setenv(f"AzureWebJobs.{name}.Disabled", "true")
        # aiohttp has read SSL_CERT_FILE when it was imported, which was before there was a simulated Azure.
        aiohttp.connector._SSL_CONTEXT_VERIFIED.load_verify_locations(ground.app_environment["SSL_CERT_FILE"])
        with ground.simulation() as simulation:
            for quota in ("cores", "StandardNVADSA10v5Family"):
                body = {"region": "polandcentral", "name": quota, "limit": 100_000}
                simulation.put("/limits", json=body).raise_for_status()
        # The SDK's durable client keeps one session for as long as the process lives: one loop for all lives.
        with asyncio.Runner() as runner:
            yield Workbench(ground, tmp_path_factory.mktemp("faults"), SPEED, runner)
            runner.run(http_utils._close_session())


@pytest.fixture
def side(workbench: Workbench) -> Iterator[AzureSide]:
    with workbench.ground.simulation() as client:
        side = AzureSide(client)
        yield side
        side.behave()
