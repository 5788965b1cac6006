"""A stack from its file to its deletion: several environments that depend on each other, on a real control plane."""

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from local.sandbox import Ground
from tests.blueprints.conftest import SPEED, ground_at
from tests.cli.support import Command
from tests.infra.stages import ACTIONS
from tests.support import ROOT, AzureSide, ControlPlane

STACK = """
stack: {name}-${{stage}}
environments:
  shared:
    name: {name}-${{stage}}
    spec: {{blueprint: shelf}}
  vision:
    name: {name}-v-${{stage}}
    parameters: work
    spec: {{blueprint: shelf{above}}}
  speech:
    name: {name}-s-${{stage}}
    parameters: [work]
    spec: {{blueprint: shelf, above: "${{shared}}"}}
    depends_on: [shared]
    stages: [{speech}pro]
  archive:
    name: {name}-z-${{stage}}
    stages: [pro]
    spec: {{blueprint: shelf, above: "${{speech}}"}}
"""
ABOVE = ', above: "${shared}"'
OTHER_COST = 2.5


def stack(name: str, *, speech: str = "int, ", above: str = ABOVE) -> str:
    """The stack of a test: three environments in the stage `int`, of which two depend on the first."""
    return STACK.format(name=name, speech=speech, above=above)


@pytest.fixture(scope="module")
def ground() -> Iterator[Ground]:
    """A control plane with a blueprint of the tests, of which one environment may depend on another."""
    with ground_at(SPEED) as running:
        yield running


@pytest.fixture
def values(azure: AzureSide) -> dict[str, Any]:
    """The parameters of a shelf."""
    alice = azure.client.post("/people/token", json={"name": "alice"}).raise_for_status().json()["object_id"]
    return {"region": "polandcentral", "reader": alice}


@pytest.fixture
def file(tmp_path: Path, name: str, values: dict[str, Any]) -> Path:
    """A stack with the parameters of its environments: those of one in the form of Azure Resource Manager."""
    wrapped = {"contentVersion": "1.0.0.0", "parameters": {key: {"value": value} for key, value in values.items()}}
    (tmp_path / "shared.parameters.int.json").write_text(json.dumps(wrapped))
    (tmp_path / "work.parameters.int.json").write_text(json.dumps(values))
    path = tmp_path / "stack.yaml"
    path.write_text(stack(name))
    return path


def operations(control_plane: ControlPlane) -> list[Any]:
    return list(control_plane.client.get("/operations").json()["value"])


def actions(document: dict[str, Any]) -> dict[str, str]:
    return {each["name"]: each["would"] for each in document["environments"]}


def test_a_stack_is_built_changed_repaired_and_deleted(
    logged_in: Command, control_plane: ControlPlane, azure: AzureSide, name: str, file: Path, values: dict[str, Any]
) -> None:
    shared, vision, speech = f"{name}-int", f"{name}-v-int", f"{name}-s-int"
    applying = ("apply", "-f", str(file), "--stage", "int")

    planned = logged_in(*applying, "--dry-run")
    assert (planned.code, azure.resources(shared)) == (0, [])
    assert planned.out.startswith(f"{shared}: 3 to create.\n")
    assert f"known when {shared} is built" in planned.out
    declined = logged_in(*applying)
    assert (declined.code, "stdin is not a terminal" in declined.err) == (2, True)

    built = logged_in(*applying, "--yes", "--json")
    assert built.code == 0, built
    outcomes = {each["name"]: each["outcome"] for each in built.json["environments"]}
    assert outcomes == {shared: "succeeded", vision: "succeeded", speech: "succeeded"}
    ended = [each["operation"] for each in built.json["environments"]]
    assert all(ended[0]["ended_at"] <= other["began_at"] for other in ended[1:])
    assert ended[1]["began_at"] <= ended[2]["ended_at"]
    assert ended[2]["began_at"] <= ended[1]["ended_at"]
    assert f"{vision} storage: done" in built.err
    assert control_plane.get(vision)["depends_on"] == [shared]
    assert control_plane.get(vision)["spec"]["stack"] == shared

    before = len(operations(control_plane))
    again = logged_in(*applying)
    assert (again.code, "Nothing to change." in again.out) == (0, True), again
    assert logged_in(*applying, "--expect-unchanged").code == 0
    assert len(operations(control_plane)) == before

    (file.parent / "shared.parameters.int.json").write_text(json.dumps({**values, "max_hourly_cost": OTHER_COST}))
    azure.vanish(speech, "containers")
    changed = logged_in(*applying, "--dry-run", "--json").json
    assert actions(changed) == {shared: "change", vision: "nothing", speech: "repair"}
    assert changed["environments"][0]["plan"]["spec_changes"] == ["max_hourly_cost"]
    shown = logged_in(*applying, "--dry-run").out
    assert f"{shared}: 1 to change, 1 with drift, 1 unchanged." in shown
    assert "max_hourly_cost" in shown
    assert "create container" in shown
    assert logged_in(*applying, "--yes").code == 0
    assert control_plane.get(shared)["spec"]["max_hourly_cost"] == OTHER_COST
    assert control_plane.get(speech)["state"] == "ready"

    file.write_text(stack(name, speech=""))
    removed = logged_in(*applying)
    assert (removed.code, "Nothing to change." in removed.out) == (0, True), removed
    assert f"{speech} belongs to the stack and is not in the file any more. It is kept" in removed.out
    assert logged_in(*applying, "--json").json["not_in_file"] == [speech]
    assert logged_in(*applying, "--expect-unchanged").code == 1

    deleting = ("delete", "-f", str(file), "--stage", "int")
    needed = logged_in(*deleting, "--yes", "--confirm", shared)
    assert (needed.code, f"{shared} is needed by {speech}" in needed.err) == (6, True), needed
    file.write_text(stack(name))
    once = logged_in(*deleting, "--yes")
    assert (once.code, f"--confirm {shared}" in once.err) == (2, True), once
    assert logged_in(*deleting, "--yes", "--confirm", name).code == 1
    looked = logged_in(*deleting, "--dry-run")
    assert (looked.code, "Nothing was deleted." in looked.out) == (0, True), looked
    assert control_plane.get(shared)["state"] == "ready"

    azure.spoil(method="DELETE", path=f"rg-dormouse-{vision}", status=409, code="ScopeLocked", message="locked")
    halted = logged_in(*deleting, "--yes", "--confirm", shared, "--json")
    assert halted.code == 1, halted
    outcomes = {each["name"]: each["outcome"] for each in halted.json["environments"]}
    assert outcomes == {speech: "succeeded", vision: "failed", shared: "not_started"}
    azure.behave()
    deleted = logged_in(*deleting, "--yes", "--confirm", shared)
    assert deleted.code == 0, deleted
    assert [azure.resources(each) for each in (shared, vision, speech)] == [[], [], []]
    gone = logged_in(*deleting)
    assert (gone.code, "Nothing was deleted." in gone.out) == (0, True), gone


