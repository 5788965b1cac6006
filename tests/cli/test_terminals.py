"""Terminals: colours, tables that are redrawn, and narrow windows."""

from typing import Any

import pytest

from tests.cli.support import ESCAPE, Command, FakeServer, accept
from tests.cli.test_rendering import ENVIRONMENT, MACHINE
from tests.cli.test_watching import ENDED, ERASED, OPERATION, STEPS

IDENTIFIER = "ml1-provision-01M8K4CWTBH7RS0RS3M920F0FT"
ROW: dict[str, Any] = {**ENVIRONMENT, "endpoints": [{"kind": "rdp", "command": "mstsc /v:203.0.113.139"}]}


def wait(dormouse: Command, server: FakeServer, **variables: str) -> str:
    server.respond(accept, *[lambda request: request.json({**OPERATION, "steps": STEPS})] * 2, lambda r: r.json(ENDED))
    result = dormouse.run_on_terminal("stop", "ml1", "--wait", more=variables)
    assert result.code == 0, result
    return result.out


@pytest.mark.parametrize(
    "variables",
    [
        {"TERM": "dumb"},
        {"TERM": ""},
        {"CI": "true"},
        {"TTY_COMPATIBLE": "0"},
        {"TTY_INTERACTIVE": "0"},
        {"TERM": "dumb", "FORCE_COLOR": "1"},
    ],
)
def test_a_terminal_that_nobody_watches_or_without_a_cursor_gets_lines(
    dormouse: Command, server: FakeServer, variables: dict[str, str]
) -> None:
    shown = wait(dormouse, server, **variables)
    assert (ERASED in shown, "vm: running" in shown, shown.count("nic: done")) == (False, True, 1)


@pytest.mark.parametrize("variables", [{}, {"NO_COLOR": "1"}, {"NO_COLOR": "1", "FORCE_COLOR": "1"}, {"CI": "false"}])
def test_a_terminal_gets_a_table_that_is_redrawn(dormouse: Command, server: FakeServer, variables: dict[str, str]) -> None:
    shown = wait(dormouse, server, **variables)
    assert (ERASED in shown, f"{ESCAPE}[32m" in shown) == (True, "NO_COLOR" not in variables)


@pytest.mark.parametrize(
    ("variables", "coloured"),
    [
        ({"FORCE_COLOR": "1"}, True),
        ({"FORCE_COLOR": "3", "TERM": "xterm"}, True),
        ({"TTY_COMPATIBLE": "1"}, True),
        ({"FORCE_COLOR": "0"}, False),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        ({}, False),
    ],
)
def test_colours_that_are_asked_for_do_not_make_a_pipe_a_terminal(
    dormouse: Command, server: FakeServer, variables: dict[str, str], coloured: bool
) -> None:
    server.respond(accept, *[lambda request: request.json({**OPERATION, "steps": STEPS})] * 3, lambda r: r.json(ENDED))
    running = dormouse.unchecked("stop", "ml1", "--wait", **variables)
    assert (running.code, len(running.err.splitlines())) == (0, 3), running
    assert (f"{ESCAPE}[2m" in running.err, ERASED in running.err, f"{ESCAPE}[1A" in running.err) == (coloured, False, False)
    server.respond(lambda request: request.json({"value": [ROW], "next": None}))
    assert (f"{ESCAPE}[32m" in dormouse.unchecked("ls", **variables).out) == coloured


def screen(dormouse: Command, *arguments: str, columns: int) -> list[str]:
    """The lines that are printed on a terminal of this width, with those that continue joined, as they are copied."""
    result = dormouse.run_on_terminal(*arguments, columns=columns, more={"NO_COLOR": "1"})
    assert result.code == 0, result
    return result.out.replace("\r\n", "\n").splitlines()


@pytest.mark.parametrize("columns", [80, 40, 5, 1])
def test_names_and_addresses_are_never_broken(dormouse: Command, server: FakeServer, columns: int) -> None:
    server.respond(lambda request: request.json({"value": [ROW, {**ROW, "operation": IDENTIFIER}], "next": None}))
    shown = screen(dormouse, "ls", columns=columns)
    for whole in ("polandcentral", "Standard_NV6ads_A10_v5", IDENTIFIER):
        assert any(whole in line for line in shown), shown
    assert columns < 40 or max(map(len, shown)) <= columns
    server.respond(lambda request: request.json(ROW))
    shown = screen(dormouse, "show", "ml1", columns=columns)
    assert any(line.endswith("mstsc /v:203.0.113.139") for line in shown), shown
    assert any(line.endswith("dormouse password ml1") for line in shown), shown
    assert columns < 40 or max(map(len, shown)) <= columns


def test_a_usual_terminal_shows_environments_as_a_table(dormouse: Command, server: FakeServer) -> None:
    server.respond(lambda request: request.json({"value": [ROW], "next": None}))
    assert screen(dormouse, "ls", columns=80) == [
        "NAME  STATE    BLUEPRINT    REGION         SIZE                    PRICE",
        "ml1   running  workstation  polandcentral  Standard_NV6ads_A10_v5  0.59 USD/h",
    ]
    unknown = screen(dormouse, "ls", columns=0)  # a terminal that does not say how wide it is
    assert len(unknown) == 2


def test_only_sentences_are_wrapped_in_tables(dormouse: Command, server: FakeServer) -> None:
    machine = {
        **MACHINE,
        "reason": "Idle for 30 minutes: GPU <= 0 %, CPU <= 2 %.",
        "next_action_text": "It will be stopped soon.",
    }
    server.respond(lambda request: request.json({"value": [machine], "next": None}))
    assert screen(dormouse, "machines", columns=80) == [
        "MACHINE        STATE    VERDICT  REASON                   NEXT ACTION",
        "research/gpu1  running  idle     Idle for 30 minutes:     It will be stopped",
        "                                 GPU <= 0 %, CPU <= 2 %.  soon.",
    ]
    assert screen(dormouse, "machines", columns=40) == [
        "machine      research/gpu1",
        "state        running",
        "verdict      idle",
        "reason       Idle for 30 minutes: GPU <=",
        "             0 %, CPU <= 2 %.",
        "next action  It will be stopped soon.",
    ]


def test_a_command_to_copy_is_on_one_line(dormouse: Command, server: FakeServer) -> None:
    server.respond(lambda request: request.json({"operation": IDENTIFIER}, 202))
    assert screen(dormouse, "stop", "ml1", columns=40)[-2:] == ["Watch it:", f"dormouse watch {IDENTIFIER}"]
