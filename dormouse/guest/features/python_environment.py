"""A virtual environment of the administrator."""

import re
import shlex
from collections.abc import Sequence

from dormouse.guest.features.feature import GuestFeature
from dormouse.resources import pytorch
from dormouse.resources.features import PythonEnvironment

JUPYTER_PACKAGES = frozenset({"jupyter", "jupyterlab", "notebook", "jupyter-server"})
# Jupyter listens only on localhost: use an SSH tunnel to connect to it.
JUPYTER = [
    "mkdir -p jupyter_notebooks .jupyter",
    "printf '%s\\n' \"c.ServerApp.ip = '127.0.0.1'\" 'c.ServerApp.open_browser = False' "
    "\"c.ServerApp.root_dir = '$HOME/jupyter_notebooks'\" > .jupyter/jupyter_server_config.py",
]


def _install(environment: PythonEnvironment) -> str:
    # Ubuntu 24.04 rejects system-wide pip (PEP 668): packages go into a virtual environment of the administrator.
    packages = environment.packages
    lines = ["test -x venv/bin/pip || python3 -m venv venv", *pip_commands("venv/bin/pip", packages)]
    if any(_project(name) in JUPYTER_PACKAGES for name in packages):
        lines += JUPYTER
    inner = "\n".join(["set -euo pipefail", "cd", *lines])
    return f"\napt install python3-venv build-essential\nsudo -H -u \"$admin\" bash <<'DORMOUSE'\n{inner}\nDORMOUSE\n"


def pip_commands(pip: str, packages: Sequence[str]) -> list[str]:
    """The commands of bash that install packages with this pip: those of PyTorch from their own index."""
    torch = [name for name in packages if _project(name) in pytorch.PACKAGES]
    others = [name for name in packages if name not in torch]
    lines = [f"{pip} install --retries 10 --upgrade pip"]
    if torch:
        lines.append(f"{pip} install --retries 10 {_quoted([*pytorch.index_options(torch), *torch])}")
    if others:
        lines.append(f"{pip} install --retries 10 {_quoted(others)}")
    return lines


def _project(requirement: str) -> str:
    """The name of a project in a requirement, as PyPI compares names (PEP 503)."""
    return re.sub(r"[-_.]+", "-", re.split(r"[^A-Za-z0-9._-]", requirement)[0]).lower()


def _quoted(names: Sequence[str]) -> str:
    return " ".join(shlex.quote(name) for name in names)


PYTHON_ENVIRONMENT: GuestFeature[PythonEnvironment] = GuestFeature(install=_install)
