"""Logging in: which credentials are stored, how, and where they are sent."""

import json
import stat
from pathlib import Path

import pytest

from dormouse_cli.errors import UsageError
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
        "https://dormouse..example.net",
        f"https://{'a' * 64}.example.net",
        "https://[::1",
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


NO_HOMES = [{"HOME": "/dev/null"}, {"HOME": "/nonexistent/home"}, {"XDG_CONFIG_HOME": "/dev/null/config"}]


@pytest.mark.parametrize("home", NO_HOMES)
def test_variables_suffice_without_a_home(dormouse: Command, home: dict[str, str]) -> None:
    dormouse.variables.setdefault("XDG_CONFIG_HOME", "")
    assert dormouse("ls", **home).code == 0
    assert dormouse("logout", **home).out == "You were not logged in.\n"
    anonymous = dormouse("ls", **{**home, "DORMOUSE_KEY": ""})
    assert (anonymous.code, "No key is stored for" in anonymous.err) == (4, True), anonymous


def test_login_without_a_home_names_the_variables(dormouse: Command, server: FakeServer) -> None:
    result = dormouse("login", server.url, "--key-stdin", stdin=KEY, XDG_CONFIG_HOME="/dev/null/config")
    assert (result.code, "set DORMOUSE_URL and DORMOUSE_KEY" in result.err) == (2, True), result


def test_a_user_without_a_home_directory_is_not_given_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, server: FakeServer
) -> None:
    from dormouse_cli import credentials

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("platformdirs.user_config_dir", lambda *_, **__: "~/.config/dormouse")  # as for an unknown user ID
    assert credentials.read_stored_credentials() is None
    assert credentials.delete_stored_credentials() is False
    with pytest.raises(UsageError, match="There is no home directory"):
        credentials.store_credentials(credentials.Credentials(server.url, KEY))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"{", b"[" * 20_000, b"\xff\xfe{\x00", b"[]", b'{"url": 5}'])
def test_a_broken_configuration_file_cannot_fail_beside_variables(
    logged_out: Command, server: FakeServer, content: bytes
) -> None:
    assert logged_out("login", server.url, "--key-stdin", "--no-check", stdin=f"{KEY}\n").code == 0
    logged_out.config.write_bytes(content)
    assert logged_out("ls", DORMOUSE_URL=server.url, DORMOUSE_KEY=KEY).code == 0
    broken = logged_out("ls")
    assert (broken.code, "is not a valid configuration file" in broken.err) == (2, True), broken
    assert logged_out("logout").out == "Logged out.\n"


def test_a_configuration_file_and_a_key_in_the_encodings_of_windows_are_read(
    logged_out: Command, server: FakeServer
) -> None:
    for encoding in ("utf-16", "utf-8-sig"):
        result = logged_out.unchecked("login", server.url, "--key-stdin", stdin=f"{KEY}\r\n".encode(encoding))
        assert (result.code, server.requests[-1].headers["x-functions-key"]) == (0, KEY), result
        logged_out.config.write_bytes(logged_out.config.read_text().encode(encoding))
        assert logged_out("ls").code == 0
