"""The stages of a release, read from either pipeline, and what no linter says of them."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

# In their order: what each runs, in which environment, and for which deployment.
EXPECTED = {
    "build": ("package", "", ""),
    "int": ("validate whatif provision publish verify", "int", "int"),
    "int-functional": ("functional", "int", "int"),
    "int-roles": ("roles", "int", "int"),
    "int-as-app": ("probe", "int-as-app", "int"),
    "int-cleanup": ("cleanup", "int", "int"),
    "dev": ("validate whatif provision publish verify roles", "dev", "dev"),
    "pro-plan": ("validate whatif", "pro-plan", "pro"),
    "pro": ("provision publish verify roles", "pro", "pro"),
}
CLEANUP = "int-cleanup"
# Targets that read what the build has made.
OF_THE_BUILD = {"publish", "verify"}
TARGET = re.compile(r"^([a-z-]+):", re.MULTILINE)
# Versions and their hashes, as several public repositories pin them; docs/unverified.md.
ACTIONS = {
    "actions/checkout": "3d3c42e5aac5ba805825da76410c181273ba90b1",
    "actions/setup-python": "5fda3b95a4ea91299a34e894583c3862153e4b97",
    "actions/upload-artifact": "043fb46d1a93c77aae656e7c1c64a875d1fc6a0a",
    "actions/download-artifact": "3e5f45b2cfb9172054b4087a40e8e0b5a5461e7c",
    "azure/login": "f5d393ae46f8fde4be8b75f32e3fc50e654ad0ca",
}
LOGIN = {"client-id": "AZURE_CLIENT_ID", "tenant-id": "AZURE_TENANT_ID", "subscription-id": "AZURE_SUBSCRIPTION_ID"}


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage: what it waits for, whether it also runs after a failure, where and what it runs."""

    name: str
    needs: tuple[str, ...]
    condition: str
    environment: str
    deployment: str
    targets: str
    has_package: bool


def in_github(folder: Path) -> list[Stage]:
    """The stages of `release.yml`: its jobs."""
    jobs = _read(folder / ".github" / "workflows" / "release.yml")["jobs"]
    return [_job(name, job) for name, job in jobs.items()]


def _job(name: str, job: Any) -> Stage:
    given, needs = job.get("with", {}), tuple(job.get("needs", ()))
    condition = re.sub(r"^\$\{\{ | \}\}$", "", job.get("if", ""))
    runs = [step["run"].removeprefix("make ") for step in job.get("steps", []) if "run" in step]
    targets = given.get("targets", " ".join(runs))
    where = (given.get("environment", ""), given.get("stage", ""))
    return Stage(name, needs, condition, *where, targets, given.get("package", False) is True)


def in_azure_pipelines(folder: Path) -> list[Stage]:
    """The stages of `azure-pipelines.yml`, by the names that GitHub's have."""
    return [_stage(one) for one in _read(folder / "azure-pipelines.yml")["stages"]]


def _stage(one: Any) -> Stage:
    if "template" not in one:
        runs = [step["bash"].removeprefix("make ") for job in one["jobs"] for step in job["steps"] if "bash" in step]
        return Stage(_hyphens(one["stage"]), tuple(one.get("dependsOn", ())), "", "", "", " ".join(runs), has_package=False)
    given = one["parameters"]
    condition = given.get("condition", "")
    needs = tuple(_hyphens(name) for name in given.get("after", ()))
    has_package = given.get("artifact", "") == "package"
    return Stage(
        _hyphens(given["name"]), needs, condition, given["environment"], given["stage"], given["targets"], has_package
    )


def _hyphens(name: str) -> str:
    """Azure Pipelines has no hyphens in the names of stages."""
    return name.replace("_", "-")


def _read(path: Path) -> Any:
    return yaml.load(path.read_text(), yaml.CSafeLoader)


def faults_of(stages: Sequence[Stage], makefile: str) -> Iterator[str]:
    """What is wrong with the stages of one pipeline."""
    names = [stage.name for stage in stages]
    if names != list(EXPECTED):
        yield f"the stages are {', '.join(names)}"
    known = set(TARGET.findall(makefile))
    before: list[str] = []
    for stage in stages:
        yield from (f"{stage.name} needs {one}, which is no stage before it" for one in stage.needs if one not in before)
        yield from (f"{stage.name} runs {one}, which is no target" for one in stage.targets.split() if one not in known)
        run = (stage.targets, stage.environment, stage.deployment)
        if stage.name in EXPECTED and run != EXPECTED[stage.name]:
            yield f"{stage.name} runs {run}"
        if stage.has_package is not bool(OF_THE_BUILD & set(stage.targets.split())):
            yield f"{stage.name} gets the package: {stage.has_package}"
        yield from _order_faults(stage, before)
        before.append(stage.name)


