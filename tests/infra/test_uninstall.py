"""`make uninstall` stops the app, takes its rights, deletes it, and reports what is left; its Azure CLI keeps state."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from release.permissions import custom_role
from release.uninstall import Installation, installation_in
from tests.docs.azure_cli import faults_of
from tests.infra.test_bicep import PARAMETERS
from tests.support import ROOT

OWN, OTHER, WATCHED = "sub-own", "sub-other", "sub-watched"
OTHERS = custom_role("sweep", "pro", OWN)
IDENTITY, SOMEONE = "principal-of-dormouse", "principal-of-someone"
# An Azure CLI whose Azure is a file; like the real one, it deletes no role that is assigned.
AZ = """\
#!{python}
import json, os, sys
state = json.load(open(os.environ["STATE"]))
words = sys.argv[1:]
verb = " ".join(words[: next(n for n, word in enumerate(words) if word.startswith("--"))])
options = {{name: value for name, value in zip(words, words[1:]) if name.startswith("--")}}
state["calls"].append(words)
sub = options.get("--subscription")
answer, code = None, 0
def keep(kind, test): state[kind] = [one for one in state[kind] if test(one)]
if verb in state["refused"]: answer, code = "no", 1
elif verb == "account show": answer = {{"id": "{own}"}}
elif verb == "group list": answer = state["environments"]
elif verb == "group exists": answer = state["group"]
elif verb == "functionapp list": answer = [{{"id": "/app", "name": "dm-app"}}]
elif verb == "identity list": answer = [{{"principalId": "{identity}"}}]
elif verb == "role assignment list": answer = [one for one in state["assignments"] if one["sub"] == sub]
elif verb == "role assignment delete": keep("assignments", lambda one: one["id"] != options["--ids"])
elif verb == "role definition list": answer = [one for one in state["roles"] if one["sub"] == sub]
elif verb == "role definition delete":
    (role,) = [one for one in state["roles"] if one["name"] == options["--name"] and one["sub"] == sub]
    if any(one["roleDefinitionName"] == role["roleName"] for one in state["assignments"] if one["sub"] == sub):
        answer, code = "there are existing role assignments", 1
    else: keep("roles", lambda one: one is not role)
