"""The version of a release's orchestrations, in its host.json: what a package must have, so that upgrades keep what runs.

https://learn.microsoft.com/azure/durable-task/common/durable-orchestration-versioning
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# A single number would be compared as text: 10 would be older than 9.
NUMBERS = re.compile(r"\d+(\.\d+){1,3}")
STRATEGIES = {"versionMatchStrategy": "CurrentOrOlder", "versionFailureStrategy": "Reject"}
FIRST_BUNDLE = (4, 30)  # the first bundle of extensions that knows versions
LOWEST = re.compile(r"\[(\d+)\.(\d+)\.\d+,")


def version_of(host_json: Path) -> str:
    """The version in a host.json; "" if there is none."""
    return str(_durable(json.loads(host_json.read_text())).get("defaultVersion", ""))


def faults_of_versions(host_json: Path) -> Iterator[str]:
    """What is wrong with the versions in a host.json."""
    if not host_json.is_file():
        return
    content = json.loads(host_json.read_text())
    durable = _durable(content)
    if not NUMBERS.fullmatch(str(durable.get("defaultVersion", ""))):
        yield "defaultVersion in host.json must have two to four numbers, such as 1.2"
    for name, wanted in STRATEGIES.items():
        if durable.get(name) != wanted:
            yield f"{name} in host.json must be {wanted}, so that an older release leaves newer operations alone"
    lowest = LOWEST.match(str(content.get("extensionBundle", {}).get("version", "")))
    if lowest is None or (int(lowest[1]), int(lowest[2])) < FIRST_BUNDLE:
        yield "extensionBundle in host.json must begin at 4.30.0 or later: earlier ones know no versions"


def _durable(content: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = content.get("extensions", {}).get("durableTask", {})
    return found
