"""`python -m local.run`: the control plane on a simulated Azure, until interrupted."""

import argparse
import signal
import sys
import time
from pathlib import Path

from local.processes import GroundError
from local.sandbox import Ground

PORT, AZURE_PORT = 7071, 7443


def main() -> int:
    """Start both processes, print how to use them, and wait."""
    parser = argparse.ArgumentParser(prog="local.run", description=__doc__)
    parser.add_argument("--speed", type=float, default=10.0, help="simulated seconds per real second")
    parser.add_argument("--home", type=Path, default=Path(".local"), help="folder for state, keys and logs")
    parser.add_argument("--estate", type=Path, help="file of existing machines (docs/estates.md)")
    given = parser.parse_args()
    home = given.home.resolve()
    ground = Ground(home, speed=given.speed, tails=True, port=PORT, azure_port=AZURE_PORT, estate=given.estate)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # as after Ctrl-C: both processes are stopped
    try:
        ground.start()
        print(_welcome(ground), flush=True)
        return _wait(ground)
    except GroundError as error:
        print(f"{error}\nIs one of the ports {PORT} and {AZURE_PORT} in use?", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0
    finally:
        ground.stop()


def _wait(ground: Ground) -> int:
    while True:
        time.sleep(0.5)
        for process in (ground.azure, ground.host):
            if process.running is None or process.running.poll() is not None:
                print(f"A process has ended unexpectedly; see its log {process.log}.", file=sys.stderr)
                return 1


def _welcome(ground: Ground) -> str:
    key = f'-H "x-functions-key: {ground.key}"'
    return f"""The control plane is running at {ground.api} on a simulated Azure. Its function key is {ground.key}

Try:
  curl {key} {ground.api}/blueprints
  curl {key} -X PUT -d @examples/workstation.json {ground.api}/environments/ml1
  curl {key} {ground.api}/environments/ml1
  curl {key} {ground.api}/machines
  examples/say-in-slack.sh up ml1

State, keys and logs are in {ground.home}; delete that folder to start over. Ctrl-C stops both processes."""


if __name__ == "__main__":
    sys.exit(main())
