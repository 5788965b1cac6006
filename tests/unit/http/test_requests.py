"""Requests as Azure's host hands them on, and what the app makes of them."""

import asyncio
import json
from typing import Any

import azure.functions as func
import pytest
from pydantic import BaseModel

from dormouse.access.roles import Caller, Channel, Role
from dormouse.blueprints.specs import WorkstationSpec
from dormouse.errors import IdempotencyKeyReused, InvalidRequest, InvalidSpec, NotFound
from dormouse.http.handlers.adoption import AdoptRequest, ReleaseRequest
from dormouse.http.handlers.machines import MachineHold, MachineLease
from dormouse.http.idempotency import HEADER, run_once
from dormouse.http.parameters import DRY_RUN
from dormouse.http.paths import require_valid_path
from dormouse.http.requests import json_object, model_of
from dormouse.http.routes import ROUTES
from dormouse.idle.heartbeat import Heartbeat
from dormouse.idle.holds import HoldRequest, LeaseRequest
from dormouse.ids import is_operation_id, new_operation_id, new_sweep_id
from dormouse.lifecycle import Verb
from dormouse.services.context import Context
from local.host.http.requests import query_of
from tests.unit.twins import MemoryTables, reads_of, request

ULID = "01M80AKRESFYRXQ716J26R1AX0"
STOP = next(route for route in ROUTES if route.template == "environments/{name}/stop")


@pytest.mark.parametrize(
    ("query", "params"),
    [
        ("dry_run=", {}),
        ("dry_run", {}),
        ("dry_run=&dry_run=true", {"dry_run": "true"}),
        ("dry_run=false&dry_run=true", {"dry_run": "false,true"}),
        ("a=1&A=2", {"a": "1,2"}),
        ("a=x%2Bx+y&&b=%C3%A9", {"a": "x+x y", "b": "é"}),
    ],
)
def test_the_host_drops_empty_values_and_joins_repeated_names(query: str, params: dict[str, str]) -> None:
    assert query_of(query) == params


@pytest.mark.parametrize(
    "query",
    [
        "?dry_run=",
        "?dry_run",
        "?dry_run=&dry_run=true",
        "?dry_run=true&dry_run=",
        "?dry_run=false&dry_run=true",
        "?dry_run=true&dry_run=true",
        "?dry_run=true&DRY_RUN=false",
        "?DRY_RUN=true",
        "?dry%5Frun=",
        "?dry_run%00=true",
        "?=true",
        "?dry_run=true%00",
        "?dry_run=TRUE",
        "?" + "&".join(f"x{number}=1" for number in range(200)),
    ],
)
def test_what_the_url_says_and_the_host_loses_is_refused(query: str) -> None:
    with pytest.raises(InvalidRequest):
        STOP.require_readable(request(query))


@pytest.mark.parametrize(
    ("query", "words"),
    [("?dry_run", "has no value"), ("?dry_run=true&dry_run=true", "is repeated"), ("?dryrun=true", "Unknown query")],
)
def test_a_refusal_says_what_is_wrong_with_the_query(query: str, words: str) -> None:
    with pytest.raises(InvalidRequest, match=words):
        STOP.require_readable(request(query))


@pytest.mark.parametrize("query", ["", "?dry_run=true", "?code=", "?code=a&code=b&dry_run=false", "?CODE=x", "?", "?&&"])
def test_what_can_be_read_is_not_refused(query: str) -> None:
    STOP.require_readable(request(query))


def test_a_parameter_that_is_lost_on_the_way_is_refused() -> None:
    asked = request("?dry_run=true")
    lost = func.HttpRequest(method="POST", url=asked.url, params={}, route_params={"name": "ml1"}, body=b"")
    with pytest.raises(InvalidRequest):
        STOP.require_readable(lost)


