"""Logging in: what is stored, how, and for whom."""

import json
import stat

import pytest

from tests.cli.support import KEY, Command, FakeServer


def test_what_is_stored_is_readable_by_its_owner_only(stranger: Command, server: FakeServer) -> None:
    ended = stranger("login", server.url, "--key-stdin", stdin=f"{KEY}\n")
    assert ended.code == 0, ended
    assert stat.S_IMODE(stranger.config.stat().st_mode) == 0o600
    assert json.loads(stranger.config.read_text()) == {"url": f"{server.url}/api", "key": KEY}
    assert [path.name for path in stranger.config.parent.iterdir()] == ["config.json"]
    assert server.asked[0].headers["x-functions-key"] == KEY
    assert stranger("ls").code == 0

    stranger.config.chmod(0o644)
    assert "Others can read" in stranger("ls").err
    assert stranger("logout").out == "Logged out.\n"
    assert stranger("ls").code == 4


def test_a_key_is_asked_for_without_echo(stranger: Command, server: FakeServer) -> None:
    ended = stranger.on_a_terminal("login", server.url, answer=f"{KEY}\n")
    assert ended.code == 0, ended
    assert json.loads(stranger.config.read_text())["key"] == KEY


def test_without_a_terminal_nothing_is_asked_for(stranger: Command, server: FakeServer) -> None:
    ended = stranger("login", server.url)
    assert (ended.code, "--key-stdin" in ended.err) == (2, True)
    assert server.asked == []


def test_a_key_that_opens_nothing_is_not_stored(stranger: Command, server: FakeServer) -> None:
    server.answers(lambda request: request.answer(401, b"", "text/plain"))
    ended = stranger("login", server.url, "--key-stdin", stdin=f"{KEY}\n")
    assert (ended.code, "Nothing was stored." in ended.err) == (4, True)
    assert list(stranger.home.rglob("config.json")) == []


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
def test_an_address_that_would_show_the_key_is_refused(stranger: Command, url: str) -> None:
    ended = stranger("login", url, "--key-stdin", stdin=f"{KEY}\n")
    assert (ended.code, ended.out) == (2, "")


@pytest.mark.parametrize("key", ["", "two words of it", "schlüssel", "\x1b[31m"])
def test_what_cannot_be_a_key_is_not_taken_for_one(stranger: Command, server: FakeServer, key: str) -> None:
    assert stranger("login", server.url, "--key-stdin", stdin=f"{key}\n").code == 2
    assert server.asked == []


def test_a_variable_that_cannot_be_a_key_is_not_sent(dormouse: Command, server: FakeServer) -> None:
    assert dormouse("ls", DORMOUSE_KEY="two words").code == 2
    assert server.asked == []


def test_a_stored_key_is_sent_to_nobody_else(stranger: Command, server: FakeServer) -> None:
    assert stranger("login", server.url, "--key-stdin", stdin=f"{KEY}\n").code == 0
    server.asked.clear()
    ended = stranger("ls", DORMOUSE_URL=server.url.replace("localhost", "127.0.0.1"))
    assert (ended.code, "no key for http://127.0.0.1" in ended.err) == (4, True)
    assert server.asked == []
    assert stranger("ls", DORMOUSE_KEY="another").code == 0
    assert server.asked[0].headers["x-functions-key"] == "another"


def test_without_the_extra_entra_is_said_to_be_missing(stranger: Command, server: FakeServer) -> None:
    (stranger.home / "azure").mkdir()
    (stranger.home / "azure" / "__init__.py").touch()
    ended = stranger("login", server.url, "--entra", PYTHONPATH=str(stranger.home))
    assert (ended.code, "pip install 'dormouse-cli[entra]'" in ended.err, server.asked) == (2, True, [])


def test_a_file_that_cannot_be_understood_is_said_to_be_one(stranger: Command, server: FakeServer) -> None:
    assert stranger("login", server.url, "--key-stdin", "--no-check", stdin=f"{KEY}\n").code == 0
    assert server.asked == []
    for content in ("{", '{"url": "https://x", "entra": {"unknown": 1}}'):
        stranger.config.write_text(content)
        ended = stranger("ls")
        assert (ended.code, "cannot be understood" in ended.err) == (2, True)
