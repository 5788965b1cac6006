"""What checkov finds in the Bicep files is accepted for a reason; it sees every resource, and notices broken files."""

import json
import subprocess
from typing import Any

import pytest

from tests.conftest import unchecked
from tests.infra.bicep import literals_in, read
from tests.infra.test_bicep import FILES, INFRA
from tests.support import ROOT

PYTHON = ROOT / ".venv-checkov" / "bin" / "python"
PROGRAM = ROOT / "tests" / "infra" / "checkov_report.py"
BROKEN = ROOT / "tests" / "infra" / "broken" / "bicep"
ACCEPTED: dict[str, str] = json.loads((INFRA / "checkov-accepted.json").read_text())
Report = dict[str, Any]


@pytest.fixture(scope="module")
def reports() -> list[Report]:
    """The reports on infra/ and on the broken files, by one process, as checkov takes seconds to start."""
    if not PYTHON.exists():
        unchecked("checkov", "that checkov finds nothing in infra/ but what is accepted (`make test` installs it)")
    done = subprocess.run(
        [PYTHON, PROGRAM, INFRA, BROKEN], capture_output=True, text=True, cwd=ROOT, timeout=180, check=False
    )
    assert done.returncode == 0, done.stderr
    said: list[Report] = json.loads(done.stdout)
    return said


def test_checkov_finds_nothing_but_what_is_accepted(reports: list[Report]) -> None:
    sound, _ = reports
    assert sound["unreadable"] == []
    found = {*sound["failed"], *sound["broken"]}
    assert found - set(ACCEPTED) == set(), "fix it, or accept it with a reason in infra/checkov-accepted.json"
    assert set(ACCEPTED) - found == set(), "accepted, and not found any more"
    assert len(ACCEPTED) == 21
    assert all(len(reason) > 10 for reason in ACCEPTED.values())
    assert sound["passed"] == 26


def test_checkov_sees_every_resource(reports: list[Report]) -> None:
    resources = [one for name in FILES for one in read(INFRA / name).of("resource").values()]
    ours = sorted(f"{one.type.partition('@')[0]}.{one.name}" for one in resources)
    assert reports[0]["resources"] == ours
    assert len(ours) == 48


def test_checkov_notices_broken_files(reports: list[Report]) -> None:
    _, broken = reports
    assert [path.name for path in sorted(BROKEN.iterdir())] == ["nested.bicep", "unreadable.bicep", "weak.bicep"]
    assert [name.rpartition("/")[2] for name in broken["unreadable"]] == ["unreadable.bicep"]
    for rule, resource in (("44", "storageAccounts.account"), ("3", "storageAccounts.account"), ("14", "sites.app")):
        assert any(one.startswith(f"CKV_AZURE_{rule} ") and one.endswith(resource) for one in broken["failed"]), rule
    nested = [one for one in broken["resources"] if one.endswith((".first", ".second"))]
    assert len(nested) < 2, "nested children are seen now: infra/ need not declare them with `parent:` any more"


def test_what_is_accepted_as_a_parameter_is_set_for_pro() -> None:
    pro = literals_in(INFRA / "main.pro.bicepparam")
    assert (pro["privateNetwork"], pro["purgeProtection"]) == (True, True)