def test_what_depends_on_a_failure_is_not_started_and_a_second_run_completes_it(
    logged_in: Command, control_plane: ControlPlane, azure: AzureSide, name: str, file: Path
) -> None:
    file.write_text(stack(name, above=""))
    shared, vision, speech = f"{name}-int", f"{name}-v-int", f"{name}-s-int"
    azure.spoil(
        method="PUT", path=f"rg-dormouse-{shared}/providers/microsoft.storage", status=409, code="Conflict", message="no"
    )
    applying = ("apply", "-f", str(file), "--stage", "int", "--yes")
    failed = logged_in(*applying, "--json")
    assert failed.code == 1, failed
    found = {each["name"]: (each["outcome"], each["reason"]) for each in failed.json["environments"]}
    assert (found[shared][0], found[vision][0]) == ("failed", "succeeded")
    assert found[speech] == ("not_started", f"Not started, because of {shared}.")
    azure.behave()
    assert logged_in(*applying).code == 0
    assert control_plane.get(speech)["ready"] is True


def test_every_error_of_every_environment_is_reported_before_anything_is_built(
    logged_in: Command, azure: AzureSide, name: str, file: Path, values: dict[str, Any]
) -> None:
    (file.parent / "shared.parameters.int.json").write_text(json.dumps({**values, "reader": "alice"}))
    (file.parent / "work.parameters.int.json").write_text(json.dumps({**values, "regoin": "westeurope"}))
    refused = logged_in("apply", "-f", str(file), "--stage", "int", "--yes")
    assert refused.code == 2, refused
    for line in (f"{name}-int: ", f"{name}-v-int: ", f"{name}-s-int: ", "/reader", "/regoin", "Nothing was changed."):
        assert line in refused.err
    assert azure.resources(f"{name}-int") == []


def test_a_parent_outside_the_file_must_exist_and_another_stacks_environment_is_not_taken(
    logged_in: Command, control_plane: ControlPlane, name: str, file: Path, values: dict[str, Any]
) -> None:
    alone = {"stack": f"{name}-x", "environments": {name: {"spec": {"blueprint": "shelf", **values, "above": f"{name}-y"}}}}
    file.write_text(json.dumps(alone))
    refused = logged_in("apply", "-f", str(file), "--yes")
    assert (refused.code, f"depends on the environment '{name}-y', which does not exist" in refused.err) == (2, True), (
        refused
    )
    assert "refer to it as ${KEY}" in refused.err
    control_plane.up(name, {"blueprint": "shelf", **values, "stack": "other"})
    alone["environments"] = {name: {"spec": {"blueprint": "shelf", **values}}}
    file.write_text(json.dumps(alone))
    taken = logged_in("apply", "-f", str(file), "--yes")
    assert (taken.code, "belongs to the stack other" in taken.err) == (2, True), taken
    stranger = logged_in("delete", "-f", str(file), "--yes", "--confirm", f"{name}-x")
    assert (stranger.code, f"do not belong to the stack {name}-x: {name}" in stranger.err) == (2, True), stranger
    assert control_plane.get(name)["state"] == "ready"


