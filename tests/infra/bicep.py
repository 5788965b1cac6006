"""Bicep files as data: their declarations, with what is known of each value."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tree_sitter_bicep
from tree_sitter import Language, Node, Parser

PARSER = Parser(Language(tree_sitter_bicep.language()))
CONSTANTS: dict[str, Any] = {"true": True, "false": False, "null": None}


@dataclass(frozen=True, slots=True)
class Expression:
    """A value that only a deployment knows; `text` is how the file writes it."""

    text: str


@dataclass(frozen=True, slots=True)
class Either:
    """One of some values, as a condition decides."""

    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Declaration:
    """A parameter, variable, output, resource or module: its name, its value, and the decorators of a parameter."""

    kind: str
    name: str
    value: Any
    node: Node
    type: str = ""
    existing: bool = False
    decorators: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BicepFile:
    """A parsed file: its declarations in order, and where its syntax is wrong."""

    path: Path
    declarations: tuple[Declaration, ...]
    root: Node
    errors: tuple[str, ...]

    def of(self, kind: str) -> dict[str, Declaration]:
        """The declarations of one kind, by name."""
        return {one.name: one for one in self.declarations if one.kind == kind}


def read(path: Path) -> BicepFile:
    """Parse a file; what the grammar does not take is in `errors`."""
    root = PARSER.parse(path.read_bytes()).root_node
    found, decorators = [], {}
    for node in root.named_children:
        if node.type == "decorators":
            decorators = _decorators(node)
        elif node.type.endswith("_declaration"):
            found.append(_declaration(node, decorators))
            decorators = {}
    errors = tuple(
        f"{path.name}:{one.start_point.row + 1}: {_text(one)[:60]!r}" for one in walk(root) if one.is_error or one.is_missing
    )
    return BicepFile(path, tuple(found), root, errors)


def walk(node: Node) -> Iterator[Node]:
    """A node and everything below it."""
    yield node
    for child in node.children:
        yield from walk(child)


def _text(node: Node) -> str:
    return (node.text or b"").decode()


def _decorators(node: Node) -> dict[str, Any]:
    found = {}
    for one in node.named_children:
        call = one.named_children[0]
        if call.type == "call_expression":
            arguments = [value_of(each) for each in call.named_children[1].named_children]
            found[_text(call.named_children[0])] = arguments[0] if arguments else True
    return found


def _declaration(node: Node, decorators: dict[str, Any]) -> Declaration:
    kind = node.type.removesuffix("_declaration")
    name, *rest = node.named_children
    named = rest[0] if kind in ("resource", "module", "output", "parameter") else None
    type_ = ""
    if named is not None:
        type_ = str(value_of(named)) if named.type == "string" else _text(named)
        rest = rest[1:]
    value = value_of(rest[-1]) if rest else None
    existing = any(child.type == "existing" for child in node.children)
    return Declaration(kind, _text(name), value, node, type_, existing, decorators)


def value_of(node: Node) -> Any:
    """What a node is worth: plain values, `Either` for conditions, `Expression` for what only a deployment knows."""
    inner, kind = node.named_children, node.type
    if kind == "object":
        properties = [one.named_children for one in inner if one.type == "object_property"]
        return {_key(name): value_of(value) for name, value in properties}
    if kind == "array":
        return [value_of(one) for one in inner]
    if kind == "for_statement":
        return [value_of(inner[-1])]
    if kind == "ternary_expression":
        return Either((value_of(inner[1]), value_of(inner[2])))
    if kind in ("parenthesized_expression", "if_statement"):
        return value_of(inner[-1])
    if kind == "call_expression" and _text(inner[0]) == "union":
        return _union([value_of(one) for one in inner[1].named_children])
    return _plain(node)


def _plain(node: Node) -> Any:
    if node.type == "string":
        return _string(node)
    if node.type == "number":
        return int(_text(node))
    return CONSTANTS[_text(node)] if node.type in ("boolean", "null") else Expression(_text(node))


def _key(node: Node) -> str:
    return str(_string(node)) if node.type == "string" else _text(node)


def _string(node: Node) -> str | Expression:
    """A literal, or the text of one with interpolations."""
    if any(child.type == "interpolation" for child in node.named_children):
        return Expression(_text(node))
    return _text(node)[1:-1].replace("\\'", "'").replace("\\\\", "\\")


def _union(parts: list[Any]) -> Any:
    """Everything that a union of objects may hold."""
    merged: dict[str, Any] = {}
    for part in parts:
        for one in part.values if isinstance(part, Either) else (part,):
            merged |= one if isinstance(one, dict) else {}
    return merged


def literals_in(path: Path) -> dict[str, Any]:
    """The parameters of a .bicepparam file, which assign nothing but literals; raises ValueError for anything else."""
    first, *lines = [line for line in path.read_text().splitlines() if line.strip() and not line.startswith("//")]
    if not first.startswith("using '"):
        raise ValueError(f"{path.name} does not begin with `using`")
    found = {}
    for line in lines:
        name, equals, value = line.removeprefix("param ").partition(" = ")
        if not line.startswith("param ") or not equals:
            raise ValueError(f"{path.name}: {line}")
        found[name] = json.loads(value.replace("'", '"'))
    return found
