"""Features of Durable Functions beyond calls and timers: entities, suspend, rewind, restart, HTTP calls."""

import subprocess
from pathlib import Path

import pytest

from local.sandbox import free_port
from tests.host.support import OVER, Host
from tests.support import ROOT, eventually

FIELDS = {"EventId", "IsPlayed", "TaskScheduledId", "TimerId"}


def test_an_entity_keeps_state_and_returns_results_and_errors(host: Host) -> None:
    first, second, trouble = host.result("counts", "a")
    assert (first, second) == (5, 15)
    assert "I never do that" in trouble
    assert eventually(lambda: host.manage("GET", "entities/counter/a").text == "115")  # the signal sent at the end


def test_entities_are_signalled_listed_and_deleted_from_outside(host: Host) -> None:
    for number in (1, 2, 3):
        assert host.ask("POST", "/api/signal/b/add", json=number).status_code == 200
    assert eventually(lambda: host.manage("GET", "entities/counter/b").text == "6")
    assert host.ask("GET", "/api/state/b").json() == 6
    found = host.manage("GET", "entities/counter", params={"fetchState": "true"}).json()
    assert {"name": "counter", "key": "b"} in [item["entityId"] for item in found]
    assert next(item["state"] for item in found if item["entityId"]["key"] == "b") == 6
    assert host.manage("DELETE", "entities/counter/b").status_code == 202
    assert eventually(lambda: host.manage("GET", "entities/counter/b").status_code == 404)
    assert host.manage("POST", "entities/nobody/b", params={"op": "add"}).status_code == 400


def test_an_entity_keeps_its_state_when_the_host_is_killed(host: Host) -> None:
    assert host.ask("POST", "/api/signal/kept/add", json=7).status_code == 200
    assert eventually(lambda: host.manage("GET", "entities/counter/kept").status_code == 200)
    host.process.kill()
    host.process.start()
    assert host.manage("GET", "entities/counter/kept").json() == 7


def test_a_suspended_instance_receives_events_only_after_it_is_resumed(host: Host) -> None:
    identifier = host.start("hears_three")
    host.until(identifier, "Running")
    host.manage("POST", f"instances/{identifier}/raiseEvent/one", json=1)
    assert eventually(lambda: f"heard {identifier} one" in host.calls)
    assert host.manage("POST", f"instances/{identifier}/suspend", params={"reason": "lunch"}).status_code == 202
    host.until(identifier, "Suspended")
    assert host.manage("POST", f"instances/{identifier}/suspend").status_code == 500
    for number, word in ((2, "two"), (3, "three")):
        assert host.manage("POST", f"instances/{identifier}/raiseEvent/{word}", json=number).status_code == 202
    host.process.kill()
    host.process.start()
    assert host.status(identifier)["runtimeStatus"] == "Suspended"
    assert f"heard {identifier} two" not in host.calls
    assert host.manage("POST", f"instances/{identifier}/resume").status_code == 202
    assert host.until(identifier, *OVER)["output"] == [1, 2, 3]
    assert host.manage("POST", f"instances/{identifier}/resume").status_code == 410


def test_a_suspended_instance_can_be_terminated(host: Host) -> None:
    identifier = host.start("hears_three")
    host.until(identifier, "Running")
    host.manage("POST", f"instances/{identifier}/suspend")
    host.until(identifier, "Suspended")
    host.manage("POST", f"instances/{identifier}/terminate", params={"reason": "enough"})
    assert host.until(identifier, *OVER)["runtimeStatus"] == "Terminated"


def test_rewind_repeats_failed_tasks_and_children_and_keeps_completed_ones(host: Host, tmp_path: Path) -> None:
    trouble = tmp_path / "trouble"
    trouble.touch()
    identifier = host.start("fails_while_told_to", str(trouble))
    assert "I was told to" in host.until(identifier, *OVER)["output"]
    trouble.unlink()
    assert host.manage("POST", f"instances/{identifier}/rewind", params={"reason": "fixed"}).status_code == 202
    done = host.until(identifier, "Completed")
    assert done["output"] == [f"kept {identifier}", "well"]
    assert host.calls.count(f"kept {identifier}") == 1
    assert host.manage("POST", f"instances/{identifier}/rewind").status_code == 410
    assert host.manage("POST", "instances/nobody/rewind").status_code == 404


@pytest.mark.parametrize("new", [True, False])
def test_restart_starts_an_instance_with_the_same_input(host: Host, new: bool) -> None:
    identifier = host.start("fan_out", 3)
    before = host.until(identifier, *OVER)
    answer = host.manage("POST", f"instances/{identifier}/restart", params={"restartWithNewInstanceId": str(new).lower()})
    assert answer.status_code == 202
    again = answer.json()["id"]
    assert (again != identifier) is new
    assert host.until(again, *OVER)["output"] == before["output"]
    assert host.manage("POST", "instances/nobody/restart").status_code == 400


def test_durable_http_polls_202_responses_and_does_not_forward_the_key(host: Host) -> None:
    answer = host.result("runs_an_errand", f"http://127.0.0.1:{host.port}/api/errand/2")
    assert (answer["statusCode"], answer["content"]) == (200, "done")
    assert answer["headers"]["x-seen"] == "yes"


