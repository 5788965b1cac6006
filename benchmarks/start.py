"""How long a cold start imports the app, compared with the two libraries that every such app needs."""

import os
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.figures import Figure, Room, at_most

ROOT = Path(__file__).resolve().parent.parent
NOTHING, NEEDED, APP = "pass", "import azure.functions, azure.durable_functions", "import function_app"
TIMES = 15
RATIO = 1.5


def measure() -> Room:
    """The best of many starts of each kind, in sequence, minus the start of Python itself."""
    _seconds(APP)  # everything is compiled from now on
    best = dict.fromkeys((NOTHING, NEEDED, APP), float("inf"))
    for _ in range(TIMES):
        for code in best:
            best[code] = min(best[code], _seconds(code))
    needed, app = best[NEEDED] - best[NOTHING], best[APP] - best[NOTHING]
    figures = (
        at_most("import of the app, compared with its two libraries", app / needed, RATIO),
        Figure("the same, seconds", f"{app:.2f} s beside {needed:.2f} s"),
    )
    return Room("start", {"import_ratio": round(app / needed, 2)}, figures)


def _seconds(code: str) -> float:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, check=True)  # noqa: S603 - our own words
    return time.perf_counter() - begun
