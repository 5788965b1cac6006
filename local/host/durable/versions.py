"""Versions of orchestrations: an instance keeps the one it was started with, and a host leaves newer ones alone.

(https://learn.microsoft.com/azure/durable-task/common/durable-orchestration-versioning; Azure/durabletask,
Settings/VersioningSettings.cs and TaskOrchestrationDispatcher.cs; Azure/azure-functions-durable-extension,
DurableTaskExtension.cs: the strategies apply without a `defaultVersion`, too.) Only orchestrators are compared: an activity
or entity runs on every host, whatever the version of the orchestration that called it.
"""

import re
from dataclasses import dataclass

# What .NET's System.Version reads: two to four numbers. A single number is compared as text.
NUMBERS = re.compile(r"\s*\d+(\.\d+){1,3}\s*", re.ASCII)
MISMATCH = "VersionMismatch: Orchestration version did not comply with Worker Versioning"


@dataclass(frozen=True, slots=True)
class Versioning:
    """The settings of host.json: the version of new instances, which ones are run, and whether the others fail."""

    default: str = ""
    match: str = "CurrentOrOlder"
    failure: str = "Reject"

    def of_new(self, asked: str | None) -> str | None:
        """The version of a new instance; None if neither the caller nor host.json names one."""
        return asked or self.default or None

    def runs(self, version: str | None) -> bool:
        """Whether this host runs the orchestrator of an instance with this version."""
        order = compared(version, self.default)
        return self.match == "None" or (order == 0 if self.match == "Strict" else order <= 0)

    @property
    def fails(self) -> bool:
        """Whether an instance that this host does not run fails, instead of waiting for a host that does."""
        return self.failure == "Fail"


def compared(left: str | None, right: str | None) -> int:
    """-1, 0 or 1 for older, equal or newer: none is the oldest, numbers are compared part by part, the rest as text."""
    mine, other = (left or "").strip(), (right or "").strip()
    if not mine or not other:
        return bool(mine) - bool(other)
    if NUMBERS.fullmatch(mine) and NUMBERS.fullmatch(other):
        # A missing part is older than 0, as in .NET.
        parts, others = ([int(part) for part in text.split(".")] for text in (mine, other))
        return (parts > others) - (parts < others)
    return (mine.lower() > other.lower()) - (mine.lower() < other.lower())
