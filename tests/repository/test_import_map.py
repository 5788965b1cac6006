"""The import map of ARCHITECTURE.md, enforced."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import ROOT

# A package may import itself, `BASE`, and what its line names; a name with a dot is one module only.
BASE = ("dormouse.errors", "dormouse.clock", "dormouse.ids", "dormouse.lifecycle", "dormouse.serialization", "dormouse.text")
PURE = (
    "dormouse.resources",
    "dormouse.blueprints",
    "dormouse.environments",
    "dormouse.idle",
    "dormouse.costs",
    "dormouse.reconcile",
)
TALK = (
    "dormouse.access",
    "dormouse.notifications",
    "dormouse.chatops.messages",
    "dormouse.chatops.parser",
    "dormouse.chatops.vocabulary",
)
ALLOWED: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(BASE, ()),
    "dormouse.cold_start": (),
    "dormouse.resources": (),
    "dormouse.blueprints": ("dormouse.resources", "dormouse.idle.policy", "dormouse.idle.schedules.schedule"),
    "dormouse.environments": ("dormouse.resources", "dormouse.blueprints"),
    "dormouse.idle": ("dormouse.resources", "dormouse.environments"),
    "dormouse.costs": ("dormouse.resources", "dormouse.environments", "dormouse.idle"),
    "dormouse.reconcile": ("dormouse.resources", "dormouse.environments"),
    "dormouse.access": (),
    "dormouse.guest": ("dormouse.resources", "dormouse.environments"),
    "dormouse.settings": (*PURE, "dormouse.access", "dormouse.chatops.parser", "dormouse.chatops.vocabulary"),
    "dormouse.cloud": (*PURE, "dormouse.settings"),
    "dormouse.notifications": (*PURE, "dormouse.access", "dormouse.cloud.clients", "dormouse.cloud.egress"),
    "dormouse.records": (*PURE, "dormouse.settings"),
    "activities": (*PURE, *TALK, "dormouse.cloud", "dormouse.records", "dormouse.guest"),
    "orchestrators": (*PURE, *TALK, "activities"),
    "dormouse.services": (
        *PURE,
        *TALK,
        "dormouse.settings",
        "dormouse.cloud",
        "dormouse.records",
        "activities.resources",
        "orchestrators",
    ),
    "dormouse.http": (
        *PURE,
        *TALK,
        "dormouse.cloud",
        "dormouse.records",
        "dormouse.services",
        "dormouse.chatops",
        "orchestrators",
    ),
    "dormouse.chatops": (*PURE, *TALK, "dormouse.records", "dormouse.services", "dormouse.http", "orchestrators"),
    "dormouse.timers": ("dormouse.services", "dormouse.http", "dormouse.records"),
    "function_app": ("dormouse", "activities", "orchestrators"),
    "recovery": ("dormouse", "activities.idle.evaluate"),
    "local": (),
}
OURS = ("dormouse", "activities", "orchestrators", "function_app", "recovery", "local")
HEAVY = ("jwt", "cryptography", "azure.mgmt", "azure.identity", "azure.keyvault", "azure.data", "azure.core", "aiohttp")


def modules(room: str) -> Iterator[Path]:
    folder = ROOT / room.replace(".", "/")
    yield from sorted(folder.rglob("*.py")) if folder.is_dir() else [folder.with_suffix(".py")]


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
            # `from activities import health` names a module, `from dormouse.cloud.prices import Price` an object in one.
            names = [node.module]
            if (ROOT / node.module.replace(".", "/")).is_dir():
                names = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from ((name, id(node) not in lazy) for name in names)


def under(module: str, roots: tuple[str, ...]) -> bool:
    return any(module == root or module.startswith(root + ".") for root in roots)


@pytest.mark.parametrize("room", ALLOWED)
def test_each_package_imports_only_what_the_map_allows(room: str) -> None:
    for path in modules(room):
        for module, _ in imports(path):
            if under(module, OURS) and not under(module, (room, *BASE, *ALLOWED[room])):
                pytest.fail(f"{path.relative_to(ROOT)} imports {module}, and {room} may not")


@pytest.mark.parametrize("room", [room for room in ALLOWED if room != "local"])
def test_no_package_imports_an_azure_client_at_import_time(room: str) -> None:
    for path in modules(room):
        for module, at_import in imports(path):
            assert not (at_import and under(module, HEAVY)), f"{path.relative_to(ROOT)} imports {module} at import"


@pytest.mark.parametrize("room", [*BASE, *PURE])
def test_pure_packages_import_only_the_standard_library_and_pydantic(room: str) -> None:
    for path in modules(room):
        for module, _ in imports(path):
            assert not under(module, ("azure", "aiohttp", "httpx")), f"{path.name} imports {module}"


def test_every_package_is_on_the_map() -> None:
    rooms = {
        f"dormouse.{path.stem}" for path in (ROOT / "dormouse").iterdir() if path.stem not in ("__init__", "__pycache__")
    }
    assert rooms <= set(ALLOWED)


MOST_MODULES = 22


def test_no_folder_has_too_many_modules() -> None:
    for folder in {path.parent for room in (*OURS[:3], "local", "cli", "tests", "benchmarks") for path in modules(room)}:
        modules_in = [path.name for path in folder.glob("*.py") if path.name != "__init__.py"]
        assert len(modules_in) <= MOST_MODULES, (
            f"{folder.relative_to(ROOT)} holds {len(modules_in)} modules: give it sub-rooms"
        )


def test_the_simulated_azure_imports_nothing_of_the_control_plane() -> None:
    ours = OURS[:-1]
    for path in sorted((ROOT / "local").rglob("*.py")):
        for module, _ in imports(path):
            assert not under(module, ours), f"{path.relative_to(ROOT)} imports {module}"


def test_the_agent_is_packaged_and_never_imported() -> None:
    agent = ROOT / "dormouse" / "guest" / "agent"
    for room in ALLOWED:
        for path in modules(room):
            if not path.is_relative_to(agent):
                for module, _ in imports(path):
                    assert not under(module, ("dormouse.guest.agent",)), f"{path.relative_to(ROOT)} imports {module}"


def test_the_agent_imports_nothing_of_the_app() -> None:
    for path in sorted((ROOT / "dormouse" / "guest" / "agent").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.level == 0:
                assert not under(str(node.module), OURS), f"{path.name} imports {node.module}"
