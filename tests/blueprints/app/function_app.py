"""The app with the blueprints of the tests: what the host loads instead of the app in the root of the repository."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

from tests.blueprints import depot, pair, shelf

ROOT = Path(__file__).resolve().parents[3]


def _root_app() -> ModuleType:
    spec = importlib.util.spec_from_file_location("root_app", ROOT / "function_app.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


pair.register()
shelf.register()
depot.register()
app = _root_app().app
