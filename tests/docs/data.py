"""JSON, YAML and Bicep in documents: each block is something that Dormouse, its simulation or a pipeline reads or writes."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from dormouse.blueprints.catalog import BLUEPRINTS
from dormouse.blueprints.specs import read_spec
from dormouse.clock import parse_moment
from dormouse.errors import InvalidSpec
from dormouse.http.openapi.document import document
from dormouse.idle.outside.answers import answers_in, question_of
from dormouse_cli.errors import UsageError
from dormouse_cli.spec_files import read_spec as read_spec_file
from dormouse_cli.spec_values import json_values
from dormouse_cli.stacks.stack_files import read_stack
from local.azure.vms import estates
from tests.docs.events import events
from tests.infra import bicep
from tests.support import ROOT, SUBSCRIPTION

CALLER = {"caller_address": "203.0.113.7", "caller": "ana"}
EXAMPLES = [json.loads(path.read_text()) for path in sorted((ROOT / "examples").glob("*.json"))]


def json_faults(text: str) -> Iterator[str]:
    """What is wrong with a JSON block: a whole document, or members of a spec without the braces around them."""
    whole = text.lstrip().startswith(("{", "["))
    try:
        content = json.loads(
            (text if whole else f"{{{text}}}").replace("/subscriptions/…/", f"{SUBSCRIPTION}/resourceGroups/lab/")
        )
    except ValueError as error:
        yield f"it is no JSON: {error}"
        return
    if not whole or "blueprint" in content:
        yield from _spec_faults(content)
    elif "event" in content and content["event"] in events():
        unknown = set(content) - {"event"} - events()[content["event"]]
        yield from (f"the event {content['event']!r} has no field {name}" for name in sorted(unknown))
    elif {"id", "machines"} <= set(content):
        yield from _activity_faults(content)
    elif not any(_fits(content, schema) for schema in _schemas()):
        yield "it is neither a spec, nor a request or response of the API, nor an event of the log"


def _activity_faults(content: dict[str, Any]) -> Iterator[str]:
    """What is wrong with a question to an activity service, or with its answer."""
    machines = [one["machine"] if isinstance(one, dict) else one for one in content["machines"]]
    if "version" in content:
        expected = json.loads(question_of(content["id"], machines, parse_moment(content["at"])))
        yield from [] if expected == content else [f"Dormouse would ask {expected}"]
    else:
        said = answers_in(json.dumps(content).encode(), content["id"], machines, "it", 0.0, 0.0)
        yield from (one.unknown for one in said.values() if one.unknown)


def yaml_faults(text: str) -> Iterator[str]:
    """What is wrong with a YAML block: a spec, a stack, an estate, or a pipeline."""
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        yield f"it is no YAML: {error}"
        return
    if "machines" in content:
        yield from _schema_faults(content, estates.schema())
    elif "environments" in content:
        yield from _stack_faults(text)
    elif "blueprint" in content:
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            file.write(text)
            file.flush()
            try:
                written = read_spec_file(file.name, "", "", [])
            except UsageError as error:
                yield str(error)
                return
        blueprint = BLUEPRINTS.get(str(written["blueprint"]))
        schema = blueprint.spec.model_json_schema() if blueprint else {}
        yield from _spec_faults(json_values(written, schema))
    else:
        yield from _pipeline_faults(text, "github-workflows" if "jobs" in content and "on" in text else "azure-pipelines")


def _stack_faults(text: str) -> Iterator[str]:
    """What is wrong with a stack, whose parameter files are empty."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "stack.yaml")
        file.write_text(text)
        for key in yaml.safe_load(text)["environments"]:
            Path(folder, f"{key}.parameters.dev.json").write_text("{}")
        try:
            stack = read_stack(str(file), "dev")
        except UsageError as error:
            yield " ".join((str(error), *error.details))
            return
    for member in stack.members:
        yield from _spec_faults({"region": "westeurope", **member.spec})


def bicep_faults(text: str) -> Iterator[str]:
    """What is wrong with a block of Bicep parameters: its syntax, or names that infra/main.bicep does not have."""
    with tempfile.NamedTemporaryFile("w", suffix=".bicepparam") as file:
        file.write(text)
        file.flush()
        try:
            given = bicep.literals_in(Path(file.name))
        except ValueError as error:
            yield f"it is no parameter file: {error}"
            return
    known = bicep.read(ROOT / "infra" / "main.bicep").of("parameter")
    yield from (f"infra/main.bicep has no parameter {name}" for name in given if name not in known)


def _spec_faults(content: dict[str, Any]) -> Iterator[str]:
    """A whole spec must be valid, and members of one must be valid in one of the examples."""
    candidates = [content] if "blueprint" in content else [{**example, **content} for example in EXAMPLES]
    told = []
    for candidate in candidates:
        try:
            read_spec("ml1", candidate, **CALLER)
        except InvalidSpec as error:
            told.append("; ".join(f"{fault.pointer} {fault.detail}" for fault in error.faults))
    if len(told) == len(candidates):
        yield f"it is no spec: {min(told, key=len)}"
    elif "blueprint" in content and not any(_fits(content, schema) for schema in _schemas()[:1]):
        yield "it does not fit the schema of PUT /api/environments/{name}"


@cache
def _schemas() -> list[Any]:
    """The schemas of all requests and responses, with that of a spec first, each with what it refers to."""
    api = document()
    bodies = []
    for path in sorted(api["paths"].values(), key=lambda one: "put" not in one):
        for operation in path.values():
            given = (
                [operation.get("requestBody", {}), *operation.get("responses", {}).values()]
                if isinstance(operation, dict)
                else []
            )
            bodies += [
                one["content"]["application/json"]["schema"] for one in given if "application/json" in one.get("content", {})
            ]
    closed = [body for body in bodies if body != {"type": "object", "additionalProperties": True}]
    return [{"components": api["components"], "allOf": [body]} for body in closed]


def _fits(content: Any, schema: Any) -> bool:
    return bool(Draft202012Validator(schema).is_valid(content))


def _schema_faults(content: Any, schema: Any) -> Iterator[str]:
    yield from (error.message for error in Draft202012Validator(schema).iter_errors(content))


def _pipeline_faults(text: str, schema: str) -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "pipeline.yml")
        file.write_text(text)
        words = [
            "-m",
            "check_jsonschema",
            "--builtin-schema",
            f"vendor.{schema}",
            "--regex-variant",
            "nonunicode",
            str(file),
        ]
        done = subprocess.run([sys.executable, *words], capture_output=True, text=True, check=False)
    if done.returncode:
        yield f"it is no pipeline: {done.stdout}{done.stderr}"
