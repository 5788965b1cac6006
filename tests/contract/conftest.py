"""The recordings, replayed once for all tests of this package."""

import pytest

from tests.conftest import unchecked
from tests.contract import coverage
from tests.contract.recordings import DATA
from tests.contract.replay import Outcome

PROVES = "that the simulated Azure answers as the recordings in ../shared/data do"


@pytest.fixture(scope="package")
def outcomes() -> list[Outcome]:
    """Every recording that the simulation claims to serve, replayed."""
    if not DATA.is_dir():
        unchecked("The folder of recordings", PROVES)
    return coverage.replayed()
