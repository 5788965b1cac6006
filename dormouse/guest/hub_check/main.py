"""The commands of the program: `certificate` and `login`."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

from .certificate import check_certificate
from .login import check_login
from .results import Result

SETTINGS = os.environ.get("DORMOUSE_HUB", "/etc/jupyterhub/hub.json")


def main() -> int:
    """Make one check and print its result."""
    hub = json.loads(Path(SETTINGS).read_text())
    try:
        check_certificate(hub) if sys.argv[1] == "certificate" else check_login(hub)
    except Result as result:
        print(result)
    except (OSError, ValueError, KeyError, subprocess.SubprocessError, asyncio.TimeoutError) as error:
        print(f"waiting the check could not be made: {type(error).__name__}: {error}"[:180])
    return 0
