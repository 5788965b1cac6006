"""Logging in: which credentials are stored, how, and where they are sent."""

import json
import stat

import pytest

from tests.cli.support import KEY, Command, FakeServer


def test_credentials_are_stored_readable_by_their_owner_only(logged_out: Command, server: FakeServer) -> None:
    result = logged_out("login", server.url, "--key-stdin", stdin=f"{KEY}\n")
    assert result.code == 0, result
    assert stat.S_IMODE(logged_out.config.stat().st_mode) == 0o600
    assert json.loads(logged_out.config.read_text()) == {"url": f"{server.url}/api", "key": KEY}
    assert [path.name for path in logged_out.config.parent.iterdir()] == ["config.json"]
    assert server.requests[0].headers["x-functions-key"] == KEY
    assert logged_out("ls").code == 0

    logged_out.config.chmod(0o644)
    assert "Other users can read" in logged_out("ls").err
    assert logged_out("logout").out == "Logged out.\n"
    assert logged_out("ls").code == 4


def test_the_key_is_prompted_for_without_echo(logged_out: Command, server: FakeServer) -> None:
    result = logged_out.run_on_terminal("login", server.url, answer=f"{KEY}\n")
    assert result.code == 0, result
    assert json.loads(logged_out.config.read_text())["key"] == KEY


def test_there_is_no_prompt_without_a_terminal(logged_out: Command, server: FakeServer) -> None:
    result = logged_out("login", server.url)
    assert (result.code, "--key-stdin" in result.err) == (2, True)
    assert server.requests == []


def test_a_rejected_key_is_not_stored(logged_out: Command, server: FakeServer) -> None:
    server.respond(lambda request: request.respond(401, b"", "text/plain"))
    result = logged_out("login", server.url, "--key-stdin", stdin=f"{KEY}\n")
    assert (result.code, "Nothing was stored." in result.err) == (4, True)
    assert list(logged_out.home.rglob("config.json")) == []


@pytest.mark.parametrize(
    "url",
    [
        "http://dormouse.example.net",
        "ftp://dormouse.example.net",
        "dormouse.example.net",
        f"https://dormouse.example.net/api?code={KEY}",
        f"https://me:{KEY}@dormouse.example.net",
        "https://dormouse.example.net:port",
    ],
)
def test_urls_that_would_expose_the_key_are_rejected(logged_out: Command, url: str) -> None:
    result = logged_out("login", url, "--key-stdin", stdin=f"{KEY}\n")
    assert (result.code, result.out) == (2, "")


@pytest.mark.parametrize("key", ["", "two words of it", "schlüssel", "\x1b[31m"])
def test_malformed_keys_are_rejected(logged_out: Command, server: FakeServer, key: str) -> None:
    assert logged_out("login", server.url, "--key-stdin", stdin=f"{key}\n").code == 2
    assert server.requests == []


def test_a_malformed_key_in_a_variable_is_not_sent(dormouse: Command, server: FakeServer) -> None:
    assert dormouse("ls", DORMOUSE_KEY="two words").code == 2
    assert server.requests == []


def test_a_stored_key_is_sent_only_to_the_url_it_was_stored_for(logged_out: Command, server: FakeServer) -> None:
    assert logged_out("login", server.url, "--key-stdin", stdin=f"{KEY}\n").code == 0
    server.requests.clear()
    result = logged_out("ls", DORMOUSE_URL=server.url.replace("localhost", "127.0.0.1"))
    assert (result.code, "No key is stored for http://127.0.0.1" in result.err) == (4, True)
    assert server.requests == []
    assert logged_out("ls", DORMOUSE_KEY="another").code == 0
    assert server.requests[0].headers["x-functions-key"] == "another"


def test_entra_without_its_extra_says_what_to_install(logged_out: Command, server: FakeServer) -> None:
    (logged_out.home / "azure").mkdir()
    (logged_out.home / "azure" / "__init__.py").touch()
    result = logged_out("login", server.url, "--entra", PYTHONPATH=str(logged_out.home))
    assert (result.code, "pip install 'dormouse-cli[entra]'" in result.err, server.requests) == (2, True, [])


def test_an_invalid_configuration_file_is_reported(logged_out: Command, server: FakeServer) -> None:
    assert logged_out("login", server.url, "--key-stdin", "--no-check", stdin=f"{KEY}\n").code == 0
    assert server.requests == []
    for content in ("{", '{"url": "https://x", "entra": {"unknown": 1}}'):
        logged_out.config.write_text(content)
        result = logged_out("ls")
        assert (result.code, "is not a valid configuration file" in result.err) == (2, True)
