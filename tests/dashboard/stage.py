"""What the dashboard is shown with: an estate with every verdict, an environment that runs, and a sweep that has ended."""

import contextlib
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from local.sandbox import NOTHING_ELSE, Ground, temporary_ground
from tests.support import AzureSide, ControlPlane

ESTATE = Path(__file__).parent / "estate.yaml"
SPEED = 120.0
CLIENT = "7d5f1c1e-6a55-4c86-9f6e-0c6c1c9a3b41"  # the app registration of the page
PATIENCE = 60.0


@contextlib.contextmanager
def staged(settings: Mapping[str, str] = NOTHING_ELSE) -> Iterator[Ground]:
    """A ground with the environment `ml1`, judged by one sweep, to which users sign in by key or with Entra."""
    known = {"ENTRA_DASHBOARD_CLIENT_ID": CLIENT, **settings}
    with temporary_ground(speed=SPEED, timers=False, estate=ESTATE, settings=known) as ground:
        with ground.client() as client, ground.simulation() as simulation:
            page = {"id": CLIENT, "redirects": {f"{ground.api}/dashboard": "spa"}}
            simulation.put("/applications", json=page).raise_for_status()
            ControlPlane(client).up("ml1")
        sweep(ground)
        yield ground


def sweep(ground: Ground) -> None:
    """Run a sweep to its end."""
    with ground.client() as client:
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
