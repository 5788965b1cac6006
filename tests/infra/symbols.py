"""What a Bicep compiler would say of names: undefined, unused, declared twice; unknown functions; wrong parameters."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tree_sitter import Node

from tests.infra.bicep import BicepFile, read, walk

# https://learn.microsoft.com/azure/azure-resource-manager/bicep/bicep-functions
FUNCTIONS = """
any array coalesce concat contains empty environment equals filter format guid int join json length loadJsonContent
loadTextContent map max min replace resourceGroup resourceId split startsWith string subscription
subscriptionResourceId take tenant toLower toUpper trim union uniqueString uri
"""
DECORATORS = """
description allowed minLength maxLength minValue maxValue secure metadata export sealed batchSize
"""
DECLARED = ("parameter", "variable", "resource", "module")


def faults_of(file: BicepFile) -> list[str]:
    """Everything that is wrong with the names in a file."""
    return [*file.errors, *_names(file), *_functions(file), *_modules(file)]


def _names(file: BicepFile) -> Iterator[str]:
    declared = [one.name for one in file.declarations if one.kind in DECLARED]
    yield from (f"{name} is declared {count} times" for name, count in Counter(declared).items() if count > 1)
    local = {_text(child) for node in walk(file.root) for child in _loop_variables(node)}
    used = {name for name, _ in _uses(file.root)}
    yield from (f"line {row}: {name} is not declared" for name, row in _uses(file.root) if name not in local | set(declared))
    unused = [one for one in file.declarations if one.kind in ("parameter", "variable") and one.name not in used]
    yield from (f"{one.kind} {one.name} is not used" for one in unused)


def _functions(file: BicepFile) -> Iterator[str]:
    for node in walk(file.root):
        if node.type == "call_expression":
            known = DECORATORS if node.parent is not None and node.parent.type == "decorator" else FUNCTIONS
            name = node.named_children[0]
            if name.type == "identifier" and _text(name) not in known.split():
                yield f"line {name.start_point.row + 1}: there is no function {_text(name)}"


def _modules(file: BicepFile) -> Iterator[str]:
    modules = {name: one for name, one in file.of("module").items() if (file.path.parent / one.type).exists()}
    yield from (
        f"module {name}: {one.type} does not exist" for name, one in file.of("module").items() if name not in modules
    )
    outputs = {}
    for name, module in modules.items():
        inner = read(file.path.parent / module.type)
        outputs[name] = set(inner.of("output"))
        value = module.value[0] if isinstance(module.value, list) else module.value
        given, known = set(value.get("params", {})), inner.of("parameter")
        yield from (f"module {name} has no parameter {one}" for one in sorted(given - set(known)))
        needed = {one for one, parameter in known.items() if parameter.value is None}
        yield from (f"module {name} needs the parameter {one}" for one in sorted(needed - given))
    for node in walk(file.root):
        if node.type == "member_expression":
            owner, _, member = _text(node).replace("!", "").partition(".outputs.")
            if owner in outputs and member and member.partition(".")[0] not in outputs[owner]:
                yield f"line {node.start_point.row + 1}: module {owner} has no output {member}"


def _uses(root: Node) -> Iterator[tuple[str, int]]:
    """The names that expressions refer to, each with its line."""
    for node in walk(root):
        if node.type == "identifier" and node.parent is not None and not _is_name(node, node.parent):
            yield _text(node), node.start_point.row + 1


def _is_name(node: Node, parent: Node) -> bool:
    """Whether an identifier names something new, a key or a function, and refers to no declaration."""
    first = parent.named_children[0] == node
    if parent.type == "for_statement":
        return first
    return first and (parent.type.endswith("_declaration") or parent.type in ("object_property", "call_expression"))


def _loop_variables(node: Node) -> list[Node]:
    if node.type == "for_loop_parameters":
        return list(node.named_children)
    return [node.named_children[0]] if node.type == "for_statement" else []


def _text(node: Node) -> str:
    return (node.text or b"").decode()


def bicep_files(folder: Path) -> list[Path]:
    """The Bicep files below a folder."""
    return sorted(folder.rglob("*.bicep"))
