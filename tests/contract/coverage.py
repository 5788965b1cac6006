"""`python -m tests.contract.coverage`: what the simulation serves, and how many recordings of real Azure confirm it."""

import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path

from local.azure.core import handlers
from local.azure.providers.kinds import (
    CLUSTER,
    GROUP,
    KEY_VAULT,
    LOCK,
    MACHINE,
    ML_COMPUTE,
    ML_JOB,
    REGISTRY,
    ROLE,
    ROLE_DEFINITION,
    SUBNET,
)
from local.azure.services.arm import kind_of
from local.azure.services.dispatch import POWER
from tests.contract import asked
from tests.contract.azure import Azure
from tests.contract.recordings import Recording, recordings
from tests.contract.replay import Outcome, replay
from tests.support import ROOT

Place = tuple[str, str]
MANY = 4
OF_CLUSTERS = {
    name.lower(): name for name in ("start", "stop", "listClusterUserCredential", "listClusterAdminCredential", "runCommand")
}
FILE = ROOT / "local" / "azure" / "COVERAGE.md"
HEAD = """# What the simulated Azure serves

Written by `python -m tests.contract.coverage`; a test compares it with the simulation. *Confirmed* counts the recordings
of real Azure for which the simulation's response, and those to the polls that follow, have the same status, headers that
clients act on, keys, types, values, error codes and the words of messages. *Explained* counts those that differ in a way
that `tests/contract/explained.py` names, recording by recording, with the reason. *Not served* counts the recordings
that need something that is not simulated; they get a 501 that names it. A verb without recordings follows the
documentation only.

*Dormouse* is the API version in which Dormouse asks (of requests by SDK clients: that of the pinned release), and
*recorded* the versions of the confirmed and explained recordings. Where they differ, the recordings confirm the shapes
of other versions than the one that is used. Actions on machines and their instance view are replayed from all versions
since 2017. Lists of sizes, batches of metrics and rows of machines are not recorded as Dormouse asks for them;
`tests/contract/test_related_recordings.py` compares them with the nearest recordings.

| type | verb | served | confirmed | explained | not served | Dormouse | recorded |
| --- | --- | --- | ---: | ---: | ---: | --- | --- |
"""
OTHERS = {
    "Resource Graph": ("POST",),
    "Microsoft.Compute usages": ("GET",),
    "Microsoft.Compute skus": ("GET",),
    "Microsoft.MachineLearningServices usages": ("GET",),
    "Microsoft.Storage checkNameAvailability": ("POST",),
    "Microsoft.ContainerRegistry checkNameAvailability": ("POST",),
    "Subscriptions, tenants, regions, providers, tags": ("GET",),
    "Resources of every type": ("LIST",),
    LOCK: ("LIST",),
    ROLE_DEFINITION: ("LIST",),
    SUBNET: ("LIST",),
    ML_JOB: ("LIST",),
    f"{ML_COMPUTE}/listNodes": ("POST",),
    "Metrics of ML workspaces": ("POST",),
    "Metrics of machines": ("POST",),
    "Metrics of one machine": ("GET",),
    "Key Vault secrets": ("GET", "PUT", "PATCH", "DELETE", "POST"),
    f"{KEY_VAULT} (deleted)": ("GET", "POST"),
    GROUP: ("PUT", "PATCH", "GET", "HEAD", "DELETE", "LIST"),
    f"{GROUP}/resources": ("LIST",),
    f"{MACHINE}/instanceView": ("GET",),
    **{f"{MACHINE}/{action}": ("POST",) for action in (*POWER.values(), "runCommand")},
    **{f"{CLUSTER}/{action}": ("POST",) for action in OF_CLUSTERS.values()},
    f"{REGISTRY}/importImage": ("POST",),
    "Microsoft.ContainerService kubernetesVersions": ("GET",),
}


def replayed() -> list[Outcome]:
    """Every recording that the simulation claims to serve, replayed."""
    with tempfile.TemporaryDirectory() as home:
        azure = Azure(Path(home))
        try:
            return [replay(azure, recording) for recording in recordings()]
        finally:
            azure.close()


def place_of(recording: Recording) -> Place:
    """The type and the verb of a recording."""
    op = recording.op.lower()
    if "vault:" in op:
        return "Key Vault secrets", recording.method
    for mark, kind in (
        ("resourcegraph", "Resource Graph"),
        ("/usages", "Microsoft.Compute usages"),
        ("/skus", "Microsoft.Compute skus"),
        ("storage/checknameavailability", "Microsoft.Storage checkNameAvailability"),
        ("containerregistry/checknameavailability", "Microsoft.ContainerRegistry checkNameAvailability"),
        ("insights/metrics", "Metrics of one machine"),
        ("/importimage", f"{REGISTRY}/importImage"),
        *((f"managedclusters/{{}}/{action}", f"{CLUSTER}/{name}") for action, name in OF_CLUSTERS.items()),
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
    """The content of the whole file."""
    confirmed, explained, refused = Counter[Place](), Counter[Place](), Counter[Place]()
    recorded: dict[Place, set[str]] = defaultdict(set)
    for outcome in outcomes:
        place = place_of(outcome.recording)
        count = refused if not outcome.served else explained if outcome.differences else confirmed
        count[place] += 1
        if outcome.served and not outcome.recording.recorded_in.startswith("None"):
            recorded[place].add(outcome.recording.recorded_in)
    asks, rows = asked.versions(), []
    for place in sorted(served_places() | set(confirmed) | set(explained) | set(refused)):
        kind, verb = place
        yes = "yes" if place in served_places() else "no"
        counts = f"{confirmed[place]} | {explained[place]} | {refused[place]}"
        rows.append(f"| {kind} | {verb} | {yes} | {counts} | {asks.get(place, '')} | {_span(recorded[place])} |")
    total = f"| all | | | {confirmed.total()} | {explained.total()} | {refused.total()} | | |"
    return HEAD + "\n".join([*rows, total]) + "\n"


def served_places() -> set[Place]:
    """Every type and verb that the simulation serves."""
    served = {(kind, verb) for kind, wanted in OTHERS.items() for verb in wanted}
    for verb, table in (
        ("PUT", handlers.PUT),
        ("PATCH", handlers.PATCH),
        ("GET", handlers.GET),
        ("DELETE", handlers.DELETE),
    ):
        served |= {(kind, verb) for kind in table}
    return served | {(kind, "LIST") for kind in handlers.LIST} | {(kind, "DELETE") for kind in (ROLE, ROLE_DEFINITION)}


def _span(versions: set[str]) -> str:
    """The oldest and the newest version, and how many there are."""
    if len(versions) < MANY:
        return ", ".join(sorted(versions))
    return f"{min(versions)} to {max(versions)} ({len(versions)})"


if __name__ == "__main__":
    FILE.write_text(text_of(replayed()))
