"""Parameter files: the values of one environment in one stage, in `{name}.parameters.{stage}.json` beside the stack file.

Both a plain object of values and the form of Azure Resource Manager are read.
https://learn.microsoft.com/azure/azure-resource-manager/templates/parameter-files
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from dormouse_cli.errors import UsageError
from dormouse_cli.spec_files import read_object

SCHEMA, PARAMETERS, VERSION = "$schema", "parameters", "contentVersion"
EXPECTED = 'parameters: expected an object like {"region": "westeurope"}'
REFERENCE = (
    "is a reference to Key Vault, which only Azure Resource Manager resolves; specs name secrets, and never hold them"
)


def read_parameters(folder: Path, names: Iterable[str], stage: str) -> tuple[dict[str, Any], list[str]]:
    """The values in the parameter files of these names for a stage, later ones first; and what is wrong with the files.

    Without a stage, no file is read.
    """
    values, faults = dict[str, Any](), list[str]()
    for name in names if stage else ():
        file = folder / f"{name}.parameters.{stage}.json"
        if not file.is_file():
            faults.append(f"  {file}  does not exist{_others(folder, name)}")
            continue
        try:
            content = read_object(str(file), EXPECTED)
        except UsageError as error:
            faults.append(f"  {error}")
            continue
        found, wrong = _values(content)
        values |= found
        faults += [f"  {file}  {fault}" for fault in wrong]
    return values, faults


def _others(folder: Path, name: str) -> str:
    """For which stages there are files of this name."""
    files = sorted(folder.glob(f"{name}.parameters.*.json"))
    stages = ", ".join(file.name.removeprefix(f"{name}.parameters.").removesuffix(".json") for file in files)
    return f"; there are files for: {stages}" if stages else ""


def _values(content: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    values = {name: value for name, value in content.items() if name != SCHEMA}
    wrapped = values.get(PARAMETERS)
    if wrapped is None:
        return values, []
    faults = [f"/{name}  is unknown beside {PARAMETERS}" for name in values if name not in (PARAMETERS, VERSION)]
    if not isinstance(wrapped, dict):
        return {}, [*faults, f"/{PARAMETERS}  must be an object"]
    for name, value in wrapped.items():
        if isinstance(value, dict) and "reference" in value:
            faults.append(f"/{PARAMETERS}/{name}  {REFERENCE}")
        elif not isinstance(value, dict) or set(value) != {"value"}:
            faults.append(f'/{PARAMETERS}/{name}  must be an object like {{"value": …}}')
    return {name: value["value"] for name, value in wrapped.items() if isinstance(value, dict) and "value" in value}, faults
