"""Spec files: what is sent is what the file says."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.support import Command, FakeServer, Request
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


SCHEMA: dict[str, Any] = {
    "$defs": {
        "Image": {"type": "object", "properties": {"version": {"type": "string"}, "sku": {"type": "string"}}},
        "Disk": {"type": "object", "properties": {"size_gib": {"type": "integer"}}},
        "Idle": {
            "properties": {
                "enabled": {"type": "boolean"},
                "cpu_cores": {"type": "number"},
                "window": {"anyOf": [{"type": "string"}, {"const": 0}]},
            }
        },
    },
    "properties": {
        "driver_version": {"type": "string"},
        "container": {"type": "string"},
        "owner": {"type": ["string", "null"]},
        "image": {"$ref": "#/$defs/Image"},
        "disk": {"$ref": "#/$defs/Disk"},
        "idle": {"anyOf": [{"$ref": "#/$defs/Idle"}, {"type": "null"}]},
        "python_packages": {"type": "array", "items": {"type": "string"}},
    },
}
WRITTEN = {
    "blueprint": "workstation",
    "driver_version": "535.10",
    "container": "123",
    "owner": "true",
    "image": {"version": "24.04", "sku": "1e3"},
    "disk": {"size_gib": 128},
    "idle": {"cpu_cores": 0.50, "window": 0},
    "python_packages": ["1.10", "torch"],
}


@pytest.fixture
def blueprint(server: FakeServer) -> None:
    def respond(request: Request) -> None:
        request.json({"name": "x", "parameters": SCHEMA} if request.method == "GET" else {"name": "ml1", "state": "running"})

    server.respond(respond)


@pytest.mark.usefixtures("blueprint")
def test_a_field_that_wants_text_gets_the_text_that_was_written(
    dormouse: Command, server: FakeServer, tmp_path: Path
) -> None:
    settings = (
        "driver_version=535.10",
        "container=123",
        "owner=true",
        "image.version=24.04",
        "image.sku=1e3",
        "disk.size_gib=128",
        "idle.cpu_cores=0.50",
        "idle.window=0",
        "python_packages=[1.10, torch]",
    )
    options = [word for setting in settings for word in ("--set", setting)]
    assert dormouse("up", "ml1", "-b", "workstation", *options).code == 0
    assert json.loads(server.requests[-1].body) == WRITTEN
    file = tmp_path / "spec.json"
    file.write_text(
        """{"blueprint": "workstation", "driver_version": 535.10, "container": 123, "owner": "true",
        "image": {"version": 24.04, "sku": 1e3}, "disk": {"size_gib": 128}, "idle": {"cpu_cores": 0.50, "window": 0},
        "python_packages": [1.10, "torch"]}"""
    )
    assert dormouse("up", "ml1", "-f", str(file)).code == 0
    assert json.loads(server.requests[-1].body) == WRITTEN


@pytest.mark.usefixtures("blueprint")
def test_words_that_other_readers_convert_arrive_as_they_were_written(apply: Any, server: FakeServer) -> None:
    words = (
        "on",
        "off",
        "yes",
        "no",
        "2026-05-01",
        "22:30",
        "12:30:45",
        "0755",
        "0o17",
        "0x40",
        "1_000",
        ".5",
        "+1",
        ".inf",
        "007",
    )
    text = "\n".join(["blueprint: workstation", "python_packages:", *(f"- {word}" for word in words)])
    server.respond(lambda request: request.json({"name": "x", "parameters": SCHEMA, "state": "running"}))
    assert apply(text)["python_packages"] == list(words)


@pytest.mark.usefixtures("blueprint")
@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-be", "utf-8-sig"])
def test_specs_in_the_encodings_of_windows_are_read(
    dormouse: Command, server: FakeServer, tmp_path: Path, encoding: str
) -> None:
    spec = {"blueprint": "workstation", "owner": "J\u00fcrgen"}
    for name, text in (("spec.yaml", "blueprint: workstation\r\nowner: J\u00fcrgen\r\n"), ("spec.json", json.dumps(spec))):
        (tmp_path / name).write_bytes(text.encode(encoding))
        assert dormouse("up", "ml1", "-f", str(tmp_path / name)).code == 0
        assert json.loads(server.requests[-1].body) == spec
    piped = dormouse.unchecked("up", "ml1", "-f", "-", stdin=json.dumps(spec).encode(encoding))
    assert (piped.code, json.loads(server.requests[-1].body)) == (0, spec)


def test_a_spec_in_another_encoding_is_reported(dormouse: Command, tmp_path: Path) -> None:
    (tmp_path / "spec.yaml").write_bytes("owner: J\u00fcrgen".encode("cp1252"))
    result = dormouse("up", "ml1", "-f", str(tmp_path / "spec.yaml"))
    assert (result.code, "is neither UTF-8 nor UTF-16 text; save it as UTF-8." in result.err) == (2, True)


def test_json_is_read_alike_in_every_file(apply: Any) -> None:
    text = '{\n\t"owner": "a\\/b \\ud83d\\ude00",\n\t"disk": {"size_gib": 64}\n}'
    for file in ("spec.json", "spec.yaml", "spec"):
        assert apply(text, file=file) == {"owner": "a/b \U0001f600", "disk": {"size_gib": 64}}
        twice = apply('{"a": [{"disk": {"size_gib": 64, "size_gib": 4000}}]}', file=file)
        assert (twice.code, "duplicate key 'size_gib'" in twice.err) == (2, True)
        escaped = apply('{"region": "a", "r\\u0065gion": "b"}', file=file)
        assert (escaped.code, "duplicate key 'region'" in escaped.err) == (2, True)


@pytest.mark.parametrize(
    "text",
    [
        "a: [{b: 1, b: 2}]",
        "1: a\n'1': b",
        "<<: {a: 1}\n<<: {b: 2}",
        "? [a]\n: 1",
        "a: !!set {x}",
        "a: !!binary aGk=",
        "a: !!timestamp 2026-05-01",
        "a: !!bool maybe",
        "a: !!int x",
        "a: !!map x",
        "a: 1\n---\nb: 2",
        "a: {b: 1, b: 2}\nc: 1",
    ],
)
def test_yaml_that_is_not_json_is_an_error(apply: Any, server: FakeServer, text: str) -> None:
    result = apply(text)
    assert (result.code, "is not valid YAML" in result.err, server.requests) == (2, True, []), result


def test_a_spec_that_grows_without_limits_is_an_error(apply: Any, dormouse: Command, server: FakeServer) -> None:
    lines = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    result = apply("\n".join(lines))
    assert (result.code, "more than 100000 values" in result.err) == (2, True)
    assert dormouse("up", "ml1", "-f", "/dev/zero").code == 2
    assert apply('{"a": ' + "[" * 900 + "]" * 900 + "}", file="spec.json").code == 2
    assert server.requests == []
