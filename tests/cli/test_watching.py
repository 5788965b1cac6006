"""Waiting for operations, interrupting and confirming, on a terminal and in a pipe."""

import time
from typing import Any

import pytest

from tests.cli.support import ESCAPE, Command, FakeServer, accept
from tests.support import eventually

ERASED = f"{ESCAPE}[2K"  # a line that is redrawn
OPERATION: dict[str, Any] = {
    "id": "ml1-stop-1",
    "environment": "ml1",
    "verb": "stop",
    "status": "InProgress",
    "outcome": None,
    "reason": None,
    "steps": [],
}
ENDED = {**OPERATION, "status": "Succeeded", "outcome": "succeeded", "reason": "It is done."}
STEPS = [
    {"name": "vm", "state": "running", "needs": [], "began_seconds": 1.0, "ended_seconds": None, "duration_seconds": None},
    {"name": "nic", "state": "done", "needs": [], "began_seconds": 0.5, "ended_seconds": 2.0, "duration_seconds": 1.5},
]


def test_waiting_survives_a_server_that_is_temporarily_unavailable(dormouse: Command, server: FakeServer) -> None:
    server.respond(
        accept,
        lambda request: request.json({**OPERATION, "steps": STEPS}),
        *[lambda request: request.respond(503, b"", Retry_After="0")] * 5,
        lambda request: request.json(ENDED),
    )
    result = dormouse("stop", "ml1", "--wait")
    assert (result.code, result.out) == (0, "stop ml1: succeeded. It is done.\n")
    assert {"vm: running", "nic: done  1.5 s"} <= set(result.err.splitlines())
    assert "The operation continues; retrying …" in result.err
    assert {request.path for request in server.requests[1:]} == {"/api/operations/ml1-stop-1"}


@pytest.mark.parametrize("outcome", ["refused", "unhealthy", "lost"])
def test_the_exit_code_is_1_unless_the_operation_succeeded(dormouse: Command, server: FakeServer, outcome: str) -> None:
    ended = {
        **OPERATION,
        "status": "Failed",
        "outcome": outcome,
        "reason": "Quota exceeded.",
        "leftovers": ["/disk"],
        "health_checks": [{"name": "gpu", "result": "failed", "detail": "no GPU"}],
    }
    server.respond(accept, lambda request: request.json(ended))
    result = dormouse("start", "ml1", "--wait")
    assert (result.code, result.out.splitlines()[0]) == (1, f"stop ml1: {outcome}. Quota exceeded.")
    assert "Not deleted, and possibly billed: /disk" in result.out
    assert "no GPU" in result.out


def test_an_operation_with_an_unreadable_record_is_not_polled_forever(dormouse: Command, server: FakeServer) -> None:
    unreadable = {**OPERATION, "verb": "unknown", "outcome": "unknown", "reason": "This release cannot read the record."}
    server.respond(accept, lambda request: request.json(unreadable))
    result = dormouse("stop", "ml1", "--wait")
    assert (result.code, "cannot read the record" in result.out) == (1, True), result


def test_cancel_succeeds_if_the_operation_was_cancelled(dormouse: Command, server: FakeServer) -> None:
    cancelled = {**OPERATION, "status": "Canceled", "outcome": "cancelled", "reason": "Cancelled by ana."}
    server.respond(accept, lambda request: request.json(cancelled))
    assert dormouse("cancel", "ml1-stop-1", "--wait").code == 0
    server.respond(accept, lambda request: request.json(cancelled))
    assert dormouse("cancel", "ml1-stop-1", "--wait", "--force").code == 1
    server.respond(
        lambda request: request.json({"operation": "sweep-1", "href": "/api/sweeps/sweep-1"}, 202),
        lambda request: request.json({"id": "sweep-1", "dry_run": False, "state": "lost", "summary": None}),
    )
    assert dormouse("cancel", "sweep-1", "--wait", "--force").code == 0
    assert server.requests[-1].path == "/api/sweeps/sweep-1"


def test_a_sweep_is_watched_like_an_operation(dormouse: Command, server: FakeServer) -> None:
    summary = {"machines": 1, "verdicts": {"idle": 1}, "actions": {"warn": 1, "nothing": 0}, "problems": ["gpu7: HTTP 503"]}
    sweep = {"id": "sweep-1", "dry_run": False, "by": "ana", "state": "running", "summary": None}
    server.respond(
        lambda request: request.json({"sweep": "sweep-1", "href": f"{server.url}/api/sweeps/sweep-1"}, 202),
        lambda request: request.json(sweep),
        lambda request: request.json({**sweep, "state": "ended", "summary": summary}),
    )
    result = dormouse("sweep", "--wait")
    assert (result.code, result.out) == (0, "sweep-1: 1 machine: 1 idle.\nActions: warn 1.\nProblem: gpu7: HTTP 503\n")
    server.respond(lambda request: request.json({**sweep, "state": "lost"}))
    lost = dormouse("watch", "sweep-1")
    assert (lost.code, lost.out) == (1, "sweep-1: lost. The sweep ended without a report.\n")


def test_ctrl_c_stops_watching_and_the_operation_continues(dormouse: Command, server: FakeServer) -> None:
    server.respond(accept, lambda request: request.json(OPERATION))
    running = dormouse.start("stop", "ml1", "--wait")
    assert eventually(lambda: len(server.requests) > 2)
    result = dormouse.interrupt(running)
    assert result.code == 130
    assert result.err.splitlines()[-2:] == [
        "Stopped watching; the operation continues.",
        "Watch it: dormouse watch ml1-stop-1",
    ]
    assert {request.method for request in server.requests[1:]} == {"GET"}


def test_ctrl_c_while_a_command_is_sent_reports_an_unknown_outcome(dormouse: Command, server: FakeServer) -> None:
    server.respond(lambda request: time.sleep(3))
    running = dormouse.start("stop", "ml1")
    assert eventually(lambda: len(server.requests) == 1)
    result = dormouse.interrupt(running)
    assert (result.code, "The outcome is unknown" in result.err) == (130, True)


def test_a_terminal_gets_colours_and_a_live_table(dormouse: Command, server: FakeServer) -> None:
    server.respond(accept, *[lambda request: request.json({**OPERATION, "steps": STEPS})] * 3, lambda r: r.json(ENDED))
    result = dormouse.run_on_terminal("stop", "ml1", "--wait")
    assert (result.code, ERASED in result.out, "stop ml1" in result.out) == (0, True, True)
    dormouse.variables["NO_COLOR"] = "1"
    server.respond(lambda request: request.json({"value": [{"name": "ml1", "state": "running"}], "next": None}))
    assert f"{ESCAPE}[32m" not in dormouse.run_on_terminal("ls").out


def test_rm_asks_for_confirmation(dormouse: Command, server: FakeServer) -> None:
    result = dormouse("rm", "ml1")
    assert (result.code, "Use --yes to delete without it." in result.err) == (2, True)
    declined = dormouse.run_on_terminal("rm", "ml1", answer="n\n")
    assert (declined.code, "Nothing was deleted." in declined.out, server.requests) == (1, True, [])


def test_a_closed_pipe_is_not_an_error(dormouse: Command, server: FakeServer) -> None:
    server.respond(lambda request: request.json({"value": [{"name": f"m{n}"} for n in range(20_000)], "next": None}))
    running = dormouse.start("ls")
    assert running.stdout
    assert running.stderr
    running.stdout.readline()
    running.stdout.close()
    assert running.stderr.read() == ""
    running.stderr.close()
    running.wait(10)
