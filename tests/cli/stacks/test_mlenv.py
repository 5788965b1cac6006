"""The example of an ML environment: built from its files, run again, changed, shortened, and deleted; and its images."""

import json
import re
import shutil
from pathlib import Path

import pytest

from tests.cli.support import Command
from tests.support import ROOT, AzureSide, ControlPlane

EXAMPLE = ROOT / "examples" / "mlenv"
SHARED, VISION, SPEECH = "mlshared-int", "vision-int", "speech-int"
DIGEST = f"sha256:{'d' * 64}"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A copy of the example, to be changed."""
    return Path(shutil.copytree(EXAMPLE, tmp_path / "mlenv")) / "mlenv.yaml"


def test_an_ml_environment_from_its_files(
    logged_in: Command, control_plane: ControlPlane, azure: AzureSide, file: Path
) -> None:
    azure.permit("*")  # the roles of a deployment are tested with the lives of each blueprint
    applying = ("apply", "-f", str(file), "--stage", "int")
    built = logged_in(*applying, "--yes")
    assert built.code == 0, built.out[-3000:]
    assert built.out.startswith("mlenv-int: 3 to create.\n")
    assert control_plane.get(VISION)["depends_on"] == [SHARED]
    assert "Nothing to change." in logged_in(*applying).out

    parameters = file.parent / "vision.parameters.int.json"
    parameters.write_text(parameters.read_text().replace('"max_nodes": 1', '"max_nodes": 3'))
    changed = logged_in(*applying, "--dry-run", "--json").json
    assert {one["name"]: one["would"] for one in changed["environments"]} == {
        SHARED: "nothing",
        VISION: "change",
        SPEECH: "nothing",
    }
    plan = next(one["plan"] for one in changed["environments"] if one["name"] == VISION)
    assert plan["spec_changes"] == ["clusters"]
    assert [one["name"] for one in plan["resources"] if one["action"] == "update"] == ["cluster-gpu"]
    assert logged_in(*applying, "--yes").code == 0
    assert "Nothing to change." in logged_in(*applying).out

    registries = {
        one["name"]: one["id"].rpartition("/")[2]
        for one in control_plane.put(SHARED, control_plane.get(SHARED)["spec"], dry_run="true").json()["resources"]
        if one["kind"] == "container_registry"
    }
    image = {"registry": registries["staging"], "repository": "trainer", "digest": DIGEST, "tag": "1.4"}
    azure.client.post("/images", json=image).raise_for_status()
    promoting = ("promote-image", SHARED, "trainer:1.4")
    assert f"digest: {DIGEST}" in logged_in(*promoting, "--dry-run").out
    promoted = logged_in(*promoting, "--wait")
    assert (promoted.code, f"with the digest {DIGEST}" in promoted.out) == (0, True), promoted
    assert "healthy has trainer:1.4 already" in logged_in(*promoting).out
    missing = logged_in("promote-image", SHARED, "trainer:9", "--dry-run")
    assert (missing.code, "has no image trainer:9" in missing.out) == (1, True), missing

    text = file.read_text()
    file.write_text(text[: text.index("  speech:")])
    shortened = logged_in(*applying)
    assert (shortened.code, "Nothing to change." in shortened.out) == (0, True), shortened
    assert f"{SPEECH} belongs to the stack and is not in the file any more. It is kept" in shortened.out

    file.write_text(text)
    deleted = logged_in("delete", "-f", str(file), "--stage", "int", "--yes", "--confirm", "mlenv-int")
    assert deleted.code == 0, deleted
    assert [azure.resources(name) for name in (SHARED, VISION, SPEECH)] == [[], [], []]


def test_every_stage_has_every_parameter_file() -> None:
    names = re.findall(r"^  (\w+):$", (EXAMPLE / "mlenv.yaml").read_text(), re.MULTILINE)
    expected = {f"{name}.parameters.{stage}.json" for name in names for stage in ("dev", "int", "pro")}
    assert {path.name for path in EXAMPLE.glob("*.json")} == expected
    for path in EXAMPLE.glob("*.json"):
        assert set(json.loads(path.read_text())) == {"$schema", "contentVersion", "parameters"}
