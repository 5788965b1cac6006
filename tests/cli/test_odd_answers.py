"""Servers that are slow, broken, or none of ours: one clear sentence, the right exit code, nothing else."""

import json
import ssl
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import trustme

from tests.cli.support import ESCAPE, KEY, Command, FakeServer, Request, fake_server
from tests.support import eventually

ERASED = f"{ESCAPE}[2K"  # a line that is drawn again
OPERATION = {"id": "ml1-stop-1", "environment": "ml1", "verb": "stop", "state": "running", "explanation": "", "steps": []}
ENDED = {**OPERATION, "state": "succeeded", "explanation": "It is done."}
STEPS = [{"name": "vm", "state": "running", "began": 1.0, "ended": None, "seconds": 0.0, "needs": []}]


def accepted(request: Request) -> None:
    path = "/api/operations/ml1-stop-1"
    request.json({"operation": "ml1-stop-1", "href": path}, 202, Location=path, Retry_After="5")


@pytest.mark.parametrize(
    ("handler", "code", "says"),
    [
        (lambda request: time.sleep(2), 3, "did not answer within 0.5 s"),
        (Request.dribble, 3, "did not answer within 0.5 s"),
        (lambda request: request.problem(500, "Something went wrong on our side."), 3, "Something went wrong on our side."),
        (lambda request: request.answer(502, b"<h1>Bad gateway</h1>", "text/html"), 3, "in trouble (HTTP 502)"),
        (
            lambda request: request.answer(200, b"<h1>Please log in</h1>", "text/html"),
            3,
            "where JSON was expected",
        ),
        (lambda request: request.answer(200, b'{"value": ['), 3, "broken JSON"),
        (lambda request: request.json([1, 2]), 3, "does not understand"),
        (lambda request: request.json({"value": 5}), 3, "does not understand"),
        (lambda request: request.json({"value": [{"price": 5, "billed": True}]}), 70, "a defect of dormouse"),
        (lambda request: request.answer(401, b"", "text/plain"), 4, "does not accept the key"),
        (lambda request: request.answer(403, b"<h1>Ip Forbidden</h1>", "text/html"), 4, "does not allow this"),
        (lambda request: request.answer(404, b"Not found", "text/plain"), 3, "has nothing at /api/environments"),
        (lambda request: request.problem(404, "There is no such thing."), 5, "There is no such thing."),
        (lambda request: request.problem(409, "Not now.", operation="ml1-x-1"), 6, "Watch it: dormouse watch ml1-x-1"),
        (lambda request: request.answer(429, b"", Retry_After="3600"), 3, "come back in 3600 s"),
        (lambda request: request.json({"value": [], "next": "https://elsewhere.example/x"}), 3, "another server"),
        (lambda request: request.json({"value": [], "next": "/api/environments?after=1"}), 3, "in circles"),
    ],
)
def test_an_odd_answer_is_told_in_a_sentence(
    dormouse: Command, server: FakeServer, handler: Callable[[Request], None], code: int, says: str
) -> None:
    server.answers(handler)
    ended = dormouse("ls", DORMOUSE_TIMEOUT="0.5")
    assert (ended.code, says in ended.said) == (code, True), ended
    assert len(ended.err.splitlines()) <= 3


def test_a_redirection_is_not_followed_with_the_key(dormouse: Command, server: FakeServer) -> None:
    with fake_server() as thief:
        server.answers(lambda request: request.answer(302, b"", Location=f"{thief.url}/api/environments"))
        ended = dormouse("ls")
        assert (ended.code, thief.url in ended.err, thief.asked) == (3, True, [])


def test_nobody_there_is_told_in_a_sentence(stranger: Command) -> None:
    nobody = stranger("ls", DORMOUSE_URL="http://127.0.0.1:9", DORMOUSE_KEY=KEY)
    assert (nobody.code, nobody.err) == (3, "Nothing listens at 127.0.0.1:9.\n")
    unknown = stranger("ls", DORMOUSE_URL="https://nobody.invalid", DORMOUSE_KEY=KEY)
    assert (unknown.code, "Nobody knows the name nobody.invalid." in unknown.err) == (3, True)


def test_a_certificate_is_looked_at(stranger: Command, tmp_path: Path) -> None:
    authority, trust = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(trust)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    with fake_server(trust) as server:
        stranger.variables = {"DORMOUSE_URL": server.url, "DORMOUSE_KEY": KEY}
        ended = stranger("ls")
        assert (ended.code, "cannot be trusted" in ended.err, server.asked) == (3, True, [])
        assert stranger("ls", SSL_CERT_FILE=str(tmp_path / "ca.pem")).code == 0
        missing = stranger("ls", SSL_CERT_FILE=str(tmp_path / "none.pem"))
        assert (missing.code, "SSL_CERT_FILE" in missing.err) == (2, True)


