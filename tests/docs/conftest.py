"""The command line is another package of this repository; it is imported from where it lies."""

import sys

from tests.support import ROOT

sys.path.insert(0, str(ROOT / "cli"))
