"""The targets of the Makefile that both pipelines run: what they ask Azure CLI for."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.support import ROOT

AZ = """#!/bin/sh
echo "$*" >> "{log}"
case "$*" in
  *outputs.groupName*) echo dormouse-control-int ;;
  *outputs.appName*) echo dm-abc-int ;;
  "account show"*) echo 0d0e5e00-0000-4000-8000-000000000001 ;;
  *config-zip*) [ "$(grep -c config-zip "{log}")" -gt {failures} ] ;;
esac
"""


class Make:
    """`make` with stand-ins for `az`, of which a number of uploads fail, and for `sleep`."""

    def __init__(self, folder: Path, failures: int = 0) -> None:
        self.log, self.slept = folder / "az.log", folder / "sleep.log"
        self._folder = folder
        (folder / "az").write_text(AZ.format(log=self.log, failures=failures))
        (folder / "sleep").write_text(f'#!/bin/sh\necho "$1" >> "{self.slept}"\n')
        for name in ("az", "sleep"):
            (folder / name).chmod(0o755)

    def __call__(self, *words: str) -> "subprocess.CompletedProcess[str]":
        environment = {"PATH": f"{self._folder}{os.pathsep}{os.environ['PATH']}", "HOME": str(self._folder)}
        command = ["make", "--no-print-directory", *words]
        return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=60)

    @property
    def asked(self) -> list[str]:
        return self.log.read_text().splitlines()


def test_a_stage_is_validated_planned_and_deployed_with_its_own_parameters(tmp_path: Path) -> None:
    make = Make(tmp_path)
    done = make("validate", "whatif", "provision", "publish", "ENV=int", "LOCATION=northeurope")
    assert done.returncode == 0, done.stderr
    where = "--name dormouse-int --location northeurope --parameters infra/main.int.bicepparam"
    assert make.asked == [
        "bicep build --file infra/main.bicep --stdout",
        "bicep lint --file infra/main.bicep",
        f"deployment sub validate {where} --output none",
        f"deployment sub what-if {where}",
        f"deployment sub create {where} --output none",
        "deployment sub show --name dormouse-int --query properties.outputs.groupName.value --output tsv",
        "deployment sub show --name dormouse-int --query properties.outputs.appName.value --output tsv",
        "functionapp deployment source config-zip --resource-group dormouse-control-int --name dm-abc-int"
        " --src dist/dormouse.zip --build-remote false",
    ]


@pytest.mark.parametrize(("failures", "status", "attempts"), [(3, 0, 4), (99, 2, 10)])
def test_an_upload_is_repeated_for_ten_minutes(tmp_path: Path, failures: int, status: int, attempts: int) -> None:
    make = Make(tmp_path, failures)
    done = make("publish", "ENV=int")
    assert done.returncode == status, done.stderr
    assert len([one for one in make.asked if "config-zip" in one]) == attempts
    assert make.slept.read_text().split() == ["60"] * min(failures, 10)


def test_nothing_is_deployed_after_a_failed_validation(tmp_path: Path) -> None:
    make = Make(tmp_path)
    (tmp_path / "az").write_text((tmp_path / "az").read_text() + '[ "$1 $2" != "bicep lint" ]\n')
    assert make("validate", "provision", "publish", "ENV=int").returncode != 0
    assert make.asked[-1] == "bicep lint --file infra/main.bicep"


@pytest.mark.parametrize("module", ["verify", "functional", "roles", "probe", "cleanup"])
def test_each_check_runs_for_its_stage_in_the_subscription_of_the_login(tmp_path: Path, module: str) -> None:
    planned = Make(tmp_path)("-n", "-o", ".venv-release/.ready", module, "ENV=int").stdout.splitlines()
    subscription = '"$(az account show --query id --output tsv)"'
    assert planned == [f"AZURE_SUBSCRIPTION_ID={subscription} .venv-release/bin/python -m release.{module} --stage int"]
    assert (ROOT / "release" / f"{module}.py").exists()


def test_the_checks_need_no_more_than_they_install() -> None:
    pinned = {
        line.partition("==")[0] for line in (ROOT / "requirements-release.txt").read_text().splitlines() if "==" in line
    }
    assert pinned == {"azure-identity", "httpx"}
    text = (ROOT / "requirements.txt").read_text() + (ROOT / "requirements-dev.txt").read_text()
    lines = [line for line in (ROOT / "requirements-release.txt").read_text().splitlines() if "==" in line]
    assert all(line in text for line in lines), "another version is tested"
