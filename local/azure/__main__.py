"""`python -m local.azure`: serve the simulated Azure until interrupted."""

import argparse
import asyncio
import contextlib
import os
import secrets
import sys
from pathlib import Path

from local.azure.core.world import StateError
from local.azure.server import AUDIENCE, Place, SimulatedAzure
from local.azure.vms import estate_loader, estates
from local.azure.vms.estates import EstateError


def main() -> int:
    """Parse the command line and serve. The app's identity must send IDENTITY_HEADER (from the environment) to get tokens."""
    parser = argparse.ArgumentParser(prog="local.azure", description=__doc__)
    parser.add_argument("--home", type=Path, default=Path(".local/azure"), help="folder for certificates")
    parser.add_argument("--port", type=int, default=7443)
    parser.add_argument("--speed", type=float, default=1.0, help="simulated seconds per real second")
    parser.add_argument("--origin", type=float, help="origin of simulated time, in real seconds since 1970 (default: now)")
    parser.add_argument("--seed", type=int, default=1, help="the same seed draws the same durations")
    parser.add_argument("--tails", action="store_true", help="one operation in ten takes unusually long, as in Azure")
    parser.add_argument("--state", type=Path, help="file for the state (default: in memory only)")
    parser.add_argument(
        "--control-plane", default="", help="where the agents of an estate report, like http://127.0.0.1:7071/api"
    )
    parser.add_argument("--audience", default=AUDIENCE, help="audience of their tokens")
    parser.add_argument("--estate", type=Path, help="file (YAML or JSON) of existing machines (docs/estates.md)")
    given = parser.parse_args()
    secret = os.environ.get("IDENTITY_HEADER") or secrets.token_urlsafe(32)
    state = given.state.resolve() if given.state else ":memory:"
    try:
        whom = (given.control_plane, given.audience)
        place = Place(
            given.home.resolve(), given.port, given.speed, given.seed, state, secret, given.origin, *whom, given.tails
        )
        azure = SimulatedAzure(place)
        azure.world.index_everything()
        if given.estate:
            estate_loader.load(azure.world, estates.read(given.estate))
    except (StateError, EstateError) as error:
        print(f"The simulated Azure cannot start: {error}", file=sys.stderr)
        return 1
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(azure.serve(lambda: print(f"listening on https://management.localhost:{given.port}", flush=True)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
