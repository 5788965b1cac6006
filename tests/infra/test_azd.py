"""`azd up` finds the resources by their tags, and deploys the package as it was built."""

import json
import re
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from release.layout import APP, PACKAGES
from release.unpack import DIST, unpack
from tests.infra.azd import faults_of, faults_of_parameters
from tests.infra.bicep import Either, Expression, read
from tests.infra.test_bicep import INFRA
from tests.support import ROOT


def azure_yaml() -> Any:
    return yaml.safe_load((ROOT / "azure.yaml").read_text())


def parameters() -> Any:
    return json.loads((INFRA / "main.parameters.json").read_text())


def test_the_configuration_of_azd_is_sound() -> None:
    assert list(faults_of(azure_yaml())) == []
    assert list(faults_of_parameters(parameters(), read(INFRA / "main.bicep"))) == []
    assert len(parameters()["parameters"]) == 5


def service(content: Any) -> Any:
    return content["services"]["api"]


BREAKS: list[tuple[str, Callable[[Any], object]]] = [
    (".services.api.remoteBuild is missing", lambda content: service(content).pop("remoteBuild")),
    (".services.api.remotebuild is unknown", lambda content: service(content).update(remotebuild=False)),
    (".services.api.remoteBuild: 'no' is not of type bool", lambda content: service(content).update(remoteBuild="no")),
    ("'appservice' is none of function", lambda content: service(content).update(host="appservice")),
    (".services.api.hooks.prepack is unknown", lambda content: service(content)["hooks"].update(prepack={})),
    (".name: 'Dormouse' is no name", lambda content: content.update(name="Dormouse")),
    (".infra.modul is unknown", lambda content: content["infra"].update(modul="main")),
    (".services is no mapping", lambda content: content.update(services=["api"])),
    (".services.api is missing", lambda content: content["services"].pop("api")),
]


@pytest.mark.parametrize(("words", "spoil"), BREAKS, ids=[words for words, _ in BREAKS])
def test_a_broken_configuration_is_noticed(words: str, spoil: Callable[[Any], object]) -> None:
    content = azure_yaml()
    spoil(content)
    faults = list(faults_of(content))
    assert any(words in fault for fault in faults), faults


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("where", "${AZURE_LOCATION}", "where is no parameter"),
        ("location", "westeurope", "location is no variable"),
        ("location", "${AZURE_REGION}", "azd sets no AZURE_REGION"),
        ("monthlyBudget", "${AZURE_ENV_NAME}", "monthlyBudget is not of type int"),
    ],
)
def test_broken_parameters_are_noticed(name: str, value: str, words: str) -> None:
    content = parameters()
    content["parameters"][name] = {"value": value}
    assert any(words in fault for fault in faults_of_parameters(content, read(INFRA / "main.bicep")))
    del content["parameters"]["location"]
    assert "location is missing" in list(faults_of_parameters(content, read(INFRA / "main.bicep")))


def test_azd_finds_the_group_and_the_app_by_their_tags() -> None:
    (name,) = azure_yaml()["services"]
    app = read(INFRA / "modules" / "app.bicep").of("resource")["app"].value
    assert app["tags"] == {"azd-service-name": name}
    main = read(INFRA / "main.bicep")
    tags = main.of("variable")["tags"].value
    assert tags["azd-env-name"] == Expression("azdEnvironment")
    group = main.of("resource")["group"].value
    assert group["tags"] == Expression("tags")
    given = [one.value["params"].get("tags") for name, one in main.of("module").items() if name not in ("rights", "watched")]
    assert given == [Expression("tags")] * 7
    assert not isinstance(tags, Either)


def test_the_hook_builds_what_azd_deploys(tmp_path: Path) -> None:
    described = azure_yaml()["services"]["api"]
    target = described["hooks"]["prepackage"]["posix"]["run"].removeprefix("make ")
    recipe = re.search(rf"^{target}: package .*\n\t.*-m (\S+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert recipe
    assert recipe[1] == "release.unpack"
    assert ROOT / described["project"] / described["dist"] == DIST / "azd"


def test_azd_leaves_nothing_of_the_package_out(tmp_path: Path) -> None:
    archive, folder = tmp_path / "dormouse.zip", tmp_path / "azd"
    packages = PACKAGES.as_posix()
    names = [*(f"{name}/x.py" for name in APP), f"{packages}/a/__init__.py", f"{packages}/a/__pycache__/x.pyc"]
    with zipfile.ZipFile(archive, "w") as file:
        for name in names:
            file.writestr(name, "")
    folder.mkdir()
    (folder / "of_an_earlier_build.py").touch()
    assert unpack(archive, folder) == len(names)
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert there == {*names, ".funcignore"}
    lines = (folder / ".funcignore").read_text().splitlines()
    assert [line for line in lines if line and not line.startswith("#")] == [], "azd obeys it"
    shutil.rmtree(folder)
