"""Snapshots of the disks of an environment that is deleted, in a resource group that is not deleted with it."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from dormouse.resources.naming import snapshot_group_name
from dormouse.resources.plan import Resource
from dormouse.resources.registry import kind_of

SNAPSHOTS = "Microsoft.Compute/snapshots"


@dataclass(frozen=True, slots=True)
class SnapshotRequest:
    """Input of the activity that takes a snapshot of a disk: the ID, region and tags of the snapshot."""

    disk: Resource
    id: str
    region: str
    tags: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Snapshots:
    """The snapshots that a deletion takes first, and the resource group that they are kept in."""

    group: Resource
    requests: tuple[SnapshotRequest, ...]


def snapshots_of(
    resources: Sequence[Resource], *, subscription: str, deployment: str, environment: str, region: str, ulid: str
) -> Snapshots:
    """A snapshot of each of the disks among these resources; `ulid` makes their names unique.

    The tags name the environment without claiming that the snapshots belong to it: a deletion looks for those that do.
    """
    tags = {"dormouse-deployment": deployment, "dormouse-snapshot-of": environment}
    root = f"/subscriptions/{subscription}/resourceGroups/{snapshot_group_name(deployment, region)}"
    group = Resource("snapshots", "resource_group", root, {"location": region, "tags": {"dormouse-deployment": deployment}})
    found = tuple(
        SnapshotRequest(disk, f"{root}/providers/{SNAPSHOTS}/{environment}-{disk.name}-{ulid.lower()}", region, tags)
        for disk in resources
        if kind_of(disk).snapshots and disk.id
    )
    return Snapshots(group, found)
