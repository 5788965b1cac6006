"""What is lost with an environment that is deleted because it sleeps on, and what is kept. Pure."""

from collections.abc import Sequence

from dormouse.environments.operations import EnvironmentRecord
from dormouse.idle.evidence import Evaluation
from dormouse.ids import operation_id_at, ulid_of
from dormouse.lifecycle import Verb
from dormouse.resources.compute.snapshots import Snapshots, snapshots_of
from dormouse.resources.compute.virtual_machines import DISK
from dormouse.resources.keyvault import is_secret
from dormouse.resources.naming import name_of
from dormouse.resources.ownership import OwnedResources
from dormouse.resources.plan import Resource

MOST_NAMED = 5


def losses_of(resources: Sequence[Resource], snapshots: Snapshots | None) -> str:
    """The sentences that say what a deletion of these resources takes with it, and what stays and is billed."""
    owned = OwnedResources.to_delete(resources).resources
    taken = [name_of(one.id) for one in owned if one.kind == DISK.name and one.id]
    kept = [name_of(one.id) for one in resources if one.kind == DISK.name and one.id and one not in owned]
    parts = [f"its disks ({_named(taken)})"] if taken else []
    parts += ["its passwords in the key vault"] if any(is_secret(one.id) for one in owned) else []
    lost = f"Lost with it: {' and '.join(parts)}." if parts else "Everything in it is lost."
    first = "Snapshots of the disks are taken first, and kept." if snapshots else ""
    stays = f"Kept, and billed on: {_named(kept)}." if kept else ""
    return " ".join(filter(None, (lost, first, stays)))


def _named(names: Sequence[str]) -> str:
    more = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def snapshots_before(record: EnvironmentRecord, case: Evaluation, *, subscription: str, deployment: str) -> Snapshots | None:
    """The snapshots that the spec wants before a deletion; None if it wants none, or if there is no disk to be deleted.

    Their names follow from the sleep, so that a deletion that is tried again takes the same ones.
    """
    if not case.stages.snapshots:
        return None
    since = case.tracked.sleep.dormant_since
    found = snapshots_of(
        OwnedResources.to_delete(record.resources).resources,
        subscription=subscription,
        deployment=deployment,
        environment=record.name,
        region=record.region,
        ulid=ulid_of(operation_id_at(record.name, Verb.DELETE, since, "forget_after")),
    )
    return found if found.requests else None
