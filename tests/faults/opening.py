"""Opening a workbench: a simulated Azure, and this process prepared to be the host."""

import asyncio
import contextlib
import functools
import inspect
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aiohttp.connector
import pytest
from azure.durable_functions.models.utils import http_utils
from azure.functions.decorators import utils as binding_types

from local.host.durable.store import Store
from local.host.timestamps import parse_timestamps_once
from local.hostnames import resolve_localhost_names
from local.sandbox import TIMERS, temporary_ground
from orchestrators.durable import LONGEST_OPERATION
from orchestrators.environments import suspend
from tests.faults.harness import VERBS, Recording, Workbench, contents
from tests.support import WORKSTATION, AzureSide

SPEED = 800.0


@contextlib.contextmanager
def open_workbench(home: Path) -> Iterator[Workbench]:
    """A workbench whose hosts run in this process; `home` is an empty folder."""
    resolve_localhost_names()
    with temporary_ground(speed=SPEED, seed=11) as ground, pytest.MonkeyPatch.context() as patch:
        ground.host.kill()  # only its simulated Azure is needed
        for name, value in ground.app_environment.items():
            patch.setenv(name, value)
        # In real time: at a higher speed a message from Slack would be too old within half a real second.
        patch.setenv("CLOCK_SPEED", "1")
        # People wait five minutes for what a machine is told before its stop, and after its start. That is less than half a
        # real second here, in which a busy computer makes no request: it may be told as late as everything else.
        patch.setattr(suspend, "LONGEST_SUSPENSION", LONGEST_OPERATION)
        # A sweep's activities do not belong to the command, and would shift the place of the crash.
        for name in TIMERS:
            patch.setenv(f"AzureWebJobs.{name}.Disabled", "true")
        # aiohttp read SSL_CERT_FILE when it was imported, before there was a simulated Azure.
        aiohttp.connector._SSL_CONTEXT_VERIFIED.load_verify_locations(ground.app_environment["SSL_CERT_FILE"])
        parse_timestamps_once()
        # The SDK looks at the constructor of a binding for each of its instances, and a thousand hosts make their own.
        patch.setattr(binding_types, "inspect", SimpleNamespace(signature=functools.cache(inspect.signature)))
        # The SDK's durable client keeps one session for the life of the process: one event loop for all lives, and nothing
        # that an earlier loop of this process has left.
        patch.setattr(http_utils, "_client_session", None)
        patch.setattr(http_utils, "_session_lock", asyncio.Lock())
        with ground.simulation() as simulation, asyncio.Runner() as runner:
            for region, quota in (
                ("polandcentral", "cores"),
                ("polandcentral", "StandardNVADSA10v5Family"),
                ("swedencentral", "cores"),
            ):
                body = {"region": region, "name": quota, "limit": 100_000}
                simulation.put("/limits", json=body).raise_for_status()
            workbench = Workbench(ground, simulation, home, SPEED, runner, ground.clock.origin)
            Store(workbench.file).close()
            yield workbench
            runner.run(http_utils._close_session())


def record_all(
    workbench: Workbench, name: str, spec: dict[str, Any] = WORKSTATION, verbs: tuple[str, ...] = VERBS
) -> dict[str, Recording]:
    """Each command, one after the other, without faults."""
    made = {}
    for verb in verbs:
        made[verb], done = workbench.record(name, verb, spec)
        assert done.operation["outcome"] == "succeeded", done.operation
        made[verb].end = contents(AzureSide(workbench.simulation), name)
    return made
