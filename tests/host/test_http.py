"""Requests reach an app as Azure's host passes them on: what it drops, joins and leaves unchanged."""

import gzip
from typing import Any

import httpx
import pytest

from tests.host.support import Host


def echoed(host: Host, query: str = "", **more: Any) -> dict[str, Any]:
    answer = host.ask("POST", f"/api/echo{query}", key=None, **more)
    assert answer.status_code == httpx.codes.OK, answer.text
    told: dict[str, Any] = answer.json()
    return told


@pytest.mark.parametrize(
    ("query", "params"),
    [
        ("?dry_run=", {}),
        ("?dry_run", {}),
        ("?a=1&a=2&b=3", {"a": "1,2", "b": "3"}),
        ("?a=&a=2", {"a": "2"}),
        ("?a=x%20y%2Bz", {"a": "x y+z"}),
    ],
)
def test_empty_query_values_are_dropped_but_the_url_is_unchanged(host: Host, query: str, params: dict[str, str]) -> None:
    told = echoed(host, query)
    assert told["params"] == params
    assert told["url"] == f"http://127.0.0.1:{host.port}/api/echo{query}"


def test_repeated_headers_are_joined_with_a_comma(host: Host) -> None:
    told = echoed(host, headers=[("Idempotency-Key", "a"), ("idempotency-key", "b"), ("X-One", "c")])
    assert (told["headers"]["idempotency-key"], told["headers"]["x-one"]) == ("a,b", "c")


def test_a_body_without_a_content_length_is_dropped(host: Host) -> None:
    told = echoed(host, content=iter([b'{"dry_run":', b" true}"]))
    assert (told["body"], told["headers"]["transfer-encoding"]) == ("", "chunked")
    assert bytes.fromhex(echoed(host, content=b"whole")["body"]) == b"whole"


def test_a_compressed_body_is_not_decompressed(host: Host) -> None:
    packed = gzip.compress(b"{}", mtime=0)
    told = echoed(host, content=packed, headers={"Content-Encoding": "gzip"})
    assert (bytes.fromhex(told["body"]), told["headers"]["content-encoding"]) == (packed, "gzip")
