"""Official tools against the simulated Azure; `make azure-cli` and `make custodian` install them and run these tests."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.sandbox import Ground, temporary_ground
from tests.conformance.tools.proxy import LocalhostProxy

# They need a large download of their own, so that only their targets in the Makefile collect these tests.
collect_ignore_glob = [] if os.environ.get("OFFICIAL_TOOLS") else ["test_*.py"]
ESTATE = {
    "machines": [
        {"id": "research/quiet", "size": "Standard_D4s_v5", "created": "12d", "host": {"cpu_percent": "1..2"}},
        {"id": "research/busy", "size": "Standard_D4s_v5", "created": "12d", "host": {"cpu_percent": "80..90"}},
        {"id": "office/desk", "size": "Standard_D4s_v5", "created": "12d", "tags": {"stop": "please"}},
        {"id": "office/spare", "size": "Standard_D4s_v5", "created": "12d", "power": "deallocated"},
    ]
}


@pytest.fixture(scope="module")
def estate_ground() -> Iterator[Ground]:
    """A simulated Azure with four machines."""
    with temporary_ground(speed=60.0, timers=False, agents=False) as ground:
        with ground.simulation() as simulation:
            simulation.post("/estate", json=ESTATE).raise_for_status()
            simulation.put("/permissions", json={"actions": ["*"]}).raise_for_status()  # the tools are administrators'
        yield ground


@pytest.fixture(scope="module")
def environment(estate_ground: Ground, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment of a tool that trusts the simulation and reaches nothing else."""
    home: Path = tmp_path_factory.mktemp("tool")
    with LocalhostProxy() as proxy:
        yield {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "REQUESTS_CA_BUNDLE": str(estate_ground.home / "azure" / "ca.pem"),
            "HTTPS_PROXY": proxy.url,
            "HTTP_PROXY": proxy.url,
        }
