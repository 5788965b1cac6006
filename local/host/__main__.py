"""`python -m local.host`: serve the app in a folder until interrupted."""

import argparse
import asyncio
import contextlib
import logging
import os
import sys
from pathlib import Path

from local.host.durable.store import Store
from local.host.functions.worker import AppError
from local.host.server import Host, Place
from local.host.timestamps import parse_timestamps_once
from local.hostnames import resolve_localhost_names


def main() -> int:
    """Read the command line, load the app, serve."""
    parser = argparse.ArgumentParser(prog="local.host", description=__doc__)
    parser.add_argument("--app", type=Path, default=Path(), help="the folder that holds function_app.py and host.json")
    parser.add_argument("--home", type=Path, default=Path(".local/host"), help="folder for the host's state and keys")
    parser.add_argument("--port", type=int, default=7071)
    parser.add_argument("--speed", type=float, default=1.0, help="simulated seconds per real second")
    parser.add_argument("--origin", type=float, help="origin of simulated time, in seconds since 1970")
    parser.add_argument(
        "--extended-sessions",
        action="store_true",
        help="keep orchestrators in memory, and replay histories only after a start, when they have doubled, and at the end",
    )
    given = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    resolve_localhost_names()
    app, home = given.app.resolve(), given.home.resolve()
    home.mkdir(parents=True, exist_ok=True)
    store = Store(home / "host.sqlite")
    store.clock(given.speed, given.origin)  # stored: the host uses it from now on

    parse_timestamps_once()
    if app.is_dir():
        os.chdir(app)  # apps read files beside them by relative paths, as the official worker allows
    try:
        host = Host(Place(app, home, given.port, given.speed, given.extended_sessions), store=store)
    except AppError as error:
        print(f"The app cannot be loaded: {error}", file=sys.stderr)
        return 1
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(host.serve(lambda: print(f"listening on http://127.0.0.1:{given.port}", flush=True)))
    return 0


if __name__ == "__main__":
    code = main()
    logging.shutdown()
    os._exit(code)  # threads that still run an activity are not awaited: the activity is called again after the next start
