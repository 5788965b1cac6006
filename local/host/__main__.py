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
    parser.add_argument("--home", type=Path, default=Path(".local/host"), help="where the host keeps its memory and keys")
    parser.add_argument("--port", type=int, default=7071)
    parser.add_argument("--speed", type=float, default=1.0, help="simulated seconds in a real second")
    parser.add_argument("--origin", type=float, help="when simulated time began to run at that speed, in seconds since 1970")
    given = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    resolve_localhost_names()
    home = given.home.resolve()
    home.mkdir(parents=True, exist_ok=True)
    store = Store(home / "host.sqlite")
    store.clock(given.speed, given.origin)  # remembered: the host goes by it from now on

    parse_timestamps_once()
    try:
        host = Host(Place(given.app.resolve(), home, given.port, given.speed), store=store)
    except AppError as error:
        print(f"The app cannot be loaded: {error}", file=sys.stderr)
        return 1
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(host.serve(lambda: print(f"listening on http://127.0.0.1:{given.port}", flush=True)))
    return 0


if __name__ == "__main__":
    code = main()
    logging.shutdown()
    os._exit(code)  # threads that still run an activity are not waited for: it is called again after the next start
