"""Shell blocks as data: statements in order, the commands in each, and what a console shows after it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import tree_sitter_bash
from tree_sitter import Language, Node, Parser

PARSER = Parser(Language(tree_sitter_bash.language()))
EXIT_CODE = re.compile(r"\[exit code (\d+)\]")
PROMPT = "$ "
WORDS = {"word", "number", "string", "raw_string", "concatenation", "simple_expansion", "expansion", "command_substitution"}


@dataclass(frozen=True, slots=True)
class Command:
    """A program with its arguments, as written but without quotes."""

    name: str
    arguments: tuple[str, ...]

    @property
    def text(self) -> str:
        """The command on one line."""
        return " ".join((self.name, *self.arguments))


@dataclass(frozen=True, slots=True)
class Statement:
    """What a shell runs before it reads on, with the output that a document shows after it."""

    text: str
    commands: tuple[Command, ...]
    assigns: bool
    output: tuple[str, ...] = ()
    exit_code: int = 0


class ShellSyntaxError(Exception):
    """A text that a shell would not take."""


def statements_of(language: str, text: str) -> list[Statement]:
    """The statements of an `sh` or `console` block; raises ShellSyntaxError."""
    if language == "sh":
        return list(_parse(text))
    found: list[Statement] = []
    lines = text.splitlines()
    for number, line in enumerate(lines):
        if line.startswith(PROMPT):
            rest = lines[number + 1 :]
            end = next((at for at, each in enumerate(rest) if each.startswith(PROMPT)), len(rest))
            output = [each for each in rest[:end] if each]
            codes = [int(found_code[1]) for each in output if (found_code := EXIT_CODE.fullmatch(each))]
            shown = tuple(each for each in output if not EXIT_CODE.fullmatch(each))
            parsed = _parse(line.removeprefix(PROMPT))
            code = codes[0] if codes else 0
            found += [Statement(one.text, one.commands, one.assigns, shown, code) for one in parsed]
    if not found:
        raise ShellSyntaxError("no line begins with `$ `")
    return found


def _parse(text: str) -> Iterator[Statement]:
    root = PARSER.parse(text.encode()).root_node
    if root.has_error:
        raise ShellSyntaxError("the shell would not understand it")
    for node in root.named_children:
        if node.type != "comment":
            commands = tuple(_command(each) for each in _walk(node) if each.type == "command")
            assigns = node.type in ("variable_assignment", "declaration_command")
            yield Statement(_text(node), commands, assigns)


def _walk(node: Node) -> Iterator[Node]:
    yield node
    for child in node.named_children:
        yield from _walk(child)


def _command(node: Node) -> Command:
    name = next(child for child in node.named_children if child.type == "command_name")
    return Command(_text(name), tuple(_word(child) for child in node.named_children if child.type in WORDS))


def _word(node: Node) -> str:
    text = _text(node)
    if node.type == "raw_string":
        return text[1:-1]
    return text.replace('"', "") if node.type in ("string", "concatenation") else text


def _text(node: Node) -> str:
    return (node.text or b"").decode()
