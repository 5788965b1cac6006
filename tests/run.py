"""Run all tests; the few files that fail while they share accelerated time with a busy computer are repeated once, alone."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

# Tests that run a host, a simulated Azure, whose seconds are fractions of real ones, or the agent with its threads.
ACCELERATED = tuple(
    f"tests/{folder}/"
    for folder in (
        "blueprints",
        "cli",
        "conformance",
        "dashboard",
        "docs",
        "e2e",
        "faults",
        "guest",
        "hazards",
        "host",
        "integration",
        "release",
        "simulator",
        "upgrades",
    )
)
# More files with failures than these, or more failures, have a cause that the load of the computer does not explain. Files
# are counted because all tests of a file fail with its fixture.
MOST_FILES, MOST_TESTS = 5, 60
# More than cores: a test waits for simulated time up to two thirds of its own, and another one can use the core.
MORE_THAN_CORES, MOST_WORKERS = 2, 6
ALL_TESTS = (
    *("-n", str(min((os.cpu_count() or 1) + MORE_THAN_CORES, MOST_WORKERS))),
    *("--dist", "loadfile", "--no-loadscope-reorder"),
)


def to_repeat(failed: Sequence[str]) -> list[str]:
    """Which failed tests (node IDs) are repeated: all of them or none."""
    files = {test.partition("::")[0] for test in failed}
    few = len(files) <= MOST_FILES and len(failed) <= MOST_TESTS
    return sorted(failed) if few and all(file.startswith(ACCELERATED) for file in files) else []


def run(arguments: Sequence[str], root: Path) -> int:
    """Run pytest in a folder; returns its exit status, or that of the repetition."""
    memory = root / ".pytest_cache" / "v" / "cache" / "lastfailed"
    memory.unlink(missing_ok=True)
    status = _pytest(arguments, root)
    if status != 1 or not memory.exists():
        return status
    again = to_repeat(list(json.loads(memory.read_text())))
    if not again or _pytest(again, root) != 0:
        return status
    sys.stdout.write("\nPASSED ONLY WHEN REPEATED ALONE (busy computer, or dependence on real time: find out which):\n")
    sys.stdout.writelines(f"  {test}\n" for test in again)
    return 0


def _pytest(arguments: Sequence[str], root: Path) -> int:
    return subprocess.run([sys.executable, "-m", "pytest", *arguments], cwd=root, check=False).returncode


if __name__ == "__main__":
    raise SystemExit(run(ALL_TESTS, Path(__file__).resolve().parent.parent))
