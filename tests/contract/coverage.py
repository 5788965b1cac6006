"""`python -m tests.contract.coverage`: what the simulation serves, and how many recordings of real Azure confirm it."""

import tempfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from local.azure.core import handlers
from local.azure.providers.kinds import GROUP, KEY_VAULT, MACHINE
from local.azure.services.arm import POWER, kind_of
from tests.contract.azure import Azure
from tests.contract.recordings import Recording, recordings
from tests.contract.replay import Outcome, replay
from tests.support import ROOT

FILE = ROOT / "local" / "azure" / "COVERAGE.md"
HEAD = """# What the simulated Azure serves

Made by `python -m tests.contract.coverage`; a test holds it against the simulation. *Confirmed* counts the recordings of
real Azure whose request the simulation answers alike: status, headers that clients act on, keys and types, error codes;
differences that are known are listed with their reasons in `tests/contract/explained.py`. *Not served* counts the
recordings that ask for something that is not modelled, and are answered 501 with its name. A verb without recordings
follows the documentation only.

| type | verb | served | confirmed | not served |
| --- | --- | --- | ---: | ---: |
"""
OTHERS = {
    "Resource Graph": ("POST",),
    "Microsoft.Compute usages": ("GET",),
    "Microsoft.Compute skus": ("GET",),
    "Microsoft.Storage checkNameAvailability": ("POST",),
    "Key Vault secrets": ("GET", "PUT", "PATCH", "DELETE", "POST"),
    f"{KEY_VAULT} (deleted)": ("GET", "POST"),
    GROUP: ("PUT", "PATCH", "GET", "HEAD", "DELETE", "LIST"),
    f"{GROUP}/resources": ("LIST",),
    f"{MACHINE}/instanceView": ("GET",),
    **{f"{MACHINE}/{action}": ("POST",) for action in (*POWER.values(), "runCommand")},
}


def replayed() -> list[Outcome]:
    """Every recording that the simulation claims to serve, replayed."""
    with tempfile.TemporaryDirectory() as home:
        azure = Azure(Path(home))
        try:
            return [replay(azure, recording) for recording in recordings()]
        finally:
            azure.close()


def place_of(recording: Recording) -> tuple[str, str]:
    """The type and the verb that a recording is about."""
    op = recording.op.lower()
    if "vault:" in op:
        return "Key Vault secrets", recording.method
    for mark, kind in (
        ("resourcegraph", "Resource Graph"),
        ("/usages", "Microsoft.Compute usages"),
        ("/skus", "Microsoft.Compute skus"),
        ("checknameavailability", "Microsoft.Storage checkNameAvailability"),
        ("deletedvaults", f"{KEY_VAULT} (deleted)"),
        ("/instanceview", f"{MACHINE}/instanceView"),
        ("/runcommand", f"{MACHINE}/runCommand"),
        *((f"/{action.lower()}", f"{MACHINE}/{action}") for action in POWER.values()),
    ):
        if op.endswith(mark) or (mark in op and mark in ("resourcegraph", "deletedvaults")):
            return kind, recording.method
    collection = not op.endswith("{}")
    return kind_of(recording.bare), "LIST" if collection and recording.method == "GET" else recording.method


def text_of(outcomes: Iterable[Outcome]) -> str:
    """The whole file."""
    confirmed: Counter[tuple[str, str]] = Counter()
    refused: Counter[tuple[str, str]] = Counter()
    for outcome in outcomes:
        (confirmed if outcome.served else refused)[place_of(outcome.recording)] += 1
    served = {(kind, verb) for kind, wanted in OTHERS.items() for verb in wanted}
    for verb, table in (
        ("PUT", handlers.PUT),
        ("PATCH", handlers.PATCH),
        ("GET", handlers.GET),
        ("DELETE", handlers.DELETE),
    ):
        served |= {(kind, verb) for kind in table}
    served |= {(kind, "LIST") for kind in handlers.LIST} | {("Microsoft.Authorization/roleAssignments", "DELETE")}
    rows = []
    for kind, verb in sorted(served | set(confirmed) | set(refused)):
        place = (kind, verb)
        rows.append(f"| {kind} | {verb} | {'yes' if place in served else 'no'} | {confirmed[place]} | {refused[place]} |")
    total = f"| all | | | {confirmed.total()} | {refused.total()} |"
    return HEAD + "\n".join([*rows, total]) + "\n"


if __name__ == "__main__":
    FILE.write_text(text_of(replayed()))
