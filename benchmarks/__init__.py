"""Benchmarks of the promised figures: `make bench`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "cli"))  # the command line is a package of its own
