"""Snapshots that a deletion keeps: of every disk, in a group that belongs to no environment."""

import pytest

from dormouse.blueprints.catalog import plan_for
from dormouse.resources.compute.machines import ENVIRONMENT_TAG
from dormouse.resources.compute.snapshots import snapshots_of
from dormouse.resources.naming import group_name, snapshot_group_name
from dormouse.resources.registry import with_implied
from tests.unit.builders import ULID, target, workstation_spec

PLACE = {"subscription": "s", "deployment": "main", "environment": "ml1", "region": "westeurope", "ulid": ULID}


def test_each_disk_gets_a_snapshot_that_claims_to_belong_to_no_environment() -> None:
    found = snapshots_of(with_implied(plan_for(workstation_spec(), target())), **PLACE)
    (one,) = found.requests
    assert one.id == f"{found.group.id}/providers/Microsoft.Compute/snapshots/ml1-vm-disk-{ULID.lower()}"
    assert len(one.id.rsplit("/", 1)[-1]) <= 80
    assert (one.tags["dormouse-snapshot-of"], ENVIRONMENT_TAG in one.tags) == ("ml1", False)
    assert ENVIRONMENT_TAG not in found.group.body["tags"]


def test_an_environment_without_disks_has_no_snapshots() -> None:
    assert snapshots_of((), **PLACE).requests == ()


@pytest.mark.parametrize("deployment", ["main", "dev"])
@pytest.mark.parametrize("environment", ["snapshots", "snapshots-westeurope", "a-snapshots-westeurope"])
def test_the_group_of_snapshots_is_never_that_of_an_environment(deployment: str, environment: str) -> None:
    ours = {snapshot_group_name(name, "westeurope") for name in ("main", "dev")}
    assert len(ours) == 2
    assert group_name(deployment, environment) not in ours