elif verb == "group delete": state["group"], state["resources"] = False, []
elif verb == "resource list": answer = state["resources"]
elif verb != "functionapp stop": answer, code = "unknown " + verb, 2
json.dump(state, open(os.environ["STATE"], "w"))
print(json.dumps(answer) if answer is not None and not code else "")
if code: print(answer, file=sys.stderr)
sys.exit(code)
"""


def assignment(name: str, role: str, principal: str, sub: str = OWN) -> dict[str, str]:
    return {"id": f"/{sub}/{name}", "roleDefinitionName": role, "principalId": principal, "scope": f"/{sub}", "sub": sub}


def role(kind: str, deployment: str, sub: str = OWN) -> dict[str, str]:
    return {"name": f"guid-{kind}-{deployment}-{sub}", "roleName": custom_role(kind, deployment, sub), "sub": sub}


class Azure:
    """What the fake CLI knows."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.file = folder, folder / "state.json"
        ours = {"product": "dormouse", "deployment": "dev"}
        self.state: dict[str, Any] = {
            "calls": [],
            "refused": [],
            "environments": [],
            "group": True,
            "resources": [{"type": "Microsoft.Web/sites", "id": "/app", "tags": ours}],
            "assignments": [
                assignment("1", "Reader", IDENTITY),
                assignment("2", custom_role("sweep", "dev", OWN), IDENTITY),
                assignment("3", custom_role("sweep", "dev", WATCHED), IDENTITY, WATCHED),
                assignment("4", custom_role("provision", "dev", OWN), "a principal that is gone"),
                assignment("5", "Owner", SOMEONE),
                assignment("6", OTHERS, SOMEONE),
            ],
            "roles": [role("sweep", "dev"), role("provision", "dev"), role("sweep", "dev", WATCHED), role("sweep", "pro")],
        }
        (folder / "az").write_text(AZ.format(python=sys.executable, own=OWN, identity=IDENTITY))
        (folder / "az").chmod(0o755)
        (folder / "main.dev.bicepparam").write_text(
            f"using 'main.bicep'\nparam deploymentId = 'dev'\nparam watchedSubscriptions = ['{WATCHED}']\n"
        )

    def uninstall(self, *more: str, confirm: str = "dev") -> subprocess.CompletedProcess[str]:
        self.file.write_text(json.dumps(self.state))
        words = ["-m", "release.uninstall", "--parameters", str(self.folder / "main.dev.bicepparam"), "--confirm", confirm]
        variables = {**os.environ, "PATH": f"{self.folder}:{os.environ['PATH']}", "STATE": str(self.file)}
        done = subprocess.run(
            [sys.executable, *words, *more],
            cwd=ROOT,
            env=variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        self.state = json.loads(self.file.read_text())
        return done

    @property
    def changes(self) -> list[str]:
        changing = ("stop", "delete")
        return [" ".join(call[:3]).partition(" --")[0] for call in self.state["calls"] if set(changing) & set(call[:3])]


@pytest.fixture
def azure(tmp_path: Path) -> Azure:
    return Azure(tmp_path)


def test_the_app_is_stopped_then_its_rights_go_and_then_everything(azure: Azure) -> None:
    done = azure.uninstall()
    assert (done.returncode, done.stderr) == (0, "")
    assert "Nothing is left" in done.stdout
    assert [one["id"] for one in azure.state["assignments"]] == ["/sub-own/5", "/sub-own/6"], "others keep theirs"
    assert [one["roleName"] for one in azure.state["roles"]] == [OTHERS]
    order = azure.changes
    assert order[0] == "functionapp stop"
    assert order[-1] == "group delete"
    assert set(order[1:-1]) == {"role assignment delete", "role definition delete"}
    assert azure.uninstall().returncode == 0, "it can be repeated"


def test_an_uninstallation_that_was_interrupted_is_completed(azure: Azure) -> None:
    azure.state["refused"] = ["group delete"]
    stopped = azure.uninstall()
    assert (stopped.returncode, "az group delete" in stopped.stderr) == (1, True)
    assert [one["principalId"] for one in azure.state["assignments"]] == [SOMEONE, SOMEONE], "it has no rights any more"
    azure.state["refused"] = []
    assert azure.uninstall().returncode == 0


def test_rights_are_found_after_the_group_was_deleted_by_hand(azure: Azure) -> None:
    azure.state["group"], azure.state["resources"] = False, []
    assert azure.uninstall().returncode == 0
    assert {one["roleDefinitionName"] for one in azure.state["assignments"]} == {"Reader", "Owner", OTHERS}


def test_nothing_is_changed_while_environments_exist_or_without_confirmation(azure: Azure) -> None:
    assert azure.uninstall(confirm="pro").returncode == 1
    assert azure.uninstall(confirm="").returncode == 1
    azure.state["environments"] = [{"name": "rg-dormouse-dev-ml1"}]
    refused = azure.uninstall()
    assert (refused.returncode, "rg-dormouse-dev-ml1" in refused.stderr, azure.changes) == (1, True, [])
    assert azure.uninstall("--keep").returncode == 0
    assert "group delete" in azure.changes


def test_what_is_left_is_reported(azure: Azure) -> None:
    tags = {"product": "dormouse", "deployment": "dev"}
    azure.state["resources"] = [{"type": "Microsoft.Web/sites", "id": "/moved", "tags": tags}]
    azure.state["group"] = False
    left = azure.uninstall()
    assert (left.returncode, "LEFT: Microsoft.Web/sites /moved" in left.stdout) == (1, True)


def test_every_call_is_one_that_azure_cli_has(azure: Azure) -> None:
    azure.uninstall()
    calls = azure.state["calls"]
    assert len(calls) > 20
    assert [fault for call in calls for fault in faults_of(tuple(call))] == []


def test_the_installation_is_read_from_the_parameter_files() -> None:
    found = {path.name.split(".")[1]: installation_in(path) for path in PARAMETERS}
    assert found == {"dev": Installation("dev", ()), "int": Installation("int", ()), "pro": Installation("main", ())}
    bicep = (ROOT / "infra" / "main.bicep").read_text() + (ROOT / "infra" / "modules" / "rights.bicep").read_text()
    assert f"name: '{Installation('${deploymentId}', ()).group}'" in bicep
    assert all(
        f"roleName: '{name}'" in bicep
        for name in Installation("${deploymentId}", ()).roles("${subscription().subscriptionId}")
    )
    assert bicep.count("roleName:") == 4
