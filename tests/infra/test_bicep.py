"""The Bicep files: names, bodies and parameters are right, and each check notices a file that is broken in one respect."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import unchecked
from tests.infra import resource_types, symbols
from tests.infra.bicep import BicepFile, Expression, literals_in, read
from tests.support import ROOT

INFRA = ROOT / "infra"
FILES = [path.relative_to(INFRA).as_posix() for path in symbols.bicep_files(INFRA)]


def faults_of(folder: Path) -> Iterator[str]:
    for path in symbols.bicep_files(folder):
        file = read(path)
        yield from (f"{path.name}: {fault}" for fault in symbols.faults_of(file))
        for resource in file.of("resource").values():
            yield from (f"{path.name}: {fault}" for fault in resource_types.faults_of(resource))


@pytest.fixture
def types() -> None:
    if not resource_types.FILES.exists():
        unchecked("../shared/data/arm-specs/bicep-types-az", "that the bodies in infra/ fit Azure's type files")


@pytest.mark.usefixtures("types")
def test_every_file_is_sound() -> None:
    resources = [one for name in FILES for one in read(INFRA / name).of("resource").values()]
    assert (len(FILES), len(resources)) == (9, 48)
    assert list(faults_of(INFRA)) == []
    assert {one.type for one in resources if one.type in resource_types.UNTYPED} == resource_types.UNTYPED


BROKEN = [
    ("modules/app.bicep", "reserved: true }", "reserved: true ", "app.bicep:"),
    ("modules/app.bicep", "serverFarmId: plan.id", "serverFarmId: plann.id", "plann is not declared"),
    (
        "modules/app.bicep",
        "param settings object\n",
        "param settings object\nparam more object\n",
        "parameter more is not used",
    ),
    (
        "modules/app.bicep",
        "param settings object\n",
        "param settings object\nvar planName = 'p'\n",
        "planName is declared 2 times",
    ),
    ("modules/app.bicep", "union(tags,", "unite(tags,", "there is no function unite"),
    ("modules/app.bicep", "httpsOnly: true", "httpOnly: true", ".properties.httpOnly is unknown"),
    ("modules/app.bicep", "httpsOnly: true", "httpsOnly: 'yes'", "'yes' is not true or false"),
    ("modules/app.bicep", "type: 'blobContainer'", "type: 'container'", "'container' is none of blobContainer"),
    ("modules/app.bicep", "name: 'python'", "name: 'phyton'", "'phyton' is none of"),
    ("modules/app.bicep", "type: 'UserAssigned'\n", "type: 'userAssigned'\n", "'userAssigned' is none of"),
    ("modules/app.bicep", "perInstanceConcurrency: 16", "perInstanceConcurrency: '16'", "'16' is not a whole number"),
    ("modules/app.bicep", "  location: location\n  tags: union", "  tags: union", "app.location is missing"),
    ("modules/app.bicep", "Microsoft.Web/sites@2024-11-01' = {", "Microsoft.Web/sites@2023-12-01' = {", "there is no type"),
    ("modules/app.bicep", "httpsOnly: true", "httpsOnly: true\n    state: 'Running'", ".properties.state can only be read"),
    ("modules/storage.bicep", "'TLS1_2'", "'TLS12'", "'TLS12' is none of"),
    ("modules/storage.bicep", "kind: 'StorageV2'", "kind: 2", "2 is none of"),
    ("modules/vault.bicep", "family: 'A'", "family: 'B'", "'B' is none of A"),
    ("modules/network.bicep", "addressPrefixes: ['10.70.0.0/24']", "addressPrefixes: '10.70.0.0/24'", "is not a list"),
    ("modules/monitoring.bicep", "threshold: rule.threshold", "treshold: rule.threshold", ".treshold is unknown"),
    ("modules/monitoring.bicep", "timeAggregation: 'Total'", "timeAggregation: 'Sum'", "'Sum' is none of"),
    ("main.bicep", "    purgeProtection: purgeProtection\n", "", "module vault needs the parameter purgeProtection"),
    (
        "main.bicep",
        "    purgeProtection: purgeProtection\n",
        "    purge: purgeProtection\n",
        "module vault has no parameter purge",
    ),
    ("main.bicep", "app.outputs.hostName", "app.outputs.host", "module app has no output host"),
    ("main.bicep", "'modules/vault.bicep'", "'modules/safe.bicep'", "modules/safe.bicep does not exist"),
    ("main.bicep", "targetScope = 'subscription'", "targetScope = 'subscription'\nparam param string", "main.bicep:"),
]


@pytest.mark.usefixtures("types")
@pytest.mark.parametrize(("name", "sound", "broken", "words"), BROKEN, ids=[words for *_, words in BROKEN])
def test_a_broken_file_is_noticed(tmp_path: Path, name: str, sound: str, broken: str, words: str) -> None:
    folder = tmp_path / "infra"
    shutil.copytree(INFRA, folder)
    text = (folder / name).read_text()
    assert sound in text, "the sound file has changed"
    (folder / name).write_text(text.replace(sound, broken, 1))
    faults = list(faults_of(folder))
    assert any(words in fault for fault in faults), faults


PARAMETERS = sorted(INFRA.glob("*.bicepparam"))


def faults_of_parameters(given: dict[str, object], main: BicepFile) -> Iterator[str]:
    known = main.of("parameter")
    yield from (f"{name} is no parameter" for name in given if name not in known)
    yield from (f"{name} is missing" for name, one in known.items() if one.value is None and name not in given)
    kinds = {"string": str, "int": int, "bool": bool, "array": list, "object": dict}
    for name, value in given.items():
        one = known.get(name)
        if one is None:
            continue
        if type(value) is not kinds[one.type]:
            yield f"{name} is not of type {one.type}"
        allowed = one.decorators.get("allowed")
        if allowed and value not in allowed:
            yield f"{name} is none of {allowed}"


@pytest.mark.parametrize("path", PARAMETERS, ids=lambda path: path.name)
def test_the_parameters_of_each_stage_fit(path: Path) -> None:
    given = literals_in(path)
    assert given["stage"] == path.name.split(".")[1]
    assert list(faults_of_parameters(given, read(INFRA / "main.bicep"))) == []


def test_there_are_three_stages_with_different_deployment_ids() -> None:
    assert [path.name.split(".")[1] for path in PARAMETERS] == ["dev", "int", "pro"]
    assert len({literals_in(path)["deploymentId"] for path in PARAMETERS}) == 3


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ({"stage": "dev", "deploymentId": "dev"}, "location is missing"),
        ({"stage": "test", "deploymentId": "dev", "location": "x"}, "stage is none of ['dev', 'int', 'pro']"),
        ({"stage": "dev", "deploymentId": "dev", "location": "x", "memory": 1}, "memory is no parameter"),
        ({"stage": "dev", "deploymentId": "dev", "location": "x", "adoption": "yes"}, "adoption is not of type bool"),
    ],
)
def test_wrong_parameters_are_noticed(given: dict[str, object], fault: str) -> None:
    assert fault in list(faults_of_parameters(given, read(INFRA / "main.bicep")))


def test_a_default_is_one_of_the_values_that_are_allowed() -> None:
    parameters = [one for name in FILES for one in read(INFRA / name).of("parameter").values()]
    limited = [one for one in parameters if "allowed" in one.decorators]
    assert len(limited) >= 3
    assert all(one.value is None or one.value in one.decorators["allowed"] for one in limited)
    assert all("description" in one.decorators for one in read(INFRA / "main.bicep").of("parameter").values())


# What a name may be: https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules
UNIQUE, DEPLOYMENT = "a" * 13, "b" * 8
NAMES = {
    ("storage", "name"): r"[a-z0-9]{3,24}",
    ("vault", "name"): r"[a-zA-Z](?!.*--)[a-zA-Z0-9-]{1,22}[a-zA-Z0-9]",
    ("app", "appName"): r"[a-zA-Z0-9-]{2,60}",
    ("app", "planName"): r"[a-zA-Z0-9-]{1,60}",
    ("identity", "name"): r"[a-zA-Z0-9][a-zA-Z0-9_-]{2,127}",
    ("monitoring", "workspaceName"): r"[a-zA-Z0-9][a-zA-Z0-9-]{2,61}[a-zA-Z0-9]",
    ("scheduler", "name"): r"[a-zA-Z0-9-]{3,64}",
}


@pytest.mark.parametrize(("module", "parameter"), NAMES)
def test_the_longest_name_is_allowed(module: str, parameter: str) -> None:
    value = read(INFRA / "main.bicep").of("module")[module].value["params"][parameter]
    assert isinstance(value, Expression)
    longest = value.text.strip("'").replace("${unique}", UNIQUE).replace("${deploymentId}", DEPLOYMENT)
    assert "$" not in longest
    assert re.fullmatch(NAMES[module, parameter], longest), longest


def test_the_first_32_letters_of_the_app_differ_between_deployments() -> None:
    """The host takes them as its ID: https://learn.microsoft.com/azure/azure-functions/storage-considerations."""
    value = read(INFRA / "main.bicep").of("module")["app"].value["params"]["appName"]
    assert value.text.index("${unique}") + len(UNIQUE) <= 32
    assert len(value.text.strip("'").replace("${unique}", UNIQUE).replace("${deploymentId}", DEPLOYMENT)) <= 32