def test_reads_are_asked_again_as_the_server_wants(dormouse: Command, server: FakeServer) -> None:
    server.answers(
        lambda request: request.answer(429, b"", Retry_After="2"),
        lambda request: request.problem(503, "Azure cannot be asked right now."),
        Request.drop,
        lambda request: request.json({"value": [], "next": None}),
    )
    assert dormouse("ls").code == 0
    assert len(server.asked) == 4
    assert server.asked[1].at - server.asked[0].at > 1.9 > server.asked[3].at - server.asked[1].at


def test_a_command_is_sent_again_as_the_same_command_and_doubt_is_said(dormouse: Command, server: FakeServer) -> None:
    server.answers(Request.drop)
    ended = dormouse("stop", "ml1")
    assert ended.code == 3
    assert "ended the connection before it had answered" in ended.err
    assert "It is not known whether the command arrived" in ended.err
    keys = [request.headers["Idempotency-Key"] for request in server.asked]
    assert (len(keys), len(set(keys))) == (4, 1)
    dormouse("stop", "ml1")
    assert server.asked[-1].headers["Idempotency-Key"] != keys[0]


def test_a_command_whose_answer_was_lost_is_done_once(dormouse: Command, server: FakeServer) -> None:
    busy = {
        "type": "/api/docs#the-request-is-being-answered",
        "title": "x",
        "status": 409,
        "detail": "It is being answered.",
    }
    server.answers(
        Request.drop,
        lambda request: request.answer(409, json.dumps(busy).encode(), "application/problem+json", Retry_After="0"),
        accepted,
    )
    ended = dormouse("stop", "ml1")
    assert (ended.code, ended.out.startswith("Accepted: ml1-stop-1")) == (0, True), ended


def test_every_fault_of_a_spec_is_shown(dormouse: Command, server: FakeServer) -> None:
    faults = [{"pointer": "/size", "detail": "is no size"}, {"pointer": "/region", "detail": "is no region"}]
    server.answers(lambda request: request.problem(422, "2 thing(s) are wrong.", errors=faults))
    ended = dormouse("up", "ml1", "--blueprint", "workstation", "--region", "x")
    assert ended.code == 2
    assert ended.err.splitlines() == ["2 thing(s) are wrong.", "  /size  is no size", "  /region  is no region"]


def test_waiting_outlives_a_server_that_is_away_for_a_moment(dormouse: Command, server: FakeServer) -> None:
    server.answers(
        accepted,
        lambda request: request.json({**OPERATION, "steps": STEPS}),
        *[lambda request: request.answer(503, b"", Retry_After="0")] * 5,
        lambda request: request.json(ENDED),
    )
    ended = dormouse("stop", "ml1", "--wait")
    assert (ended.code, ended.out) == (0, "stop ml1: succeeded. It is done.\n")
    assert "vm: running" in ended.err
    assert "asking again" in ended.err


@pytest.mark.parametrize("state", ["refused", "unhealthy", "lost"])
def test_the_exit_code_tells_how_it_ended(dormouse: Command, server: FakeServer, state: str) -> None:
    left = {"leftovers": ["/disk"], "findings": [{"name": "gpu", "result": "failed", "detail": "no GPU"}]}
    server.answers(accepted, lambda request: request.json({**OPERATION, **left, "state": state, "explanation": "Alas."}))
    ended = dormouse("start", "ml1", "--wait")
    assert (ended.code, ended.out.splitlines()[0]) == (1, f"stop ml1: {state}. Alas.")
    assert "Left, and may cost money: /disk" in ended.out
    assert "no GPU" in ended.out


def test_ctrl_c_leaves_the_operation_running_and_says_so(dormouse: Command, server: FakeServer) -> None:
    server.answers(accepted, lambda request: request.json(OPERATION))
    running = dormouse.begun("stop", "ml1", "--wait")
    assert eventually(lambda: len(server.asked) > 2)
    ended = dormouse.interrupted(running)
    assert ended.code == 130
    assert ended.err.splitlines()[-2:] == [
        "You have stopped waiting; the operation goes on.",
        "Watch it: dormouse watch ml1-stop-1",
    ]
    assert {request.method for request in server.asked[1:]} == {"GET"}


def test_ctrl_c_while_a_command_is_on_its_way_says_that_nobody_knows(dormouse: Command, server: FakeServer) -> None:
    server.answers(lambda request: time.sleep(3))
    running = dormouse.begun("stop", "ml1")
    assert eventually(lambda: len(server.asked) == 1)
    ended = dormouse.interrupted(running)
    assert (ended.code, "It is not known whether the command arrived" in ended.err) == (130, True)


