"""A program for the environment of checkov: prints what it says of the Bicep files in some folders, as one JSON document.

Its command line says neither which resources it saw nor which rules broke, and ends with 0 for files that it cannot parse.
"""

import json
import logging
import sys
from typing import Any

import checkov.arm.runner  # noqa: F401 - most rules for Bicep are those for ARM templates
from checkov.bicep.runner import Runner
from checkov.runner_filter import RunnerFilter


class Broken(logging.Handler):
    """Keeps which rules ended with an exception, from the message `Failed to run check RULE on FILE:RESOURCE`."""

    def __init__(self) -> None:
        """Keep none yet."""
        super().__init__(logging.ERROR)
        self.rules: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the rule and the resource."""
        _, _, rest = record.getMessage().partition("Failed to run check ")
        rule, _, where = rest.partition(" on ")
        self.rules.append(f"{rule} {where.rpartition(':')[2]}")


def report_on(folder: str) -> dict[str, Any]:
    """What was seen in a folder, what could not be parsed, which rules failed or broke, and how many passed."""
    kept, runner = Broken(), Runner()
    logging.getLogger().handlers = [kept]
    report = runner.run(root_folder=folder, runner_filter=RunnerFilter(framework=["bicep"], show_progress_bar=False))
    # Its own count of resources is one of parameters, too.
    blocks = [block for file in runner.definitions.values() for block in (file.get("resources") or {}).items()]
    return {
        "resources": sorted(f"{block['type'].partition('@')[0]}.{name}" for name, block in blocks),
        "unreadable": sorted(report.parsing_errors),
        "failed": sorted({f"{one.check_id} {one.resource}" for one in report.failed_checks}),
        "broken": sorted(kept.rules),
        "passed": len(report.passed_checks),
    }


if __name__ == "__main__":
    logging.disable(logging.WARNING)
    sys.stdout.write(json.dumps([report_on(folder) for folder in sys.argv[1:]]))