PIPELINES = ROOT / "examples" / "pipelines"
OWN_LOGIN = 'dormouse login "$DORMOUSE_URL" --entra --audience "$DORMOUSE_AUDIENCE"'


def filled(value: Any, parameters: dict[str, str]) -> Any:
    """A part of a template of Azure Pipelines with its parameters."""
    if isinstance(value, dict):
        return {key: filled(member, parameters) for key, member in value.items()}
    if isinstance(value, list):
        return [filled(item, parameters) for item in value]
    return re.sub(r"\$\{\{ parameters\.(\w+) \}\}", lambda found: parameters.get(found[1], ""), str(value))


def commands_of(file: Path, parameters: dict[str, Any]) -> list[tuple[str, dict[str, str]]]:
    """The scripts of a pipeline or template with their variables, those of the templates that it uses included."""
    content = filled(yaml.safe_load(file.read_text()), {name: str(value) for name, value in parameters.items()})
    found: list[tuple[str, dict[str, str]]] = []

    def walk(part: Any) -> None:
        if isinstance(part, dict) and "template" in part:
            found.extend(commands_of(file.parent / part["template"], part["parameters"]))
        elif isinstance(part, dict) and "inlineScript" in part.get("inputs", {}):
            found.append((part["inputs"]["inlineScript"], part["env"]))
        elif isinstance(part, dict | list):
            for one in part.values() if isinstance(part, dict) else part:
                walk(one)

    walk(content)
    return found


def test_the_commands_of_the_example_pipelines_build_check_and_delete_an_environment(
    logged_in: Command, control_plane: ControlPlane, tmp_path: Path, values: dict[str, Any]
) -> None:
    shelf = {"blueprint": "shelf", **values}
    entries = {
        "mlshared": {"name": "p-${stage}", "parameters": [], "spec": shelf},
        "vision": {"name": "p-v-${stage}", "parameters": [], "spec": {**shelf, "above": "${mlshared}"}},
        "speech": {"name": "p-s-${stage}", "parameters": [], "spec": {**shelf, "above": "${mlshared}"}},
    }
    file = tmp_path / "mlenv.json"
    file.write_text(json.dumps({"stack": "mlenv-${stage}", "environments": entries}))
    scripts = commands_of(PIPELINES / "azure" / "staged-release.yml", {})
    assert [env["STAGE"] for _, env in scripts] == [*["int"] * 6, *["dev"] * 3, *["pro"] * 3]
    outcomes, seen = [], []
    for script, env in scripts[:6]:
        login, command = script.splitlines()
        assert login == OWN_LOGIN
        assert env["STACK"] == "examples/mlenv/mlenv.yaml"
        done = logged_in.run_in_shell(command, **{**env, "STACK": str(file)})
        outcomes.append(done.code)
        seen.append(sorted(one["name"] for one in control_plane.every_environment() if one["name"].startswith("p-")))
    three = ["p-int", "p-s-int", "p-v-int"]
    assert outcomes == [0] * 6
    assert seen == [[], ["p-int"], three, three, three, []]
    for script, env in scripts[6:]:
        assert script in [one for one, _ in scripts[1:4]]
        assert set(env) <= {"STACK", "STAGE", "WORKSPACES"}
    # What the step before needs: a login that is not there is no usage error.
    assert logged_in.run_in_shell(OWN_LOGIN, DORMOUSE_URL="https://127.0.0.1:9", DORMOUSE_AUDIENCE="api://x").code in (3, 4)


def words(command: str, env: dict[str, str]) -> list[str]:
    """The words of a command with its variables filled in, in any order."""
    text = re.sub(r"\$([A-Z]+)", lambda found: env[found[1]], command)
    return sorted(shlex.split(text))


def test_the_example_workflow_runs_the_same_commands_with_pinned_actions() -> None:
    workflow = yaml.safe_load((PIPELINES / "github" / "mlenv.yml").read_text())
    (job,) = workflow["jobs"].values()
    assert (job["strategy"]["matrix"]["stage"], job["strategy"]["max-parallel"]) == (["int", "dev", "pro"], 1)
    used = dict(step["uses"].split("@") for step in job["steps"] if "uses" in step)
    assert used.items() <= ACTIONS.items()
    login, *own = [step["run"] for step in job["steps"] if step.get("run", "").startswith("dormouse ")]
    assert login == OWN_LOGIN
    pipeline = commands_of(PIPELINES / "azure" / "staged-release.yml", {})
    theirs = [words(script.splitlines()[1], env) for script, env in pipeline[:6] if "WORKSPACES" not in env]
    env = {"STACK": "examples/mlenv/mlenv.yaml", "STAGE": "int"}
    assert [words(one, env) for one in own] == [theirs[0], *theirs[2:]]
