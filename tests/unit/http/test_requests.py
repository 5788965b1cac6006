"""Requests as Azure's host passes them on, and how the app reads them."""

import asyncio
import json
from typing import Any

import azure.functions as func
import pytest
from pydantic import BaseModel

from dormouse.access.roles import Caller, Channel, Role
from dormouse.blueprints.workstation import WorkstationSpec
from dormouse.errors import IdempotencyKeyReused, InvalidRequest, InvalidSpec, NotFound
from dormouse.http.handlers.adoption import AdoptRequest, ReleaseRequest
from dormouse.http.handlers.machines import MachineHold, MachineLease
from dormouse.http.idempotency import HEADER, run_once
from dormouse.http.parameters import DRY_RUN
from dormouse.http.paths import require_valid_path
from dormouse.http.requests import json_object, model_of
from dormouse.http.routes import ROUTES
from dormouse.idle.heartbeats.heartbeat import Heartbeat
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
def test_a_query_that_the_host_would_change_is_rejected(query: str) -> None:
    with pytest.raises(InvalidRequest):
        STOP.require_readable(request(query))


@pytest.mark.parametrize(
    ("query", "words"),
    [("?dry_run", "has no value"), ("?dry_run=true&dry_run=true", "is repeated"), ("?dryrun=true", "Unknown query")],
)
def test_the_error_names_what_is_wrong_with_the_query(query: str, words: str) -> None:
    with pytest.raises(InvalidRequest, match=words):
        STOP.require_readable(request(query))


def test_every_fault_of_a_query_is_reported_at_once() -> None:
    operations = next(route for route in ROUTES if route.template == "operations")
    with pytest.raises(InvalidRequest) as refused:
        operations.require_readable(request("?limit=many&since=soon&colour=red&environment=&after=x&after=y"))
    words = str(refused.value)
    for fault in (
        "Unknown query parameter 'colour'",
        "'environment' has no value",
        "'after' is repeated",
        "`limit`",
        "`since`",
    ):
        assert words.count(fault) == 1, words


@pytest.mark.parametrize("query", ["", "?dry_run=true", "?code=", "?code=a&code=b&dry_run=false", "?CODE=x", "?", "?&&"])
def test_a_readable_query_is_accepted(query: str) -> None:
    STOP.require_readable(request(query))


def test_a_parameter_dropped_by_the_host_is_rejected() -> None:
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
def test_an_announced_but_unreadable_body_is_rejected(sent: func.HttpRequest) -> None:
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
def test_dry_run_is_read_from_query_and_body(sent: func.HttpRequest, dry: bool) -> None:
    STOP.require_readable(sent)
    assert DRY_RUN.of(sent) is dry


@pytest.mark.parametrize(
    "text", ['{"a": 1, "a": 1}', '{"x": {"a": 1, "b": 2, "a": 3}}', '{"x": [{"a": 1, "a": 2}]}', '{"\\u0061": 1, "a": 2}']
)
def test_a_repeated_json_key_is_rejected(text: str) -> None:
    with pytest.raises(InvalidRequest, match="is repeated"):
        json_object(text.encode())


@pytest.mark.parametrize("text", ['{"a": 1} x', "{'a': 1}", '{"a": 01}', '{"a":' * 20_000])
def test_a_body_that_is_not_json_is_rejected(text: str) -> None:
    with pytest.raises(InvalidRequest, match="not valid JSON"):
        json_object(text.encode())


def test_a_number_that_is_not_finite_is_a_validation_error_of_its_field() -> None:
    """Not a malformed request: an agent leaves out what a 422 is about, and sends the rest again."""
    beat = '{"version": 1, "machine": "x", "boot": "%s", "uptime_seconds": NaN, "gpu": "ok"}' % ("0" * 32)
    for kind, text in ((Heartbeat, beat), (HoldRequest, '{"for": Infinity}')):
        with pytest.raises(InvalidSpec) as refused:
            model_of(kind, json_object(text.encode()))
        assert len(refused.value.faults) == 1


@pytest.mark.parametrize(
    "kind",
    [WorkstationSpec, HoldRequest, LeaseRequest, MachineHold, MachineLease, AdoptRequest, ReleaseRequest, Heartbeat],
)
def test_every_rejected_body_has_at_least_one_error(kind: type[BaseModel]) -> None:
    for body in ({"\ud800": 1}, {"\ud800": 1, "blueprint": "workstation", "for": "2h", "machine": "x"}):
        with pytest.raises(InvalidSpec) as refused:
            model_of(kind, body)
        assert refused.value.faults
        assert "0 " not in str(refused.value)[:2]
        json.dumps([fault.detail for fault in refused.value.faults]).encode()


def test_every_error_of_a_list_is_reported_once() -> None:
    with pytest.raises(InvalidSpec) as refused:
        model_of(WorkstationSpec, {"blueprint": "workstation", "region": "polandcentral", "allow_from": ["x", "y"]})
    assert [fault.pointer for fault in refused.value.faults] == ["/allow_from/0", "/allow_from/1"], (
        "and no error is repeated"
    )
    with pytest.raises(InvalidSpec) as empty:
        model_of(WorkstationSpec, {"blueprint": "workstation", "region": "polandcentral", "allow_from": []})
    assert [fault.pointer for fault in empty.value.faults] == ["/allow_from"]


@pytest.mark.parametrize("template", ["environments/{name}", "environments/{name}/stop"])
@pytest.mark.parametrize("name", ["#", "?", ".", "..", "a/b", "\n", "ML1", "x" * 25, "a--b", "\x00", "", "ml1\n"])
def test_an_impossible_environment_name_is_404(template: str, name: str) -> None:
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
def test_an_impossible_operation_or_sweep_id_is_404(identifier: str) -> None:
    for template in ("operations/{id}", "operations/{id}/cancel", "sweeps/{id}"):
        with pytest.raises(NotFound):
            require_valid_path("GET", template, {"id": identifier})


def test_every_generated_id_is_valid() -> None:
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
    """Whether a command is recognized as a repetition of the first one."""

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
        {"body": b'{ "a" : 1.0 , "\\u0062" : 2e0 }'},
        {"body": b'\xef\xbb\xbf{"a": 1, "b": 2}'},
        {"url": "https://a.example//api/%65nvironments/ml1/stop?force=true&x=1"},
        {"url": "https://a.example/api/environments/ml1/stop?x=%31&force=true&CODE=k"},
    ],
)
def test_equivalent_spellings_of_a_command_match_the_same_key(same: dict[str, Any]) -> None:
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
def test_a_different_command_does_not_match_the_key(other: dict[str, Any]) -> None:
    tables = MemoryTables()
    assert not ask(tables)
    assert not ask(tables, **other)


@pytest.mark.parametrize("key", ["a,b", "a, b", "", " ", "x" * 129, "ä", "a\x7f"])
def test_a_key_that_may_be_two_joined_headers_is_rejected(key: str) -> None:
    req = func.HttpRequest(method="POST", url="/api/x", headers={HEADER: key}, body=b"")
    nothing: Any = None
    context = Context(nothing, nothing, ALICE)
    with pytest.raises(InvalidRequest):
        asyncio.run(run_once(req, context, lambda known: pytest.fail("done")))
