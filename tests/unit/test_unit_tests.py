"""Rules for every unit test: public names only, typed fakes instead of loose mocks, and no patching."""

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path

import azure.durable_functions as df
import pytest

from tests.unit import twins
from tests.unit.durable import DurableContext
from tests.unit.twins import Orchestrations

MODULES = sorted(Path(twins.__file__).parent.rglob("*.py"))
# Loose mocks, which no type checker verifies, and patching of module names.
LOOSE = frozenset({"SimpleNamespace", "Mock", "MagicMock", "AsyncMock", "patch"})


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def faults(tree: ast.Module) -> Iterator[str]:
    """The forbidden constructs that a test module uses."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            names = [*(node.module or "").split("."), *(alias.name for alias in node.names)]
            yield from (f"line {node.lineno} imports {name}" for name in names if is_private(name) or name in LOOSE)
        elif isinstance(node, ast.Attribute) and is_private(node.attr):
            owner = node.value
            if not (isinstance(owner, ast.Name) and owner.id in ("self", "cls")):
                yield f"line {node.lineno} uses {node.attr} of something else"
        elif isinstance(node, ast.Attribute) and ast.unparse(node) in ("monkeypatch.setattr", "monkeypatch.setitem"):
            yield f"line {node.lineno} replaces a name: take it as an argument"


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.stem)
def test_unit_tests_use_public_names_and_typed_twins(module: Path) -> None:
    assert list(faults(ast.parse(module.read_text("utf-8")))) == []


@pytest.mark.parametrize(
    "text",
    [
        "from api.chat import _merged",
        "from api._chat import merged",
        "from types import SimpleNamespace",
        "from unittest.mock import Mock",
        "pace._left",
        "monkeypatch.setattr(orchestrations, 'BETWEEN_LOOKS', 0.0)",
    ],
)
def test_forbidden_constructs_in_unit_tests_are_detected(text: str) -> None:
    assert len(list(faults(ast.parse(text)))) == 1


def test_the_fake_durable_client_has_the_parameters_of_the_real_one() -> None:
    methods = [name for name, _ in inspect.getmembers(Orchestrations, inspect.iscoroutinefunction) if not is_private(name)]
    assert methods
    for name in methods:
        theirs = inspect.signature(getattr(df.DurableOrchestrationClient, name)).parameters
        ours = inspect.signature(getattr(Orchestrations, name)).parameters.values()
        assert {one.name for one in ours if one.kind is not one.VAR_KEYWORD} <= set(theirs), name


def test_the_context_in_memory_takes_the_parameters_of_the_orchestration_context() -> None:
    shared = vars(df.DurableOrchestrationContext).keys() & vars(DurableContext).keys()
    methods = [name for name in shared if not name.startswith("_") and inspect.isfunction(getattr(DurableContext, name))]
    assert {"call_activity_with_retry", "call_sub_orchestrator", "task_all", "task_any", "create_timer"} <= set(methods)
    for name in methods:
        theirs = inspect.signature(getattr(df.DurableOrchestrationContext, name)).parameters
        ours = inspect.signature(getattr(DurableContext, name)).parameters
        assert set(ours) <= set(theirs), name