@pytest.mark.parametrize(
    "sent",
    [
        request(Content_Length="17"),
        request(Transfer_Encoding="chunked"),
        request(body=b"\x1f\x8b", Content_Encoding="gzip"),
        request(body=b"{}", Content_Encoding="gzip"),
        request(body=b'{"dry_run": true', Content_Length="16"),
        request(body=b'{"mode": "hibernate"}'),
        request(body=b'{"dry_run": true, "dry_run": false}'),
        request(body=b'{"dry_run": null}'),
        request("?dry_run=false", b'{"dry_run": true}'),
        request("?dry_run=true", b'{"dry_run": false}'),
    ],
)
def test_a_body_that_was_announced_and_cannot_be_read_is_refused(sent: func.HttpRequest) -> None:
    with pytest.raises(InvalidRequest):
        STOP.require_readable(sent)


@pytest.mark.parametrize(
    ("sent", "dry"),
    [
        (request(), False),
        (request(Content_Length="0"), False),
        (request(body=b"{}"), False),
        (request(body=b'{"dry_run": true}'), True),
        (request(body=b'{"dry_run": false}'), False),
        (request("?dry_run=true"), True),
        (request("?dry_run=true", b"{}"), True),
        (request("?dry_run=true", b'{"dry_run": true}', Content_Encoding="identity"), True),
    ],
)
def test_dry_run_counts_in_the_query_and_in_the_body(sent: func.HttpRequest, dry: bool) -> None:
    STOP.require_readable(sent)
    assert DRY_RUN.of(sent) is dry


@pytest.mark.parametrize(
    "text", ['{"a": 1, "a": 1}', '{"x": {"a": 1, "b": 2, "a": 3}}', '{"x": [{"a": 1, "a": 2}]}', '{"\\u0061": 1, "a": 2}']
)
def test_a_key_that_comes_twice_is_no_json(text: str) -> None:
    with pytest.raises(InvalidRequest, match="is repeated"):
        json_object(text.encode())


@pytest.mark.parametrize(
    "kind",
    [WorkstationSpec, HoldRequest, LeaseRequest, MachineHold, MachineLease, AdoptRequest, ReleaseRequest, Heartbeat],
)
def test_no_model_refuses_without_a_reason(kind: type[BaseModel]) -> None:
    for body in ({"\ud800": 1}, {"\ud800": 1, "blueprint": "workstation", "for": "2h", "machine": "x"}):
        with pytest.raises(InvalidSpec) as refused:
            model_of(kind, body)
        assert refused.value.faults
        assert "0 " not in str(refused.value)[:2]
        json.dumps([fault.detail for fault in refused.value.faults]).encode()


def test_every_fault_of_one_place_is_said() -> None:
    with pytest.raises(InvalidSpec) as refused:
        model_of(WorkstationSpec, {"blueprint": "workstation", "region": "polandcentral", "allow_from": ["x", "y"]})
    assert [fault.pointer for fault in refused.value.faults] == ["/allow_from/0", "/allow_from/1"], "and none is said twice"
    with pytest.raises(InvalidSpec) as empty:
        model_of(WorkstationSpec, {"blueprint": "workstation", "region": "polandcentral", "allow_from": []})
    assert [fault.pointer for fault in empty.value.faults] == ["/allow_from"]


@pytest.mark.parametrize("template", ["environments/{name}", "environments/{name}/stop"])
@pytest.mark.parametrize("name", ["#", "?", ".", "..", "a/b", "\n", "ML1", "x" * 25, "a--b", "\x00", "", "ml1\n"])
def test_what_no_environment_can_be_called_is_not_found(template: str, name: str) -> None:
    with pytest.raises(NotFound):
        require_valid_path("POST", template, {"name": name})
    require_valid_path("PUT", template, {"name": name})


ODD = (
    "#",
    "?",
    ".",
    "..",
    "\n",
    "sweep-x",
    f"ml1-stop-{ULID}/x",
    f"ml1-stop-{ULID}\n",
    f"ml1-stop-{ULID}#",
    f"ml1 -stop-{ULID}",
)


