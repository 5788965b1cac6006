"""The embedded host behaves like the official one: loading, routes, keys, timers, orchestrations, recovery after a kill."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from local.sandbox import free_port
from tests.host.conftest import running
from tests.host.support import OVER, Host
from tests.support import ROOT, eventually


def test_activities_run_in_sequence_and_in_parallel(host: Host) -> None:
    assert host.result("chain") == 13
    assert host.result("fan_out", 40) == sum(range(1, 41))


def test_sub_orchestrations_return_results_and_failures(host: Host) -> None:
    family = host.result("family")
    assert [item["doubled"] for item in family["results"]] == [2, 4]
    assert family["named"] == {"input": 3, "doubled": 6}
    assert "I do not want to" in family["trouble"]


def test_a_failing_activity_is_retried_as_often_as_configured(host: Host) -> None:
    result, trouble = host.result("stubborn")
    assert result == "at last"
    assert "Activity function 'always_fail' failed" in trouble


def test_pending_tasks_and_cancelled_timers_do_not_delay_completion(host: Host) -> None:
    assert host.result("first_of_two", 100_000) == [2, 4, True]


def test_an_external_event_is_received_and_the_custom_status_is_shown(host: Host) -> None:
    identifier = host.start("waits_for_approval")
    waiting = host.until(identifier, "Running")
    deadline = time.monotonic() + 10
    while waiting["customStatus"] is None and time.monotonic() < deadline:
        waiting = host.status(identifier)
    assert waiting["customStatus"] == {"waiting": "approval"}
    host.ask("POST", f"/api/tell/{identifier}/Approval", json={"by": "ann"})
    done = host.until(identifier, *OVER)
    assert (done["customStatus"], json.loads(done["output"])) == ("approved", {"by": "ann"})


def test_a_custom_status_is_limited_to_16_kilobytes_in_utf_16(host: Host) -> None:
    assert host.until(host.start("says_so_much", 8190), *OVER)["runtimeStatus"] == "Completed"
    assert host.until(host.start("says_so_much", 8191), *OVER)["runtimeStatus"] == "Failed"


def test_continue_as_new_keeps_events_received_in_between(host: Host) -> None:
    assert host.result("counts_down", 5) == "lift-off"
    identifier = host.start("collects")
    for word in ("one", "two", "three"):
        host.ask("POST", f"/api/tell/{identifier}/Word", json=word)
        time.sleep(0.05)
    heard = host.until(identifier, *OVER)["output"]
    assert [json.loads(word) for word in heard] == ["one", "two", "three"]


def test_a_non_deterministic_orchestrator_fails_and_does_not_hang(host: Host) -> None:
    status = host.until(host.start("fickle"), *OVER)
    assert status["runtimeStatus"] == "Failed"
    assert "Non-deterministic" in status["output"]


def test_calling_a_missing_function_fails_cleanly(host: Host) -> None:
    status = host.until(host.start("calls_nobody"), *OVER)
    assert (status["runtimeStatus"], "doesn't exist" in status["output"]) == ("Failed", True)
    assert host.ask("POST", "/api/start/nobody").status_code == 409


def test_an_unserializable_error_still_ends_the_orchestration(host: Host) -> None:
    assert host.until(host.start("unspeakable"), *OVER)["runtimeStatus"] == "Failed"


def test_an_instance_can_be_terminated_and_purged(host: Host) -> None:
    identifier = host.start("waits_for_approval")
    host.until(identifier, "Running")
    host.ask("POST", f"/api/end/{identifier}")
    ended = host.until(identifier, *OVER)
    assert (ended["runtimeStatus"], ended["output"]) == ("Terminated", "enough")
    assert host.ask("POST", f"/api/purge/{identifier}").text == "1"
    assert host.ask("GET", f"/api/status/{identifier}").json() is None


def test_a_running_instance_id_cannot_be_started_again(host: Host) -> None:
    host.start("waits_for_approval", identifier="only-one")
    assert host.ask("POST", "/api/start/waits_for_approval/only-one").status_code == 409


def test_the_management_api_lists_instances(host: Host) -> None:
    identifier = host.start("chain", identifier="listed-1")
    host.until(identifier, *OVER)
    root = "/runtime/webhooks/durabletask/instances"
    found = host.ask("GET", root, key="durable", params={"instanceIdPrefix": "listed-", "runtimeStatus": "Completed"}).json()
    assert [item["instanceId"] for item in found] == ["listed-1"]
    one = host.ask("GET", f"{root}/listed-1", key="durable", params={"showHistory": "true"})
    assert (one.status_code, one.json()["output"]) == (200, 13)
    assert one.json()["historyEvents"]
    assert host.ask("GET", f"{root}/nobody", key="durable").status_code == 404
    assert host.ask("POST", f"{root}/listed-1/raiseEvent/x", key="durable", json=1).status_code == 410


@pytest.mark.parametrize(
    ("path", "key", "status"),
    [
        ("/api/number/7", None, 401),
        ("/api/number/7", "function", 200),
        ("/api/number/7", "master", 200),
        ("/api/number/7", "durable", 401),
        ("/api/open", None, 200),
        ("/runtime/webhooks/durabletask/instances", None, 401),
        ("/runtime/webhooks/durabletask/instances", "function", 403),
        ("/runtime/webhooks/durabletask/instances", "durable", 200),
        ("/runtime/webhooks/durabletask/instances", "master", 200),
        ("/runtime/webhooks/nothing/x", "master", 404),
        ("/admin/host/status", None, 401),
        ("/admin/host/status", "function", 403),
        ("/admin/host/status", "master", 200),
        ("/admin/host/ping", None, 200),
        ("/durabletask/instances", "master", 404),
    ],
)
def test_each_key_opens_only_its_routes(host: Host, path: str, key: str | None, status: int) -> None:
    assert host.ask("GET", path, key=key).status_code == status


def test_the_key_in_the_header_takes_precedence_over_the_query(host: Host) -> None:
    good = host.keys["function"]
    assert host.ask("GET", f"/api/number/1?code={good}", key=None).status_code == 200
    assert host.ask("GET", f"/api/number/1?code={good}", key=None, headers={"x-functions-key": "wrong"}).status_code == 401


def test_routes_match_their_templates(host: Host) -> None:
    assert host.ask("GET", "/API/Number/7").text == "number 7"
    assert host.ask("GET", "/api/number/seven").status_code == 404
    assert host.ask("POST", "/api/number/7").status_code == 404
    assert host.ask("GET", "/number/7").status_code == 404
    # https://github.com/Azure/azure-functions-host/issues/11625: the host adds no method that a function does not declare.
    assert host.ask("HEAD", "/api/number/7").status_code == 404
    assert host.ask("OPTIONS", "/api/number/7").status_code == 404
    assert host.ask("GET", "/").status_code == 200


def test_a_disabled_function_answers_only_to_the_master_key(host: Host) -> None:
    assert host.ask("GET", "/api/asleep").status_code == 404
    assert host.ask("GET", "/api/asleep", key="master").status_code == 200
    described = host.ask("GET", "/admin/functions/Asleep", key="master").json()
    assert (described["name"], described["isDisabled"]) == ("asleep", True)


def test_custom_headers_of_host_json_are_added_to_every_response(host: Host) -> None:
    assert host.ask("GET", "/api/open", key=None).headers["x-content-type-options"] == "nosniff"


def test_a_return_value_that_is_not_an_http_response_is_a_500(host: Host) -> None:
    answer = host.ask("GET", "/api/wrong")
    assert (answer.status_code, answer.content) == (500, b"")


def test_a_timer_fires_on_schedule_and_on_request(host: Host) -> None:
    before = host.calls.count("tick False")
    assert host.ask("POST", "/admin/functions/tick", key="master", json={}).status_code == 202
    assert eventually(lambda: host.calls.count("tick False") == before + 1)
    assert host.ask("POST", "/admin/functions/Tick", key="master").status_code == 400
    assert host.ask("POST", "/admin/functions/nobody", key="master", json={}).status_code == 404


def test_a_missed_timer_fires_once_and_is_marked_as_past_due(tmp_path: Path) -> None:
    with running(tmp_path, TICK="0 0 * * * *") as host:
        assert eventually(lambda: bool(host.rows("schedules")))
        host.process.kill()
        # The host is down for three hours: its clock, which counts from its first start, continues.
        host.change("UPDATE facts SET value = value - 3 * 3600 / 99 WHERE name = 'clock origin'")
        host.process.start()
        assert eventually(lambda: host.calls.count("tick True") == 1)
        assert eventually(
            lambda: "0001-01-01" not in str(host.rows("schedules"))
        )  # an activity whose result was not committed runs again
        host.process.kill()
        host.process.start()
        host.result("chain")
        assert host.calls.count("tick True") == 1


@pytest.mark.parametrize("kills", [1, 3])
def test_a_killed_host_resumes_and_loses_no_step(host: Host, kills: int) -> None:
    identifier = host.start("steps", identifier=f"steps-{kills}")
    for number in range(kills):
        deadline = time.monotonic() + 10
        while f"{identifier} {number}" not in host.calls and time.monotonic() < deadline:
            time.sleep(0.005)
        host.process.kill()
        host.process.start()
    done = host.until(identifier, *OVER)
    assert (done["runtimeStatus"], done["output"]) == ("Completed", [0, 2, 4])
    noted = [line for line in host.calls if line.startswith(identifier)]
    assert sorted(set(noted)) == [f"{identifier} {number}" for number in range(4)]


FINE = "import azure.functions as f\napp = f.FunctionApp()"
REFUSED = {
    "not JSON": ("{", "not JSON"),
    "another version": ('{"version": "1.0"}', "version"),
    "a retry policy, which Durable ignores": ('{"version": "2.0", "retry": {}}', "retry"),
    "extended sessions, which only .NET has": (
        '{"version": "2.0", "extensions": {"durableTask": {"extendedSessionsEnabled": true}}}',
        "extensions.durableTask.extendedSessionsEnabled",
    ),
    "a misspelt limit": (
        '{"version": "2.0", "extensions": {"durableTask": {"maxConcurrentActivities": 5}}}',
        "extensions.durableTask.maxConcurrentActivities",
    ),
    "no time for functions": ('{"version": "2.0", "functionTimeout": "00:00:00"}', "functionTimeout"),
    "an unknown strategy for versions": (
        '{"version": "2.0", "extensions": {"durableTask": {"versionMatchStrategy": "CurrentOrNewer"}}}',
        "extensions.durableTask.versionMatchStrategy",
    ),
    "an unknown strategy for other versions": (
        '{"version": "2.0", "extensions": {"durableTask": {"versionFailureStrategy": "Abort"}}}',
        "extensions.durableTask.versionFailureStrategy",
    ),
    "a version that is no text": (
        '{"version": "2.0", "extensions": {"durableTask": {"defaultVersion": 1.1}}}',
        "extensions.durableTask.defaultVersion",
    ),
    "an invalid limit for requests": (
        '{"version": "2.0", "queues": 1, "extensions": {"http": {"maxOutstandingRequests": 0}}}',
        "extensions.http.maxOutstandingRequests",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_an_unsupported_host_json_is_rejected_with_a_message(tmp_path: Path, what: str) -> None:
    text, named = REFUSED[what]
    assert named in loading_fails(tmp_path, FINE, text)


def test_every_fault_of_host_json_is_reported_at_once(tmp_path: Path) -> None:
    said = loading_fails(tmp_path, FINE, REFUSED["an invalid limit for requests"][0])
    assert "queues" in said
    assert "maxOutstandingRequests" in said


BROKEN = {
    "no app at all": "x = 1",
    "two apps": "import azure.functions as f\na = f.FunctionApp()\nb = f.FunctionApp()",
    "cannot be imported": "raise RuntimeError('no')",
    "an invalid schedule": (
        "import azure.functions as f\napp = f.FunctionApp()\n"
        "@app.timer_trigger(schedule='never', arg_name='t')\ndef x(t: f.TimerRequest) -> None:\n    pass"
    ),
    "takes another parameter": (
        "import azure.functions as f\napp = f.FunctionApp()\n"
        "@app.route(route='x')\ndef x(req: f.HttpRequest, more: str) -> str:\n    return ''"
    ),
    "an SDK that needs gRPC": (
        "import azure.functions as f\napp = f.FunctionApp()\n"
        "@app.generic_trigger(arg_name='given', type='activityTrigger', durableRequiresGrpc=True)\n"
        "def x(given: str) -> str:\n    return given"
    ),
    "a client that needs gRPC": (
        "import azure.functions as f\napp = f.FunctionApp()\n@app.route(route='x')\n"
        "@app.generic_input_binding(arg_name='client', type='durableClient', durableRequiresGrpc=True)\n"
        "async def x(req: f.HttpRequest, client: str) -> str:\n    return ''"
    ),
    "a generic annotation": (
        "import azure.durable_functions as d\nfrom typing import Any\napp = d.DFApp()\n"
        "@app.activity_trigger(input_name='given')\ndef x(given: dict[str, Any]) -> str:\n    return ''"
    ),
}


@pytest.mark.parametrize("what", BROKEN)
def test_an_app_that_the_official_worker_rejects_is_not_loaded(tmp_path: Path, what: str) -> None:
    assert "cannot be loaded" in loading_fails(tmp_path, BROKEN[what], '{"version": "2.0"}')


@pytest.mark.parametrize("what", [what for what in BROKEN if "gRPC" in what])
def test_an_sdk_that_needs_grpc_is_named_when_the_host_starts(tmp_path: Path, what: str) -> None:
    said = loading_fails(tmp_path, BROKEN[what], '{"version": "2.0"}')
    assert "function x needs Durable Functions over gRPC (durableRequiresGrpc)" in said
    assert "this host serves azure-functions-durable 1 over HTTP only" in said


READS_FILES = """
import os
from pathlib import Path
import azure.functions as f
FOUND = Path("beside.txt").read_text()
app = f.FunctionApp()
@app.route(route="x", auth_level="anonymous")
def x(req: f.HttpRequest, context: f.Context) -> str:
    return f"{FOUND} {Path('beside.txt').read_text()} {os.getcwd()} {context.function_directory}"
"""


def test_the_working_directory_of_an_app_is_its_root(tmp_path: Path) -> None:
    folder = tmp_path / "app"
    folder.mkdir()
    for name, text in {"function_app.py": READS_FILES, "host.json": '{"version": "2.0"}', "beside.txt": "read"}.items():
        (folder / name).write_text(text)
    home = tmp_path / "home"
    home.mkdir()
    with running(home, folder) as host:
        said = host.ask("GET", "/api/x", key=None)
        assert (said.status_code, said.text) == (200, f"read read {folder} {folder}")


def loading_fails(folder: Path, app: str, host_json: str) -> str:
    """The error message of a host that does not start."""
    (folder / "function_app.py").write_text(app)
    (folder / "host.json").write_text(host_json)
    command = [sys.executable, "-m", "local.host", "--app", str(folder), "--home", str(folder / "home")]
    command += ["--port", str(free_port())]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 1
    return done.stderr
