"""Spec files: what is written is what is asked for."""

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
def asked(dormouse: Command, server: FakeServer, tmp_path: Path) -> Any:
    server.answers(lambda request: request.json({"name": "ml1", "state": "running"}))

    def up(text: str, *more: str, file: str = "spec.yaml") -> Any:
        (tmp_path / file).write_text(text)
        ended = dormouse("up", "ml1", "-f", str(tmp_path / file), *more)
        return json.loads(server.asked[-1].body) if ended.code == 0 else ended

    return up


def test_yaml_means_what_it_says(asked: Any) -> None:
    assert asked(TEXT) == {
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
    assert asked(json.dumps(WORKSTATION), file="spec.json") == WORKSTATION
    assert asked(json.dumps(WORKSTATION)) == WORKSTATION


def test_the_command_line_has_the_last_word(asked: Any, dormouse: Command, server: FakeServer) -> None:
    more = ("-r", "eastus", "--set", "disk.size_gib=128", "--set", "image.sku=server", "--set", "allow_from=[10.0.0.0/16]")
    spec = asked("{blueprint: workstation, region: x, disk: {type: Premium_LRS}}", *more)
    assert spec == {
        "blueprint": "workstation",
        "region": "eastus",
        "disk": {"type": "Premium_LRS", "size_gib": 128},
        "image": {"sku": "server"},
        "allow_from": ["10.0.0.0/16"],
    }
    dormouse("up", "ml1", "--blueprint", "workstation", "--region", "eastus")
    assert json.loads(server.asked[-1].body) == {"blueprint": "workstation", "region": "eastus"}
    dormouse("up", "ml1", "-f", "-", stdin="blueprint: workstation")
    assert json.loads(server.asked[-1].body) == {"blueprint": "workstation"}


@pytest.mark.parametrize(
    ("text", "file", "says"),
    [
        ("a: [1", "spec.yaml", "is not YAML in line"),
        ("a: 1\na: 2", "spec.yaml", "'a' is there twice"),
        ("- a", "spec.yaml", "holds no spec"),
        ("", "spec.yaml", "holds no spec"),
        ("a: !!python/object/apply:os.system [id]", "spec.yaml", "is not YAML"),
        ("a: &a [*a]", "spec.yaml", "is not YAML"),
        ("\x00", "spec.yaml", "is not YAML"),
        ("{'a': 1}", "spec.json", "is not JSON"),
        ("[" * 100_000, "spec.json", "is not JSON"),
        ("a: 1", "spec.yaml --set a.b=1", "a is no object"),
        ("a: 1", "spec.yaml --set b", "--set wants NAME=VALUE"),
    ],
)
def test_a_file_that_is_no_spec_is_said_to_be_none(asked: Any, server: FakeServer, text: str, file: str, says: str) -> None:
    name, *more = file.split()
    ended = asked(text, *more, file=name)
    assert (ended.code, says in ended.err, server.asked) == (2, True, []), ended


def test_a_file_that_is_not_there_is_said_not_to_be(dormouse: Command) -> None:
    ended = dormouse("up", "ml1", "-f", "nothing.yaml")
    assert (ended.code, ended.err) == (2, "nothing.yaml cannot be read: No such file or directory.\n")
    assert dormouse("up", "ml1").code == 2
