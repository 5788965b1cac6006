from collections.abc import Iterator

import pytest

from tests.simulator.containers.ground import Ground, namespace


@pytest.fixture(scope="session")
def simulation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    ground = Ground(tmp_path_factory.mktemp("clusters"))
    yield ground
    ground.close()


@pytest.fixture
def ground(simulation: Ground) -> Ground:
    """An empty group in a simulated Azure that all these tests share."""
    simulation.clean()
    return simulation


@pytest.fixture
def cluster(ground: Ground) -> Ground:
    """A cluster that runs, with an administrator and a namespace."""
    ground.ready()
    assert ground.apply(namespace()).status == 201
    return ground


@pytest.fixture
def gpu_cluster(cluster: Ground) -> Ground:
    """A cluster with a pool for GPUs that has no nodes."""
    assert cluster.pool().status == 201
    cluster.azure.finish()
    return cluster
