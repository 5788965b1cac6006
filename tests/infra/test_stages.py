"""Both pipelines release one package in the same stages; each check notices a pipeline that is broken in one respect."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.infra.stages import (
    ACTIONS,
    EXPECTED,
    faults_of,
    faults_of_builds,
    faults_of_template,
    faults_of_workflow,
    in_azure_pipelines,
    in_github,
)
from tests.support import ROOT

WORKFLOWS = Path(".github", "workflows")
TEMPLATE = Path("infra", "pipelines", "azure.yml")
PIPELINE = Path("azure-pipelines.yml")


def faults_in(folder: Path) -> Iterator[str]:
    makefile = (folder / "Makefile").read_text()
    yield from (f"GitHub: {fault}" for fault in faults_of(in_github(folder), makefile))
    yield from (f"Azure Pipelines: {fault}" for fault in faults_of(in_azure_pipelines(folder), makefile))
    for path in sorted((folder / WORKFLOWS).glob("*.yml")):
        yield from faults_of_workflow(path)
    yield from faults_of_template(folder / TEMPLATE)
    yield from faults_of_builds(folder)


def test_both_pipelines_have_the_same_sound_stages() -> None:
    assert list(faults_in(ROOT)) == []
    assert len(in_github(ROOT)) == len(in_azure_pipelines(ROOT)) == len(EXPECTED) == 9
    assert in_github(ROOT) == in_azure_pipelines(ROOT)
    workflows = sorted(path.name for path in (ROOT / WORKFLOWS).glob("*.yml"))
    assert workflows == ["azure.yml", "ci.yml", "release.yml"]
    used = "".join((ROOT / WORKFLOWS / name).read_text() for name in workflows)
    assert all(f"{action}@" in used for action in ACTIONS), "an action that is not used"


def test_ci_runs_what_developers_run() -> None:
    assert ".ci/run" in (ROOT / WORKFLOWS / "ci.yml").read_text()
    assert (ROOT / ".ci" / "run").read_text().splitlines()[-1] == "make test"


RELEASE, CALLED, CI = (WORKFLOWS / name for name in ("release.yml", "azure.yml", "ci.yml"))
LOGIN = "azure/login@f5d393ae46f8fde4be8b75f32e3fc50e654ad0ca"
BROKEN = [
    (RELEASE, "needs: [int-functional]", "needs: [int-functionl]", "needs int-functionl, which is no stage"),
    (RELEASE, "needs: [int-functional]", "needs: [int]", "int-roles needs int, and not int-functional"),
    (RELEASE, "needs: [pro-plan]", "needs: [pro-plan, pro]", "pro needs pro, which is no stage before it"),
    (RELEASE, "    if: ${{ always() }}\n", "", "int-cleanup has the condition ''"),
    (RELEASE, "if: ${{ always() }}", "if: ${{ success() }}", "int-cleanup has the condition 'success()'"),
    (RELEASE, "    name: dev\n", "    name: dev\n    if: ${{ always() }}\n", "dev has the condition 'always()'"),
    (
        RELEASE,
        "needs: [int, int-functional, int-roles, int-as-app, int-cleanup]",
        "needs: [int-cleanup]",
        "dev needs int-cleanup, and not int, int-functional",
    ),
    (RELEASE, "targets: cleanup", "targets: clean-up", "runs clean-up, which is no target"),
    (RELEASE, "targets: cleanup", "targets: roles", "int-cleanup runs ('roles', 'int', 'int')"),
    (RELEASE, "environment: pro\n", "environment: production\n", "'production', 'pro')"),
    (RELEASE, "environment: pro\n      stage: pro", "environment: dev\n      stage: pro", "'dev', 'pro')"),
    (
        RELEASE,
        "      targets: validate whatif provision publish verify\n      package: true",
        "      targets: validate whatif provision publish verify",
        "int gets the package: False",
    ),
    (RELEASE, "targets: probe\n", "targets: probe\n      package: true\n", "int-as-app gets the package: True"),
    (
        RELEASE,
        "targets: provision publish verify roles",
        "targets: package provision publish verify roles",
        "pro runs ('package ",
    ),
    (RELEASE, "permissions: {}\n", "permissions: read-all\n", "release.yml gives permissions to all jobs"),
    (CALLED, "permissions: {}\n", "", "azure.yml gives permissions to all jobs"),
    (RELEASE, "      contents: read\n    steps", "      contents: write\n    steps", "build has the permissions"),
    (RELEASE, "      id-token: write\n", "", "int has the permissions"),
    (CI, "      contents: read\n", "      contents: read\n      id-token: write\n", "test has the permissions"),
    (CALLED, LOGIN, "azure/login@v3", "azure.yml uses azure/login@v3"),
    (CALLED, LOGIN, LOGIN.replace("f5d3", "0000"), "azure.yml uses azure/login@0000"),
    (RELEASE, "actions/setup-python@", "other/setup-python@", "release.yml uses other/setup-python@"),
    (CALLED, "${{ vars.AZURE_CLIENT_ID }}", "${{ secrets.AZURE_CLIENT_ID }}", "azure.yml uses a secret"),
    (CALLED, "client-id: ${{ vars.AZURE_CLIENT_ID }}", "creds: ${{ vars.AZURE }}", "make logs in as"),
    (CALLED, "    timeout-minutes: 90\n", "", "make may run for six hours"),
    (PIPELINE, "after: [int_functional]", "after: [int_functionl]", "needs int-functionl, which is no stage"),
    (PIPELINE, "      condition: always()\n", "", "Azure Pipelines: int-cleanup has the condition ''"),
    (PIPELINE, "after: [pro_plan]", "after: [build]", "pro needs build, and not pro-plan"),
    (PIPELINE, "environment: pro\n", "environment: dev\n", "Azure Pipelines: pro runs"),
    (PIPELINE, "verify\n      artifact: package\n", "verify\n", "int gets the package: False"),
    (PIPELINE, "            artifact: package\n", "", "Azure Pipelines keeps [('dist', None)]"),
    (RELEASE, "path: dist", "path: dist/dormouse.zip", "GitHub keeps"),
    (CALLED, "path: dist", "path: build", "GitHub gets"),
    (CALLED, "${{ inputs.package }}", "${{ inputs.stage }}", "GitHub gets"),
    (TEMPLATE, "    dependsOn: ${{ parameters.after }}\n", "", "azure.yml: dependsOn is None"),
    (TEMPLATE, "condition: ${{ parameters.condition }}", "condition: succeeded()", "azure.yml: condition is succeeded()"),
    (TEMPLATE, "environment: ${{ parameters.environment }}", "environment: pro", "azure.yml: environment is pro"),
    (TEMPLATE, "ENV: ${{ parameters.stage }}", "ENV: dev", "azure.yml: ENV is dev"),
    (TEMPLATE, "dormouse-${{ parameters.environment }}", "dormouse-pro", "azure.yml logs in elsewhere"),
    (TEMPLATE, "make $TARGETS", "make $TARGETS KEY=$(API_KEY)", "azure.yml uses a secret"),
]


@pytest.mark.parametrize(("name", "sound", "broken", "words"), BROKEN, ids=[f"{n} {one[3]}" for n, one in enumerate(BROKEN)])
def test_a_broken_pipeline_is_noticed(tmp_path: Path, name: Path, sound: str, broken: str, words: str) -> None:
    for path in (*[WORKFLOWS / one.name for one in (ROOT / WORKFLOWS).glob("*.yml")], TEMPLATE, PIPELINE, Path("Makefile")):
        (tmp_path / path.parent).mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, tmp_path / path)
    text = (tmp_path / name).read_text()
    assert sound in text, "the sound file has changed"
    (tmp_path / name).write_text(text.replace(sound, broken, 1))
    faults = list(faults_in(tmp_path))
    assert any(words in fault for fault in faults), faults
