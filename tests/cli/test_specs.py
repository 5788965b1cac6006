"""Spec files: what is sent is what the file says."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.support import Command, FakeServer
from tests.support import WORKSTATION

TEXT = """
# yaml-language-server: $schema=workstation.schema.json
blueprint: workstation
region: polandcentral
idle: &policy {window: 45m, gpu: on}
schedule: 08:00-19:00
ssh_public_key:
owner: 2026-05-01
image: {version: "24.10"}
disk: {size_gib: 0x40}
python_packages: [torch, numpy]
"""


@pytest.fixture
def apply(dormouse: Command, server: FakeServer, tmp_path: Path) -> Any:
    server.respond(lambda request: request.json({"name": "ml1", "state": "running"}))

    def up(text: str, *more: str, file: str = "spec.yaml") -> Any:
        (tmp_path / file).write_text(text)
        result = dormouse("up", "ml1", "-f", str(tmp_path / file), *more)
        return json.loads(server.requests[-1].body) if result.code == 0 else result

    return up


def test_yaml_has_no_implicit_conversions(apply: Any) -> None:
    assert apply(TEXT) == {
        "blueprint": "workstation",
        "region": "polandcentral",
        "idle": {"window": "45m", "gpu": "on"},
        "schedule": "08:00-19:00",
        "ssh_public_key": None,
        "owner": "2026-05-01",
        "image": {"version": "24.10"},
        "disk": {"size_gib": "0x40"},
        "python_packages": ["torch", "numpy"],
    }
    assert apply(json.dumps(WORKSTATION), file="spec.json") == WORKSTATION
    assert apply(json.dumps(WORKSTATION)) == WORKSTATION


def test_the_command_line_overrides_the_file(apply: Any, dormouse: Command, server: FakeServer) -> None:
    more = ("-r", "eastus", "--set", "disk.size_gib=128", "--set", "image.sku=server", "--set", "allow_from=[10.0.0.0/16]")
    spec = apply("{blueprint: workstation, region: x, disk: {type: Premium_LRS}}", *more)
    assert spec == {
        "blueprint": "workstation",
        "region": "eastus",
        "disk": {"type": "Premium_LRS", "size_gib": 128},
        "image": {"sku": "server"},
        "allow_from": ["10.0.0.0/16"],
    }
    dormouse("up", "ml1", "--blueprint", "workstation", "--region", "eastus")
    assert json.loads(server.requests[-1].body) == {"blueprint": "workstation", "region": "eastus"}
    dormouse("up", "ml1", "-f", "-", stdin="blueprint: workstation")
    assert json.loads(server.requests[-1].body) == {"blueprint": "workstation"}


@pytest.mark.parametrize(
    ("text", "file", "says"),
    [
        ("a: [1", "spec.yaml", "is not valid YAML (line 1, column"),
        ("a: 1\na: 2", "spec.yaml", "duplicate key 'a'"),
        ("- a", "spec.yaml", "does not contain a spec"),
        ("", "spec.yaml", "does not contain a spec"),
        ("a: !!python/object/apply:os.system [id]", "spec.yaml", "is not valid YAML"),
        ("a: &a [*a]", "spec.yaml", "is not valid YAML"),
        ("\x00", "spec.yaml", "is not valid YAML"),
        ("{'a': 1}", "spec.json", "is not valid JSON"),
        ("[" * 100_000, "spec.json", "is not valid JSON"),
        ("a: 1", "spec.yaml --set a.b=1", "a is not an object"),
        ("a: 1", "spec.yaml --set b", "--set requires NAME=VALUE"),
    ],
)
def test_invalid_spec_files_are_reported_without_a_request(
    apply: Any, server: FakeServer, text: str, file: str, says: str
) -> None:
    name, *more = file.split()
    result = apply(text, *more, file=name)
    assert (result.code, says in result.err, server.requests) == (2, True, []), result


def test_a_missing_file_is_reported(dormouse: Command) -> None:
    result = dormouse("up", "ml1", "-f", "nothing.yaml")
    assert (result.code, result.err) == (2, "Cannot read nothing.yaml: No such file or directory.\n")
    assert dormouse("up", "ml1").code == 2


def test_a_duplicate_key_in_a_json_spec_is_an_error(dormouse: Command, server: FakeServer, tmp_path: Path) -> None:
    for text in ('{"blueprint": "x", "region": "a", "region": "b"}', '{"disk": {"size_gib": 64, "size_gib": 4000}}'):
        path = tmp_path / "spec.json"
        path.write_text(text)
        result = dormouse("plan", "ml1", "-f", str(path))
        assert (result.code, "duplicate key" in result.err, server.requests) == (2, True, [])
