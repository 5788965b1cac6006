"""Streams and arguments of any kind: closed or full files and bytes that are not text never end in a bug report."""

import pytest

from tests.cli.support import Command, FakeServer, accept

NOT_TEXT = "characters that are not valid text"


@pytest.mark.parametrize("command", ["ls", "ls --json", "--help", "--version", "completion bash", "stop ml1"])
def test_output_that_cannot_be_written_is_reported_with_its_own_exit_code(
    dormouse: Command, server: FakeServer, command: str
) -> None:
    if command == "stop ml1":
        server.respond(accept)
    result = dormouse.run_in_shell(f"dormouse {command} > /dev/full")
    assert (result.code, result.err) == (74, "Cannot write the output: No space left on device.\n")


@pytest.mark.parametrize("redirection", ["2>&-", "2>/dev/full", ">&-", "<&-", "<&- >&- 2>&-"])
def test_the_exit_code_of_the_command_survives_closed_streams(
    dormouse: Command, server: FakeServer, redirection: str
) -> None:
    server.respond(lambda request: request.problem(404, "There is no such thing."))
    assert dormouse.run_in_shell(f"dormouse show ml1 {redirection}").code == 5
    server.respond(lambda request: request.json({"value": []}))
    assert dormouse.run_in_shell(f"dormouse ls {redirection}").code == 0


def test_a_reader_that_has_gone_does_not_change_the_exit_code(dormouse: Command, server: FakeServer) -> None:
    server.respond(lambda request: request.json({"value": [{"name": f"m{n}"} for n in range(20_000)], "next": None}))
    result = dormouse.run_in_shell("set -o pipefail; dormouse ls | head -1")
    assert (result.code, result.err, len(result.out.splitlines())) == (0, "", 1)


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("rm ml1", "requires confirmation"),
        ("login https://dormouse.invalid", "Cannot prompt for the key"),
        ("login https://dormouse.invalid --key-stdin", "stdin does not contain a valid key"),
        ("up ml1 -f -", "does not contain a spec"),
    ],
)
def test_a_closed_stdin_is_an_empty_one(dormouse: Command, server: FakeServer, command: str, says: str) -> None:
    result = dormouse.run_in_shell(f"dormouse {command} <&-")
    assert (result.code, says in result.err, server.requests) == (2, True, []), result


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("show $'\\xff'", NOT_TEXT),
        ("watch $'\\xff'", NOT_TEXT),
        ("operations -e $'\\xff'", NOT_TEXT),
        ("hold ml1 2h --reason $'\\xff'", NOT_TEXT),
        ("up ml1 --blueprint workstation --set owner=$'\\xff'", "is not valid YAML"),
        ("up ml1 -f $'\\xff.yaml'", "Cannot read"),
        ("login $'https://\\xff' --no-check", "The URL is invalid."),
        ("completion $'\\xff'", "is not supported"),
        ("$'\\xff'", "No such command"),
    ],
)
def test_arguments_that_are_not_text_are_usage_errors(
    dormouse: Command, server: FakeServer, command: str, says: str
) -> None:
    result = dormouse.run_in_shell(f"dormouse {command}")
    assert (result.code, says in result.words, server.requests) == (2, True, []), result


def test_variables_of_libraries_do_not_break_the_help(logged_out: Command) -> None:
    assert logged_out("--help", TERMINAL_WIDTH="wide").code == 0
    assert logged_out("--help", FORCE_COLOR="1", NO_COLOR="1", GITHUB_ACTIONS="true").code == 0
