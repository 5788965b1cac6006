"""Fixtures: the Resource Manager of the release, a control plane on the shared ground, and time that passes at once."""

import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import httpx
import pytest

from local.azure.server import IDENTITY, MANAGEMENT
from local.sandbox import Ground
from release.arm import Arm
from release.control_plane import ControlPlane
from release.deployment import Deployment, deployment_of
from release.patience import Patience
from tests.release.resource_manager import SUBSCRIPTION, TOKEN, ResourceManager, served


@dataclass
class Time:
    """Simulated time of the release: a sleep ends at once, and something may happen in it."""

    now: float = 0.0
    in_between: list[Callable[[], object]] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        if self.in_between:
            self.in_between.pop(0)()

    def patience(self, seconds: float = 60.0) -> Patience:
        return Patience(seconds, 15.0, self.sleep, lambda: self.now)


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def manager(ground: Ground) -> Iterator[ResourceManager]:
    """A Resource Manager that has deployed the control plane of the ground."""
    with served(ResourceManager(api=ground.api, key=ground.key)) as running:
        running.as_deployed()
        yield running


@pytest.fixture
def arm(manager: ResourceManager) -> Iterator[Arm]:
    with httpx.Client(base_url=manager.url, trust_env=False) as client:
        yield Arm(client, lambda: TOKEN, SUBSCRIPTION)


@pytest.fixture
def deployment(arm: Arm) -> Deployment:
    return deployment_of(arm, "int")


@pytest.fixture
def plane(ground: Ground) -> Iterator[ControlPlane]:
    """The API, as the release reaches it."""
    with httpx.Client(timeout=30, trust_env=False) as client:
        yield ControlPlane(client, ground.api, {"x-functions-key": ground.key})


@pytest.fixture
def azure_arm(ground: Ground) -> Iterator[Arm]:
    """The simulated Azure, asked as the app's own identity."""
    trust = ssl.create_default_context(cafile=str(ground.home / "azure" / "ca.pem"))
    trust.check_hostname = False  # by its address, because not every resolver knows the name
    address = f"https://127.0.0.1:{ground.azure_port}"
    identity, manager = (f"{name}:{ground.azure_port}" for name in (IDENTITY, MANAGEMENT))
    secret = {"X-IDENTITY-HEADER": ground.app_environment["IDENTITY_HEADER"], "Host": identity}
    asked = {"resource": "https://management.azure.com", "api-version": "2019-08-01"}
    with httpx.Client(base_url=address, verify=trust, trust_env=False) as client:
        token = client.get("/msi/token", params=asked, headers=secret).raise_for_status().json()["access_token"]
        client.headers["Host"] = manager
        yield Arm(client, lambda: str(token), SUBSCRIPTION)
