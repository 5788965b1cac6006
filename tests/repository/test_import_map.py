"""Who may import whom: the map of ARCHITECTURE.md, enforced."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import ROOT

READS = ("dormouse.cloud.inventory", "dormouse.cloud.prices", "dormouse.cloud.preflight", "dormouse.cloud.signing_keys")
ALLOWED: dict[str, tuple[str, ...]] = {
    "environments": (),
    "wire": (),
    "cold_start": (),
    "settings": ("environments",),
    "guest": ("environments",),
    "records": ("environments", "wire", "settings"),
    "cloud": ("environments", "settings"),
    "activities": ("environments", "cloud", "records", "guest"),
    "orchestrators": ("environments", "wire", "activities"),
    "api": ("environments", "wire", "settings", "records", "orchestrators", *READS),
    "timers": ("environments", "wire", "records", "orchestrators", "api"),
    "function_app": (
        "environments",
        "wire",
        "settings",
        "records",
        "cloud",
        "activities",
        "orchestrators",
        "api",
        "timers",
        "cold_start",
    ),
    "local": (),
}
HEAVY = ("jwt", "cryptography", "azure.mgmt", "azure.identity", "azure.keyvault", "azure.data", "azure.core", "aiohttp")
STANDARD_AND_PYDANTIC_ONLY = ("environments",)


def modules(room: str) -> Iterator[Path]:
    folder = ROOT / room
    yield from sorted(folder.rglob("*.py")) if folder.is_dir() else [ROOT / f"{room}.py"]


def imports(path: Path) -> Iterator[tuple[str, bool]]:
    """Every module that a file imports, and whether it does so when it is itself imported."""
    tree = ast.parse(path.read_text())
    lazy = {
        id(node)
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(function)
    }
    lazy |= {
        id(node)
        for test in ast.walk(tree)
        if isinstance(test, ast.If) and "TYPE_CHECKING" in ast.dump(test.test)
        for node in ast.walk(test)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, id(node) not in lazy) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            # `from activities import health` names a module, `from cloud.prices import Price` a thing in one.
            yield node.module, id(node) not in lazy


def under(module: str, roots: tuple[str, ...]) -> bool:
    return any(module == root or module.startswith(root + ".") for root in roots)


@pytest.mark.parametrize("room", ALLOWED)
def test_a_room_imports_only_what_the_map_allows(room: str) -> None:
    ours = tuple(ALLOWED)
    for path in modules(room):
        for module, _ in imports(path):
            if under(module, ours) and not under(module, (room, *ALLOWED[room])):
                pytest.fail(f"{path.relative_to(ROOT)} imports {module}, and {room} may not")


@pytest.mark.parametrize("room", [room for room in ALLOWED if room != "local"])
def test_no_room_of_the_deployed_app_imports_an_azure_client_before_it_is_needed(room: str) -> None:
    for path in modules(room):
        for module, at_import in imports(path):
            assert not (at_import and under(module, HEAVY)), f"{path.relative_to(ROOT)} imports {module} at import"


def test_the_rules_need_nothing_but_the_standard_library_and_pydantic() -> None:
    for path in modules("environments"):
        for module, _ in imports(path):
            assert not under(module, ("azure", "aiohttp", "httpx")), f"{path.name} imports {module}"


def test_the_simulated_azure_knows_nothing_of_the_control_plane() -> None:
    ours = tuple(room for room in ALLOWED if room != "local")
    for path in sorted((ROOT / "local").rglob("*.py")):
        for module, _ in imports(path):
            assert not under(module, ours), f"{path.relative_to(ROOT)} imports {module}"


def test_the_agent_is_packaged_and_never_imported() -> None:
    agent = ROOT / "guest" / "agent"
    for room in ALLOWED:
        for path in modules(room):
            if not path.is_relative_to(agent):
                for module, _ in imports(path):
                    assert not under(module, ("dormouse.guest.agent",)), f"{path.relative_to(ROOT)} imports {module}"


def test_the_agent_imports_nothing_of_ours() -> None:
    for path in sorted((ROOT / "guest" / "agent").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.level == 0:
                assert not under(str(node.module), tuple(ALLOWED)), f"{path.name} imports {node.module}"
