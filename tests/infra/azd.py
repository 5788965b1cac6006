"""The shape of `azure.yaml` and of azd's parameters: those parts of azd's schema 1.0 that the project uses.

https://github.com/Azure/azure-dev/blob/main/schemas/v1.0/azure.yaml.json. Where the schema admits every property, azd would
ignore a misspelt one: it is a fault here.
"""

import re
from collections.abc import Iterator
from typing import Any

from tests.infra.bicep import BicepFile

HOOK: dict[str, Any] = {"shell": ("sh", "pwsh"), "run": str}
SERVICE: dict[str, Any] = {
    "project": str,
    "dist": str,
    "host": ("function",),
    "language": ("python",),
    "remoteBuild": bool,
    "hooks": {name: {"posix": HOOK, "windows": HOOK} for name in ("prepackage", "postpackage", "predeploy", "postdeploy")},
}
SHAPE: dict[str, Any] = {
    "name": re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"),
    "infra": {"provider": ("bicep",), "path": str, "module": str},
    "services": {"api": SERVICE},
}
NEEDED = {
    "": ("name", "infra", "services"),
    ".services": ("api",),
    ".services.api": ("project", "host", "language", "remoteBuild"),
}
# What azd itself sets: https://learn.microsoft.com/azure/developer/azure-developer-cli/manage-environment-variables
OF_AZD = frozenset({"AZURE_ENV_NAME", "AZURE_LOCATION", "AZURE_SUBSCRIPTION_ID", "AZURE_PRINCIPAL_ID", "AZURE_TENANT_ID"})
VARIABLE = re.compile(r"\$\{(\w+)(=[^}]*)?\}")


def faults_of(content: Any, shape: Any = SHAPE, where: str = "") -> Iterator[str]:
    """What is wrong with a part of `azure.yaml`."""
    if isinstance(shape, dict):
        if not isinstance(content, dict):
            yield f"{where} is no mapping"
            return
        yield from (f"{where}.{name} is missing" for name in NEEDED.get(where, ()) if name not in content)
        for name, value in content.items():
            if name in shape:
                yield from faults_of(value, shape[name], f"{where}.{name}")
            else:
                yield f"{where}.{name} is unknown"
    elif isinstance(shape, tuple):
        if content not in shape:
            yield f"{where}: {content!r} is none of {', '.join(shape)}"
    elif isinstance(shape, re.Pattern):
        if not isinstance(content, str) or not shape.fullmatch(content):
            yield f"{where}: {content!r} is no name"
    elif type(content) is not shape:
        yield f"{where}: {content!r} is not of type {shape.__name__}"


def faults_of_parameters(content: Any, main: BicepFile) -> Iterator[str]:
    """What is wrong with the parameters that azd gives to `main.bicep`."""
    given, known = content["parameters"], main.of("parameter")
    yield from (f"{name} is no parameter" for name in given if name not in known)
    yield from (f"{name} is missing" for name, one in known.items() if one.value is None and name not in given)
    for name, one in given.items():
        found = VARIABLE.fullmatch(str(one["value"]))
        if found is None:
            yield f"{name} is no variable"
        elif not found[2] and found[1] not in OF_AZD:
            yield f"{name}: azd sets no {found[1]}, and there is no default"
        elif name in known and known[name].type != "string":
            yield f"{name} is not of type {known[name].type}"
