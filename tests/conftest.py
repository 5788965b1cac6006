"""The ground that tests stand on, and a loud word about what could not be checked."""

import itertools
import os
import shutil
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import settings

from local.sandbox import Ground, temporary_ground
from tests.support import AzureSide, ControlPlane

# How long an example takes is a matter of what else the computer does.
settings.register_profile("dormouse", deadline=None)
settings.load_profile("dormouse")

SPEED = 400.0
UNCHECKED: list[str] = []
PASSED: Counter[str] = Counter()  # cases of faults by what was spoilt
_names = itertools.count(1)


@pytest.fixture(scope="session")
def ground() -> Iterator[Ground]:
    """One simulated Azure and one host for all tests that leave them as they were."""
    with temporary_ground(speed=SPEED, timers=False, agents=False) as running:
        with running.simulation() as simulation:
            for region, name in itertools.product(("polandcentral", "westeurope"), ("cores", "StandardNVADSA10v5Family")):
                body = {"region": region, "name": name, "limit": 10_000}
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


@pytest.fixture
def name() -> str:
    """A name that no other test uses."""
    return f"t{next(_names)}"


@pytest.fixture
def cloud_init() -> str:
    """The real cloud-init, which only apt has; without it CI fails and a laptop is told at the end."""
    found = shutil.which("cloud-init")
    if found is None:
        unchecked("cloud-init", "that the real cloud-init accepts our cloud-config (Debian, Ubuntu: apt install cloud-init)")
    return str(found)


def unchecked(what: str, proves: str) -> None:
    """This machine lacks something to prove something with: an error in CI, elsewhere said loudly at the end."""
    if os.environ.get("CI"):
        pytest.fail(f"{what} is missing, and CI must prove {proves}")
    UNCHECKED.append(proves)
    # A skip that anybody may check: these tests hold our work against a program or data of somebody else, the real
    # cloud-init, systemd, curl and openssl, Azurite on Node.js, Microsoft's worker on Python 3.13, a folder of recordings.
    # None of them is ours to put on a stranger's computer, and without it there is nothing to compare with: to pass would
    # claim a check that was not made, to fail would blame code that is not at fault. What was left out is said in red at
    # the end; and CI, which decides whether a change is good, never gets as far as this line.
    pytest.skip(f"{what} is missing here, and `make test` cannot install it: not checked is {proves}")


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """What a worker process has to say at the end is said by the process that started it."""
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