@pytest.mark.parametrize(
    "identifier", [*ODD, f"ml1-stop-{ULID.lower()}", f"{'x' * 256}-stop-{ULID}", f"ml1-x-{ULID}", "%3F"]
)
def test_what_no_operation_or_sweep_can_be_called_is_not_found(identifier: str) -> None:
    for template in ("operations/{id}", "operations/{id}/cancel", "sweeps/{id}"):
        with pytest.raises(NotFound):
            require_valid_path("GET", template, {"id": identifier})


def test_every_id_that_we_make_is_one() -> None:
    for subject in ("ml1", "a-b-c", "lab:gpu-1", "0d0e5e00-0000-4000-8000-000000000001:größe(1):vm_1.x"):
        for verb in Verb:
            assert is_operation_id(new_operation_id(subject, verb, 1000.0))
    require_valid_path("GET", "sweeps/{id}", {"id": new_sweep_id(1000.0)})
    require_valid_path("POST", "operations/{id}/cancel", {"id": new_sweep_id(1000.0)})


ALICE = Caller("alice", Channel.TOKEN, Role.USER, "a-1")
BASE: dict[str, Any] = {
    "method": "POST",
    "url": "https://a.example/api/environments/ml1/stop?force=true&x=1",
    "route_params": {"name": "ml1"},
    "body": b'{"a": 1, "b": 2}',
}


def ask(tables: MemoryTables, **changes: Any) -> bool:
    """Whether a command is taken for the one that came first."""

    async def carry_out(known: Any) -> func.HttpResponse:
        return func.HttpResponse("{}", status_code=200, mimetype="application/json")

    client: Any = None
    dependencies = reads_of(tables, now=1000.0)
    given = {**BASE, **changes}
    params = query_of(given["url"].partition("?")[2])
    req = func.HttpRequest(headers={HEADER: "k"}, params=params, **given)
    try:
        return bool(
            asyncio.run(run_once(req, Context(client, dependencies, ALICE), carry_out)).headers.get("Idempotency-Replayed")
            == "true"
        )
    except IdempotencyKeyReused:
        return False


@pytest.mark.parametrize(
    "same",
    [
        {"url": "https://b.example:444/api/environments/ml1/stop?force=true&x=1"},
        {"url": "http://a.example/API/Environments/ml1/STOP/?force=true&x=1"},
        {"url": "https://a.example/api/environments/ml1/stop?x=1&force=true"},
        {"url": "https://a.example/api/environments/ml1/stop?force=true&x=1&code=rotated"},
        {"url": "https://a.example/api/environments/ml1/stop?force=true&x=1&dry_run=false&purge=false"},
        {"body": b'{"b":2,"a":1}'},
        {"body": b'{"a": 1, "b": 2, "dry_run": false}'},
    ],
)
def test_the_same_command_written_otherwise_is_the_same(same: dict[str, Any]) -> None:
    tables = MemoryTables()
    assert not ask(tables)
    assert ask(tables, **same)


@pytest.mark.parametrize(
    "other",
    [
        {"url": "https://a.example/api/environments/ml1/stop?x=1"},
        {"url": "https://a.example/api/environments/ml1/stop?force=true&x=2"},
        {"url": "https://a.example/api/environments/ml1/start?force=true&x=1"},
        {"url": "https://a.example/api/environments/ml2/stop?force=true&x=1"},
        {"route_params": {"name": "ml2"}},
        {"method": "DELETE"},
        {"body": b'{"a": 1, "b": 3}'},
        {"body": b""},
    ],
)
def test_another_command_is_another(other: dict[str, Any]) -> None:
    tables = MemoryTables()
    assert not ask(tables)
    assert not ask(tables, **other)


@pytest.mark.parametrize("key", ["a,b", "a, b", "", " ", "x" * 129, "ä", "a\x7f"])
def test_a_key_that_may_be_two_is_none(key: str) -> None:
    req = func.HttpRequest(method="POST", url="/api/x", headers={HEADER: key}, body=b"")
    nothing: Any = None
    context = Context(nothing, nothing, ALICE)
    with pytest.raises(InvalidRequest):
        asyncio.run(run_once(req, context, lambda known: pytest.fail("done")))
