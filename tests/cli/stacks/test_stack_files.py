"""Stack files and their parameter files, as the command line reads them."""

import json
from pathlib import Path
from typing import Any

import pytest

from dormouse_cli.errors import UsageError
from dormouse_cli.stacks.stack_files import Member, read_stack


def written(folder: Path, content: Any, **parameters: Any) -> str:
    """A stack file with parameter files beside it; a name is written as `shared__int`."""
    for name, values in parameters.items():
        base, _, stage = name.partition("__")
        (folder / f"{base}.parameters.{stage}.json").write_text(json.dumps(values))
    file = folder / "stack.yaml"
    file.write_text(content if isinstance(content, str) else json.dumps(content))
    return str(file)


def faults(file: str, stage: str = "") -> tuple[str, ...]:
    with pytest.raises(UsageError) as raised:
        read_stack(file, stage)
    return tuple(line.strip() for line in raised.value.details) or (str(raised.value),)


def test_references_and_depends_on_decide_the_order(tmp_path: Path) -> None:
    entries = {
        "last": {"parameters": [], "spec": {"blueprint": "b", "above": ["${middle}"]}},
        "middle": {"name": "mid-${stage}", "parameters": [], "spec": {"blueprint": "b"}, "depends_on": ["first"]},
        "first": {"parameters": [], "spec": {"blueprint": "b", "note": "$${stage} is ${stage}"}},
    }
    stack = read_stack(written(tmp_path, {"stack": "s-${stage}", "environments": entries}), "int")
    assert (stack.name, stack.stage) == ("s-int", "int")
    assert stack.members == (
        Member("first", {"blueprint": "b", "note": "${stage} is int", "stack": "s-int"}, (), "first"),
        Member("mid-int", {"blueprint": "b", "stack": "s-int"}, ("first",), "middle"),
        Member("last", {"blueprint": "b", "above": ["mid-int"], "stack": "s-int"}, ("mid-int",), "last"),
    )
    assert [(one.name, one.needs) for one in stack.only(["last", "middle"])] == [("mid-int", ()), ("last", ("mid-int",))]
    assert stack.only(()) == stack.members
    with pytest.raises(UsageError, match=r"The stack s-int has no other; it has: first, middle, last\."):
        stack.only(["first", "other"])


def test_parameters_of_the_stage_override_the_spec_and_may_be_written_as_for_resource_manager(tmp_path: Path) -> None:
    stack = {
        "stack": "s",
        "environments": {"a": {"parameters": ["common", "a"], "spec": {"blueprint": "b", "size": 1, "x": 1}}},
    }
    common = {"$schema": "s", "contentVersion": "1.0.0.0", "parameters": {"size": {"value": 2}, "y": {"value": "${stage}"}}}
    file = written(tmp_path, stack, common__pro=common, a__pro={"$schema": "s", "size": "1.10"})
    (member,) = read_stack(file, "pro").members
    assert (member.spec["size"], member.spec["y"]) == ("1.10", "pro")
    assert "$schema" not in member.spec
    (member,) = read_stack(file, "").members
    assert set(member.spec) == {"blueprint", "size", "x", "stack"}


def test_an_environment_exists_only_in_its_stages(tmp_path: Path) -> None:
    entries = {"a": {"parameters": []}, "b": {"parameters": [], "stages": ["pro"]}}
    file = written(tmp_path, {"stack": "s", "environments": entries})
    assert [[one.name for one in read_stack(file, stage).members] for stage in ("int", "pro")] == [["a"], ["a", "b"]]


def test_every_error_of_a_file_is_reported_at_once(tmp_path: Path) -> None:
    entries = {
        "a": {"spec": {"x": "${nowhere}", "stack": "other"}, "depends_on": ["b", "c"], "typo": 1},
        "b": {"name": "same", "parameters": "arm", "spec": []},
        "d": {"name": "same", "parameters": []},
        "e": 1,
        "stage": {},
    }
    arm = {"parameters": {"secret": {"reference": {}}, "bare": 1}, "more": 1}
    file = written(tmp_path, {"stack": "s-${stage}", "environments": entries, "extra": 1}, arm__int=arm, a__dev={})
    said = "\n".join(faults(file, "int"))
    for part in (
        "/extra  is unknown; known are: stack, environments",
        "/environments/a/typo  is unknown",
        "/environments/a/spec/x  ${nowhere} is unknown; known are: stage, a, b, d",
        "/environments/a/spec/stack  must be left out, or be s-int",
        "/environments/a/depends_on  'c' is not an environment of this file in this stage",
        "a.parameters.int.json  does not exist; there are files for: dev",
        "/environments/b/spec  must be an object",
        "arm.parameters.int.json  /parameters/secret  is a reference to Key Vault",
        "arm.parameters.int.json  /parameters/bare  must be an object like",
        "arm.parameters.int.json  /more  is unknown beside parameters",
        "/environments  several environments are called same",
        "/environments/e  must be an object like",
        "/environments/stage  must have another key",
    ):
        assert part in said, (part, said)


@pytest.mark.parametrize(
    ("content", "stage", "words"),
    [
        ({"stack": "s-${stage}", "environments": {"a": {}}}, "", "/stack  needs --stage"),
        ({"stack": "s", "environments": {"a": {"stages": ["pro"]}}}, "int", "has no environment for the stage int"),
        ({"stack": "s", "environments": {}}, "", "must be an object with an entry for each environment"),
        ({"stack": 1, "environments": {"a": {}}}, "", "/stack  must be a text"),
        ({"stack": "s", "environments": {"a": {}}}, "../x", "--stage must be a word"),
        ("[]", "", "does not contain a stack: expected an object like"),
        (
            {
                "stack": "s",
                "environments": {"a": {"depends_on": ["b"], "parameters": []}, "b": {"depends_on": ["a"], "parameters": []}},
            },
            "",
            "these depend on each other: a, b, a",
        ),
    ],
)
def test_a_file_that_cannot_be_used_says_why(tmp_path: Path, content: Any, stage: str, words: str) -> None:
    assert words in "\n".join(faults(written(tmp_path, content), stage))


def test_a_parameter_file_that_is_not_json_is_named(tmp_path: Path) -> None:
    file = written(tmp_path, {"stack": "s", "environments": {"a": {}}})
    (tmp_path / "a.parameters.int.json").write_text("{")
    (said,) = faults(file, "int")
    assert "a.parameters.int.json is not valid JSON" in said
    assert "stdin" not in said
    assert "parameter files stand beside it" in faults("-")[0]