def _order_faults(stage: Stage, before: Sequence[str]) -> Iterator[str]:
    """Everything before it has succeeded when a stage begins; only the cleanup does not ask for that."""
    test = tuple(one for one in before if one.startswith("int"))
    needed = {CLEANUP: test, "dev": test}.get(stage.name, tuple(before[-1:]))
    if set(stage.needs) != set(needed):
        yield f"{stage.name} needs {', '.join(stage.needs) or 'nothing'}, and not {', '.join(needed) or 'nothing'}"
    expected = "always()" if stage.name == CLEANUP else ""
    if stage.condition != expected:
        yield f"{stage.name} has the condition {stage.condition!r}"


def faults_of_builds(folder: Path) -> Iterator[str]:
    """Whether both builds keep all of `dist` as the artifact that later stages get."""
    steps = _read(folder / ".github" / "workflows" / "release.yml")["jobs"]["build"]["steps"]
    kept = [step["with"] for step in steps if step.get("uses", "").startswith("actions/upload-artifact@")]
    if [(one.get("name"), one.get("path")) for one in kept] != [("package", "dist")]:
        yield f"GitHub keeps {kept}"
    called = _read(folder / ".github" / "workflows" / "azure.yml")["jobs"]["make"]["steps"]
    gets = [step for step in called if step.get("uses", "").startswith("actions/download-artifact@")]
    if [(one.get("if"), one["with"]) for one in gets] != [("${{ inputs.package }}", {"name": "package", "path": "dist"})]:
        yield f"GitHub gets {gets}"
    (job,) = _read(folder / "azure-pipelines.yml")["stages"][0]["jobs"]
    published = [(step["publish"], step.get("artifact")) for step in job["steps"] if "publish" in step]
    if published != [("dist", "package")]:
        yield f"Azure Pipelines keeps {published}"


def faults_of_workflow(path: Path) -> Iterator[str]:
    """What is wrong with a workflow: actions, permissions, secrets, the login and the time that its jobs may take."""
    text, content = path.read_text(), _read(path)
    for action in re.findall(r"uses: (\S+)", text):
        name, _, pin = action.partition("@")
        if not name.startswith("./") and ACTIONS.get(name) != pin:
            yield f"{path.name} uses {action}"
    if content.get("permissions") != {}:
        yield f"{path.name} gives permissions to all jobs"
    if "secrets" in text:
        yield f"{path.name} uses a secret"
    for name, job in content["jobs"].items():
        login = [step["with"] for step in job.get("steps", []) if step.get("uses", "").startswith("azure/login@")]
        needed = {"contents": "read"} | ({"id-token": "write"} if login or "uses" in job else {})
        if job.get("permissions") != needed:
            yield f"{path.name}: {name} has the permissions {job.get('permissions')}"
        if "steps" in job and "timeout-minutes" not in job:
            yield f"{path.name}: {name} may run for six hours"
        expected = {one: f"${{{{ vars.{variable} }}}}" for one, variable in LOGIN.items()}
        yield from (f"{path.name}: {name} logs in as {one}" for one in login if one != expected)


def faults_of_template(path: Path) -> Iterator[str]:
    """What is wrong with the template of Azure Pipelines: it passes on what it is given, and has no secret."""
    text = path.read_text()
    (stage,) = _read(path)["stages"]
    (job,) = stage["jobs"]
    steps = job["strategy"]["runOnce"]["deploy"]["steps"]
    passed = {
        "dependsOn": (stage.get("dependsOn"), "after"),
        "condition": (stage.get("condition"), "condition"),
        "environment": (job.get("environment"), "environment"),
        "ENV": (steps[-1].get("env", {}).get("ENV"), "stage"),
        "TARGETS": (steps[-1].get("env", {}).get("TARGETS"), "targets"),
    }
    for what, (value, parameter) in passed.items():
        if value != f"${{{{ parameters.{parameter} }}}}":
            yield f"{path.name}: {what} is {value}"
    if steps[-1].get("inputs", {}).get("azureSubscription") != "dormouse-${{ parameters.environment }}":
        yield f"{path.name} logs in elsewhere"
    if re.search(r"secret|password|\$\(\w+\)", text, re.IGNORECASE):
        yield f"{path.name} uses a secret"
