"""Promotion of images from one registry of an environment to another: by digest, by those who may, and only once."""

from typing import Any

import pytest

from tests.support import AzureSide, ControlPlane

DEPOT = {"blueprint": "depot", "region": "polandcentral"}
OLD, NEW, OTHER = (f"sha256:{letter * 64}" for letter in "abc")
REGISTRY = "Microsoft.ContainerRegistry/registries"


class Depot:
    """An environment with two registries, and what is in them."""

    def __init__(self, control_plane: ControlPlane, azure: AzureSide, name: str) -> None:
        self.control_plane, self.azure, self.name = control_plane, azure, name
        control_plane.up(name, DEPOT)
        registries = {one["id"]: one["name"] for one in azure.of_type(name, REGISTRY)}
        plan = control_plane.put(name, DEPOT, dry_run="true").json()["resources"]
        self.registries = {one["name"]: registries[one["id"]] for one in plan if one["id"] in registries}

    def push(self, registry: str, digest: str, tag: str, repository: str = "team/trainer") -> None:
        body = {"registry": self.registries[registry], "repository": repository, "digest": digest, "tag": tag}
        self.azure.client.post("/images", json=body).raise_for_status()

    def tags(self, registry: str) -> dict[str, str]:
        found = self.azure.client.get("/images", params={"registry": self.registries[registry]}).json()["value"]
        return dict(found.get("team/trainer", {"tags": {}})["tags"])

    def promote(self, image: str, *, dry_run: bool = False, **more: Any) -> Any:
        query = {"dry_run": "true"} if dry_run else {}
        path = f"/environments/{self.name}/promote-image"
        return self.control_plane.client.post(path, json={"image": image, **more}, params=query)

    def promoted(self, image: str, **more: Any) -> dict[str, Any]:
        return self.control_plane.follow(self.promote(image, **more))


@pytest.fixture
def depot(control_plane: ControlPlane, azure: AzureSide, name: str) -> Depot:
    return Depot(control_plane, azure, name)


def test_an_image_is_promoted_once_and_its_digest_is_in_the_trail(depot: Depot) -> None:
    depot.push("staging", NEW, "1.4")
    preview = depot.promote("team/trainer:1.4", dry_run=True).json()
    assert (preview["would"], preview["digest"], preview["replaces"], preview["refusals"]) == (
        "promote-image",
        NEW,
        None,
        [],
    )
    assert depot.tags("healthy") == {}

    ended = depot.promoted("team/trainer:1.4")
    assert ended["outcome"] == "succeeded", ended["reason"]
    assert f"copied from staging, with the digest {NEW}." in ended["reason"]
    assert [step["name"] for step in ended["steps"]] == ["preflight", "import", "verify"]
    assert depot.tags("healthy") == {"1.4": NEW}
    (trail, *_) = depot.control_plane.client.get("/operations", params={"environment": depot.name}).json()["value"]
    assert (trail["verb"], NEW in trail["reason"]) == ("promote-image", True)

    again = depot.promote("team/trainer:1.4")
    assert (again.status_code, again.json()["digest"]) == (200, NEW)

    depot.push("staging", OTHER, "1.4")
    refused = depot.promoted("team/trainer:1.4")
    assert (refused["outcome"], refused["refusals"][0]["reason"]) == ("refused", "conflict")
    assert f"has team/trainer:1.4 already, with another digest: {NEW}, and not {OTHER}" in refused["reason"]
    assert depot.tags("healthy") == {"1.4": NEW}
    forced = depot.promoted("team/trainer:1.4", force=True)
    assert forced["outcome"] == "succeeded", forced["reason"]
    assert f"Before, the tag pointed at {NEW}." in forced["reason"]
    assert depot.tags("healthy") == {"1.4": OTHER}

    exact = depot.promoted(f"team/trainer:1.4@{NEW}", force=True)
    assert exact["outcome"] == "succeeded", exact["reason"]
    assert depot.tags("healthy") == {"1.4": NEW}


def test_what_is_missing_or_no_image_is_refused(depot: Depot, control_plane: ControlPlane, azure: AzureSide) -> None:
    missing = depot.promoted("team/trainer:9")
    assert (missing["outcome"], missing["refusals"][0]["reason"]) == ("refused", "not_found")
    assert "The registry staging has no image team/trainer:9." in missing["reason"]
    preview = depot.promote(f"team/trainer:9@{OLD}", dry_run=True).json()
    assert preview["refusals"][0]["reason"] == "not_found"
    faults = depot.promote("team/Trainer", source="here", target="here").json()["errors"]
    assert [fault["pointer"] for fault in faults] == ["/image"]
    faults = depot.promote("a:1", source="here", target="here").json()["errors"]
    assert [fault["pointer"] for fault in faults] == ["/source", "/target", "/target"]
    alice = azure.client.post("/people/token", json={"name": "alice"}).json()["object_id"]
    shelf = f"{depot.name}-s"
    control_plane.up(shelf, {"blueprint": "shelf", "region": "polandcentral", "reader": alice})
    refused = control_plane.client.post(f"/environments/{shelf}/promote-image", json={"image": "a:1"})
    assert (refused.status_code, "needs two container registries, and has 0" in refused.text) == (409, True)


def test_a_registry_that_cannot_be_read_needs_a_digest_and_azure_refuses_a_tag_that_exists(depot: Depot) -> None:
    depot.push("staging", NEW, "1.4")
    depot.azure.spoil(effect="refuse", kind="registry.localhost", status=403, code="DENIED", message="closed")
    closed = depot.promoted("team/trainer:1.4")
    assert closed["outcome"] == "refused", closed["reason"]
    assert "Name the image with its digest" in closed["reason"]
    exact = depot.promoted(f"team/trainer:1.4@{NEW}")
    assert exact["outcome"] == "succeeded", exact["reason"]
    assert "could not be read back" in exact["reason"]
    assert depot.tags("healthy") == {"1.4": NEW}
    depot.push("staging", OTHER, "1.5")
    taken = depot.promoted(f"team/trainer:1.4@{OTHER}")
    assert (taken["outcome"], taken["refusals"][0]["code"]) == ("failed", "Conflict"), taken["reason"]
    assert depot.tags("healthy") == {"1.4": NEW}
    lost = depot.promoted(f"team/trainer:2@{OLD}")
    assert (lost["outcome"], "Unable to find manifest digest" in lost["reason"]) == ("failed", True)
