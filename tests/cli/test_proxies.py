"""Proxies in the environment of a workstation: a setting that cannot be used is the user's, and never a bug."""

import contextlib
import socketserver
import threading
from collections.abc import Iterator

import pytest

from dormouse_cli.errors import UsageError
from dormouse_cli.network import proxies
from tests.cli.support import KEY, Command

URL = "https://dormouse.invalid"
COMPLETION = {"_DORMOUSE_COMPLETE": "complete_bash", "COMP_WORDS": "dormouse show m", "COMP_CWORD": "2"}


@pytest.fixture
def remote(logged_out: Command) -> Command:
    """The command with credentials for a control plane on another machine."""
    logged_out.variables = {"DORMOUSE_URL": URL, "DORMOUSE_KEY": KEY, "DORMOUSE_TIMEOUT": "5"}
    return logged_out


@contextlib.contextmanager
def proxy_that_answers(answer: bytes) -> Iterator[str]:
    """The address of a proxy that answers every request for a tunnel with this."""
    seen: list[bytes] = []

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while line := self.rfile.readline().strip():
                seen.append(line)
            self.wfile.write(answer)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("ALL_PROXY", "socks://127.0.0.1:7890/", "names a SOCKS proxy, which needs the package socksio"),
        ("ALL_PROXY", "socks5://127.0.0.1:7890", "pip install 'dormouse-cli[socks]'"),
        ("HTTPS_PROXY", "socks5h://127.0.0.1:7890", "names a SOCKS proxy"),
        ("ALL_PROXY", "socks4://127.0.0.1:7890", "a kind that is not supported"),
        ("HTTPS_PROXY", "http://127.0.0.1:abc", "is not a valid URL of a proxy"),
        ("https_proxy", "http://127.0.0.1:99999", "is not a valid URL of a proxy"),
        ("HTTPS_PROXY", "http://", "is not a valid URL of a proxy"),
        ("HTTPS_PROXY", "http://[::1", "is not a valid URL of a proxy"),
        ("HTTPS_PROXY", "http://proxy..example:8080", "is not a valid URL of a proxy"),
    ],
)
def test_a_proxy_setting_that_cannot_be_used_is_a_wrong_setting(
    remote: Command, variable: str, value: str, says: str
) -> None:
    result = remote("ls", **{variable: value})
    assert (result.code, result.err.startswith(variable), says in result.err) == (2, True, True), result


def test_a_setting_for_other_urls_is_not_looked_at(remote: Command) -> None:
    both = remote("ls", ALL_PROXY="socks://127.0.0.1:7890/", HTTPS_PROXY="http://127.0.0.1:9")
    assert (both.code, "the proxy http://127.0.0.1:9 (HTTPS_PROXY) refused" in both.err) == (3, True), both
    exempt = remote("ls", ALL_PROXY="socks://127.0.0.1:7890/", NO_PROXY="localhost,.invalid")
    assert (exempt.code, "Cannot resolve host dormouse.invalid." in exempt.err) == (3, True), exempt
    local = remote("ls", ALL_PROXY="socks://127.0.0.1:7890/", DORMOUSE_URL="http://127.0.0.1:9")
    assert (local.code, local.err) == (3, "127.0.0.1:9 refused the connection.\n")


def test_a_failure_of_the_proxy_is_not_reported_as_one_of_the_server(remote: Command) -> None:
    refused = remote("ls", HTTPS_PROXY="http://127.0.0.1:9")
    lines = [
        "Cannot reach dormouse.invalid: the proxy http://127.0.0.1:9 (HTTPS_PROXY) refused the connection.",
        "Check HTTPS_PROXY, or list the host of the control plane in NO_PROXY.",
    ]
    assert (refused.code, refused.err.splitlines()) == (3, lines)
    unknown = remote("ls", all_proxy="http://proxy.invalid:8080")
    assert (unknown.code, "Cannot resolve host proxy.invalid of the proxy" in unknown.err) == (3, True), unknown
    with proxy_that_answers(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n") as address:
        anonymous = remote("ls", HTTPS_PROXY=f"http://dom\\user:p#ss@{address}")
    assert (anonymous.code, "requires a user name and a password (HTTP 407)" in anonymous.err) == (3, True), anonymous
    assert "p#ss" not in anonymous.err
    with proxy_that_answers(b"HTTP/1.1 403 Forbidden\r\n\r\n") as address:
        forbidden = remote("ls", HTTPS_PROXY=address)
    assert (forbidden.code, "did not forward the request to dormouse.invalid: 403" in forbidden.err) == (3, True), forbidden


def test_completion_prints_nothing_over_the_prompt(remote: Command) -> None:
    for more in (
        {"ALL_PROXY": "socks://127.0.0.1:7890/"},
        {"HTTPS_PROXY": "http://127.0.0.1:abc"},
        {"DORMOUSE_KEY": "two words"},
    ):
        result = remote(**COMPLETION, **more)
        assert (result.code, result.out.strip(), result.err) == (0, "", "")
    broken = remote(_DORMOUSE_COMPLETE="complete_bash")  # without the words to complete
    assert (broken.out, broken.err) == ("", "")


@pytest.mark.parametrize(
    ("value", "user", "password", "address"),
    [
        ("http://dom\\user:p#ss@proxy:8080", "dom\\user", "p#ss", "http://proxy:8080"),
        ("http://user:p@ss:/?word@proxy:8080/", "user", "p@ss:/?word", "http://proxy:8080"),
        ("http://user:p%40ss%25@proxy:8080", "user", "p@ss%", "http://proxy:8080"),
        ("https://j\u00fcrgen:100%@proxy", "j\u00fcrgen", "100%", "https://proxy"),
        ("proxy:8080", "", "", "http://proxy:8080"),
        ("SOCKS5H://[::1]:1080", "", "", "socks5h://[::1]:1080"),
    ],
)
def test_credentials_in_a_proxy_setting_may_contain_any_characters(
    monkeypatch: pytest.MonkeyPatch, value: str, user: str, password: str, address: str
) -> None:
    for name in ("all_proxy", "ALL_PROXY", "https_proxy", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTPS_PROXY", value)
    found = proxies.proxy_for(URL)
    assert found
    assert (found.user, found.password, found.address, found.source) == (user, password, address, "HTTPS_PROXY")
    assert password == "" or password not in f"{found!r} {found}"


def test_a_proxy_setting_that_is_not_text_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("https_proxy", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTPS_PROXY", "http://user:\udcff@proxy:8080")
    with pytest.raises(UsageError, match="HTTPS_PROXY is not a valid URL of a proxy"):
        proxies.proxy_for(URL)
    monkeypatch.setenv("NO_PROXY", "example.net, *")
    assert proxies.proxy_for(URL) is None
