"""Microsoft's own worker library loads, indexes and invokes the same app and responds like the embedded worker."""

import json
import os
import subprocess
import sys
import warnings
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from local.host.durable.events import EventType, event, execution_started
from local.host.functions.worker import Worker
from local.sandbox import Ground
from tests.conftest import unchecked
from tests.support import ROOT, ControlPlane

PROVES = "that Microsoft's worker library runs the app (it needs Python 3.13; see CONTRIBUTING.md)"
CLIENT = json.dumps(
    {"taskHubName": "h", "creationUrls": {}, "managementUrls": {"id": "X"}, "rpcBaseUrl": "http://127.0.0.1:1/"}
)


@pytest.fixture(scope="module")
def interpreter() -> str:
    """A Python that has the worker library: the running one, or the one that `make` has set up beside it."""
    for candidate in (sys.executable, str(ROOT / ".venv-worker" / "bin" / "python")):
        if Path(candidate).exists() and has_library(candidate):
            return candidate
    unchecked("Python 3.13 with azure-functions-runtime", PROVES)
    raise AssertionError("unreachable")


def has_library(python: str) -> bool:
    return subprocess.run([python, "-c", "import azure_functions_runtime"], capture_output=True, check=False).returncode == 0


def real(interpreter: str, ground: Ground, *invocations: dict[str, Any]) -> dict[str, Any]:
    command = [interpreter, "-m", "tests.conformance.real_worker", str(ROOT)]
    done = subprocess.run(
        command,
        cwd=ROOT,
        input=json.dumps(invocations),
        text=True,
        capture_output=True,
        env=ground.app_environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


@pytest.fixture(scope="module")
def embedded() -> Worker:
    os.environ.setdefault("AZURE_SUBSCRIPTION_ID", "00000000-0000-0000-0000-000000000000")
    return Worker.at(ROOT)


def test_both_workers_index_the_same_functions_with_the_same_bindings(
    interpreter: str, ground: Ground, embedded: Worker
) -> None:
    found = real(interpreter, ground)["functions"]
    assert found == {name: list(function.bindings) for name, function in embedded.functions.items()}


def test_a_route_returns_the_same_response_in_both_workers(
    interpreter: str, ground: Ground, control_plane: ControlPlane
) -> None:
    path = "/blueprints/workstation"
    given = {"method": "GET", "url": f"http://x/api{path}", "params": {"name": "workstation"}}
    (answer,) = real(interpreter, ground, {"function": "get_blueprint", "type": "http", "input": given, "client": CLIENT})[
        "answers"
    ]
    ours = control_plane.client.get(path)
    assert (answer["status"], json.loads(answer["body"])) == (ours.status_code, ours.json())
    assert answer["headers"]["content-type"] == ours.headers["content-type"]


def test_an_activity_calls_azure_and_returns_plain_json(interpreter: str, ground: Ground) -> None:
    invocation = {"function": "read_group", "type": "json", "input": json.dumps("rg-dormouse-nobody")}
    (answer,) = real(interpreter, ground, invocation)["answers"]
    assert json.loads(answer["value"]) == {"id": "", "owner": "", "deleting": False}


def test_both_workers_report_a_failure_with_the_same_message(interpreter: str, ground: Ground) -> None:
    invocation = {"function": "read_group", "type": "json", "input": json.dumps({"not": "a name"})}
    (answer,) = real(interpreter, ground, invocation)["answers"]
    assert answer["error"].startswith("ValidationError: ")


def test_an_orchestrator_schedules_the_same_tasks_in_both_workers(
    interpreter: str, ground: Ground, embedded: Worker
) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    given = json.dumps({"operation": "ml1-stop-1", "environment": "ml1", "verb": "stop", "resources": []})
    history = [
        event(EventType.ORCHESTRATOR_STARTED, now),
        execution_started(now, "change_power", json.dumps(given), "i1", "e1", None, None),
    ]
    context: dict[str, Any] = {
        "history": history,
        "input": given,
        "instanceId": "i1",
        "parentInstanceId": None,
        "isReplaying": False,
        "upperSchemaVersion": 1,
        "upperSchemaVersionNew": 2,
        "defaultHttpAsyncRequestSleepTimeMillseconds": 30000,
    }
    invocation = {"function": "change_power", "type": "string", "input": json.dumps(context)}
    (answer,) = real(interpreter, ground, invocation)["answers"]
    with warnings.catch_warnings(action="ignore"):  # the SDK adds a stricter setting of its own
        ours = embedded.call_orchestrator(embedded.functions["change_power"], context)
    assert json.loads(answer["value"]) == json.loads(ours)
    assert "holds_lock" in ours