def test_the_history_lists_events_with_function_names_and_results(host: Host) -> None:
    identifier = host.start("chain")
    host.until(identifier, *OVER)
    path = f"instances/{identifier}"
    shown = host.manage("GET", path, params={"showHistory": "true", "showHistoryOutput": "true"}).json()["historyEvents"]
    kinds = [item["EventType"] for item in shown]
    assert kinds == ["ExecutionStarted", "TaskCompleted", "TaskCompleted", "ExecutionCompleted"]
    assert (shown[0]["FunctionName"], shown[1]["FunctionName"], shown[1]["Result"]) == ("chain", "add", 3)
    assert all(not FIELDS & set(item) for item in shown)
    plain = host.manage("GET", path, params={"showHistory": "true", "showInput": "false"}).json()["historyEvents"]
    assert all("Result" not in item and "Input" not in item for item in plain)


def test_a_cancelled_timer_is_deleted_at_once(host: Host) -> None:
    identifier = host.start("first_of_two", 100_000)
    host.until(identifier, *OVER)
    assert all(identifier not in row for row in host.rows("timers"))


def test_instance_lists_are_paged(host: Host) -> None:
    for number in range(5):
        host.until(host.start("fan_out", 1, f"paged-{number}"), *OVER)
    seen: list[str] = []
    token = ""
    while True:
        query = {"instanceIdPrefix": "paged-", "top": "2", "runtimeStatus": "Completed,Unheard"}
        answer = host.manage("GET", "instances", params=query, headers={"x-ms-continuation-token": token})
        assert len(answer.json()) <= 2
        seen += [item["instanceId"] for item in answer.json()]
        token = answer.headers["x-ms-continuation-token"]
        if not token:
            break
    assert seen == [f"paged-{number}" for number in range(5)]


def test_a_start_request_can_wait_for_the_result(host: Host) -> None:
    answer = host.manage("POST", "orchestrators/chain", params={"timeout": "20", "pollingInterval": "0.05"})
    assert (answer.status_code, answer.json()) == (200, 13)
    slow = host.manage("POST", "orchestrators/hears_three", params={"timeout": "0.1", "pollingInterval": "0.05"})
    assert slow.status_code == 202


@pytest.mark.parametrize(
    ("method", "path", "more", "status"),
    [
        ("GET", "instances?createdTimeFrom=yesterday", {}, 400),
        ("GET", "instances?top=none", {}, 400),
        ("DELETE", "instances", {}, 400),
        ("DELETE", "instances?createdTimeFrom=2100-01-01T00:00:00Z", {}, 404),
        ("POST", "orchestrators/chain", {"content": b"{"}, 400),
        ("POST", "orchestrators/chain", {"content": b"\xff"}, 400),
        ("POST", "orchestrators/nobody", {}, 400),
        ("POST", "orchestrators/chain/@not@an-id", {}, 400),
        ("PUT", "instances", {}, 404),
        ("POST", "instances/nobody/terminate", {}, 404),
        ("POST", "instances/nobody/dance", {}, 404),
        ("GET", "entities/counter/nobody", {}, 404),
    ],
)
def test_invalid_management_requests_are_rejected_with_a_message(
    host: Host, method: str, path: str, more: dict[str, bytes], status: int
) -> None:
    answer = host.manage(method, path, content=more.get("content"))
    assert answer.status_code == status
    assert status != 400 or answer.json()["ExceptionMessage"]


@pytest.mark.parametrize(
    ("kind", "name", "said"),
    [
        ("activity", "times_out", "TimeoutError: mine"),
        ("activity", "looks_in_vain", "KeyError"),
        ("activity", "leaves_the_house", "SystemExit: 5"),
        ("entity", "Quitter", "SystemExit: 3"),
    ],
)
def test_any_exception_of_a_function_is_passed_to_its_caller(host: Host, kind: str, name: str, said: str) -> None:
    assert said in host.result("calls_what_it_is_told", [kind, name])


@pytest.mark.parametrize("how", ["exit", "yields", "number", "retries"])
def test_an_orchestrator_that_yields_or_raises_unusually_fails_with_the_reason(host: Host, how: str) -> None:
    status = host.until(host.start("fails_oddly", how), *OVER)
    assert status["runtimeStatus"] == "Failed"
    assert "Non-deterministic" not in status["output"]


def test_a_function_is_called_by_the_name_in_its_trigger(host: Host) -> None:
    assert host.result("CalledByItsTrigger") == 2


def test_a_resume_is_not_lost_after_two_suspensions(host: Host) -> None:
    identifier = host.start("hears_three")
    host.until(identifier, "Running")
    for _ in range(2):
        host.manage("POST", f"instances/{identifier}/suspend")
    host.until(identifier, "Suspended")
    host.manage("POST", f"instances/{identifier}/resume")
    for number, word in enumerate(("one", "two", "three")):
        host.manage("POST", f"instances/{identifier}/raiseEvent/{word}", json=number)
    assert host.until(identifier, *OVER)["output"] == [0, 1, 2]


def test_a_continuation_token_stays_valid_when_the_list_changes(host: Host) -> None:
    for number in range(4):
        host.until(host.start("fan_out", 1, f"torn-{number}"), *OVER)
    query = {"instanceIdPrefix": "torn-", "top": "2"}
    first = host.manage("GET", "instances", params=query)
    host.manage("DELETE", "instances/torn-1")
    following = {"x-ms-continuation-token": first.headers["x-ms-continuation-token"]}
    second = host.manage("GET", "instances", params=query, headers=following)
    assert [item["instanceId"] for item in second.json()] == ["torn-2", "torn-3"]


def test_a_second_host_on_the_same_state_refuses_to_start(host: Host) -> None:
    command = [*host.process.command[:-4], "--port", str(free_port())]
    done = subprocess.run(
        command, cwd=ROOT, env=host.process.environment, capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 1
    assert "another host is running" in done.stderr
