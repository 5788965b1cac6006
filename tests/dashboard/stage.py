"""What the dashboard is shown with: an estate with every verdict, an environment that runs, and a sweep that has ended."""

import contextlib
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx

from local.plain_http import NO_TLS
from local.sandbox import NOTHING_ELSE, Ground, temporary_ground
from tests.support import AzureSide, ControlPlane

ESTATE = Path(__file__).parent / "estate.yaml"
SPEED = 120.0
CLIENT = "7d5f1c1e-6a55-4c86-9f6e-0c6c1c9a3b41"  # the app registration of the page
DAYS = 30 * 86400  # seconds of simulated time, in which the tests end
PATIENCE = 60.0


@contextlib.contextmanager
def staged(settings: Mapping[str, str] = NOTHING_ELSE) -> Iterator[Ground]:
    """A ground with the environment `ml1`, judged by one sweep."""
    with temporary_ground(speed=SPEED, timers=False, estate=ESTATE, settings=settings) as ground:
        with ground.client() as client:
            ControlPlane(client).up("ml1")
            sweep(client)
        yield ground


@contextlib.contextmanager
def staged_with_entra() -> Iterator[tuple[Ground, httpx.Client, httpx.Client]]:
    """A ground to which users sign in with Entra, with `ml1` and one sweep; clients of an operator and of the simulation."""
    settings = {"HTTP_AUTH": "entra", "ENTRA_DASHBOARD_CLIENT_ID": CLIENT}
    with temporary_ground(speed=SPEED, timers=False, settings=settings) as ground, ground.simulation() as simulation:
        registration = {"id": CLIENT, "redirects": {f"{ground.api}/dashboard": "spa"}}
        simulation.put("/applications", json=registration).raise_for_status()
        person = {"name": "olga", "roles": ["operator"], "expires_in": DAYS}
        token = simulation.post("/people/token", json=person).json()["access_token"]
        headers = {"Authorization": f"Bearer {token}"}
        with httpx.Client(base_url=ground.api, headers=headers, timeout=30, trust_env=False, verify=NO_TLS) as client:
            ControlPlane(client).up("ml1")
            sweep(client)
            yield ground, client, simulation


def sweep(client: httpx.Client) -> None:
    """Run a sweep to its end."""
    identifier = client.post("/sweeps").raise_for_status().json()["sweep"]
    deadline = time.monotonic() + PATIENCE
    while client.get(f"/sweeps/{identifier}").json()["state"] == "running":
        assert time.monotonic() < deadline, "the sweep has not ended"
        time.sleep(0.1)


@contextlib.contextmanager
def building(ground: Ground, name: str) -> Iterator[str]:
    """An environment of this name that is being built; its machine waits until this ends."""
    with ground.client() as client, ground.simulation() as simulation:
        azure, control_plane = AzureSide(simulation), ControlPlane(client)
        azure.hold_up("PUT", f"virtualMachines/vm-{name}", times=9)
        accepted = control_plane.put(name)
        identifier = str(accepted.json()["operation"])
        control_plane.until_step(identifier, "nic", "done")
        try:
            yield identifier
        finally:
            azure.behave()
            control_plane.cancel(identifier)
            control_plane.wait(identifier)
