"""A deletion can keep snapshots of the disks: they survive it, are listed with their IDs, and are no leftovers."""

from tests.support import AzureSide, ControlPlane

SNAPSHOT = "Microsoft.Compute/snapshots"


def snapshots(azure: AzureSide, name: str) -> list[dict[str, object]]:
    return [one for one in azure.everything() if one["type"] == SNAPSHOT and f"/{name}-" in str(one["id"])]


def test_a_snapshot_survives_the_deletion_and_is_named_in_its_outcome(
    control_plane: ControlPlane, azure: AzureSide, name: str
) -> None:
    control_plane.up(name)
    looked = control_plane.delete(name, snapshot="true", dry_run="true").json()
    assert len(looked["snapshots"]) == 1
    assert snapshots(azure, name) == []
    (disk,) = azure.disks(name)
    ended = control_plane.follow(control_plane.delete(name, snapshot="true"))
    assert ended["outcome"] == "succeeded", ended["reason"]
    assert [step["name"] for step in ended["steps"]][:3] == ["survey", "keep snapshots", "snapshot vm-disk"]
    assert (azure.resources(name), ended["leftovers"]) == ([], [])
    (kept,) = snapshots(azure, name)
    properties = kept["properties"]
    assert isinstance(properties, dict)
    assert (properties["creationData"]["sourceResourceId"], properties["provisioningState"]) == (disk, "Succeeded")
    assert f"Kept, and billed until you delete them: {kept['id']}." in ended["reason"]
    assert "/resourceGroups/rg-dormouse----snapshots-polandcentral/" in str(kept["id"])
    # The same name can be used again, and its deletion neither finds nor deletes what was kept.
    control_plane.up(name)
    again = control_plane.down(name)
    assert (again["outcome"], str(kept["id"]) in again["reason"]) == ("succeeded", False)
    assert snapshots(azure, name) == [kept]


def test_without_a_snapshot_nothing_is_deleted(control_plane: ControlPlane, azure: AzureSide, name: str) -> None:
    control_plane.up(name)
    azure.spoil(method="PUT", kind=SNAPSHOT, code="ScopeLocked", times=1)
    ended = control_plane.follow(control_plane.delete(name, snapshot="true"))
    assert (ended["outcome"], ended["reason"].startswith("Nothing was deleted.")) == ("refused", True), ended["reason"]
    seen = control_plane.get(name)
    assert (seen["state"], seen["operation"]) == ("running", None)
    assert control_plane.down(name)["outcome"] == "succeeded"
    assert snapshots(azure, name) == []