def test_a_terminal_gets_colours_and_a_table_that_lives(dormouse: Command, server: FakeServer) -> None:
    server.answers(accepted, *[lambda request: request.json({**OPERATION, "steps": STEPS})] * 3, lambda r: r.json(ENDED))
    ended = dormouse.on_a_terminal("stop", "ml1", "--wait")
    assert (ended.code, ERASED in ended.out, "stop ml1" in ended.out) == (0, True, True)
    dormouse.variables["NO_COLOR"] = "1"
    server.answers(lambda request: request.json({"value": [{"name": "ml1", "state": "running"}], "next": None}))
    assert f"{ESCAPE}[32m" not in dormouse.on_a_terminal("ls").out


def test_other_peoples_texts_do_not_drive_the_terminal(dormouse: Command, server: FakeServer) -> None:
    evil = f"nice{ESCAPE}]0;owned\x07{ESCAPE}[2J\x9b31m\u202eevil [red]x[/]"
    picture = {"name": "ml1", "state": "running", "owner": evil, "hold": {"by": evil, "until": 0, "reason": evil}}
    server.answers(lambda request: request.json(picture))
    shown = dormouse("show", "ml1")
    assert "[red]x[/]" in shown.out
    assert not {"\x07", "\x9b", "\u202e"} & set(shown.out)
    server.answers(lambda request: request.problem(404, evil))
    assert not {"\x07", "\x9b", "\u202e"} & set(dormouse("show", "ml1").err)


def test_what_a_terminal_cannot_show_is_no_trouble(dormouse: Command, server: FakeServer) -> None:
    server.answers(lambda request: request.json({"name": "ml1", "state": "running", "owner": "Jürgen"}))
    assert "J?rgen" in dormouse("show", "ml1", PYTHONIOENCODING="ascii:strict").out


def test_rm_asks_and_a_no_is_a_no(dormouse: Command, server: FakeServer) -> None:
    ended = dormouse("rm", "ml1")
    assert (ended.code, "--yes" in ended.err) == (2, True)
    declined = dormouse.on_a_terminal("rm", "ml1", answer="n\n")
    assert (declined.code, "Nothing was deleted." in declined.out, server.asked) == (1, True, [])


def test_lists_follow_every_page(dormouse: Command, server: FakeServer) -> None:
    server.answers(
        lambda request: request.json({"value": [{"id": "a"}], "next": "/api/operations?limit=200&after=a"}),
        lambda request: request.json({"value": [{"id": "b"}], "next": None}),
    )
    assert dormouse.json("operations") == {"value": [{"id": "a"}, {"id": "b"}], "next": None}
    assert [request.path for request in server.asked] == ["/api/operations?limit=200", "/api/operations?limit=200&after=a"]


def test_a_name_is_a_name_and_no_path(dormouse: Command, server: FakeServer) -> None:
    for name in ("", ".."):
        assert dormouse("show", name).code == 2
    assert server.asked == []
    dormouse("show", "a/../b?c#d")
    assert server.asked[0].path == "/api/environments/a%2F..%2Fb%3Fc%23d"


def test_who_reads_no_further_is_no_trouble(dormouse: Command, server: FakeServer) -> None:
    server.answers(lambda request: request.json({"value": [{"name": f"m{n}"} for n in range(20_000)], "next": None}))
    running = dormouse.begun("ls")
    assert running.stdout
    assert running.stderr
    running.stdout.readline()
    running.stdout.close()
    assert running.stderr.read() == ""
    running.stderr.close()
    running.wait(10)


def test_what_only_admins_may_is_asked_for_by_name(dormouse: Command, server: FakeServer) -> None:
    server.answers(accepted)
    assert dormouse("rm", "ml1", "--yes", "--purge").code == 0
    assert dormouse("cancel", "ml1-stop-1", "--force").code == 0
    assert dormouse("cancel", "ml1-stop-1").code == 0
    assert [request.path for request in server.asked] == [
        "/api/environments/ml1?purge=true",
        "/api/operations/ml1-stop-1/cancel?force=true",
        "/api/operations/ml1-stop-1/cancel",
    ]


def test_a_command_that_takes_long_or_breaks_the_server_is_not_sent_again(dormouse: Command, server: FakeServer) -> None:
    server.answers(lambda request: time.sleep(2))
    assert dormouse("stop", "ml1", DORMOUSE_TIMEOUT="0.5").code == 3
    assert len(server.asked) == 1
    server.answers(lambda request: request.problem(500, "Something went wrong on our side."))
    assert dormouse("stop", "ml1").code == 3
    assert len(server.asked) == 2
