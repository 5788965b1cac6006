"""The commands in documents without running them: programs exist, options are known, files are there."""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from itertools import pairwise

import click
from typer.main import get_command

from dormouse.http.routes import ROUTES
from dormouse_cli.app import app
from tests.docs import azure_cli
from tests.docs.shell import Command
from tests.support import ROOT

Faults = Iterator[str]
# Programs of every system: what is checked is that the files of this repository that they name exist.
SYSTEM = {"[", "cat", "cd", "cp", "cut", "echo", "exit", "export", "jq", "kill", "mstsc", "openssl", "printf", "rm", "sleep"}
SYSTEM |= {"set", "source", ".", "ssh", "tee", "test", "touch", "unset", "unzip"}
ON_MACHINES = {"sudo", "systemctl", "journalctl", "dormouse-awake", "nvidia-smi"}
# https://learn.microsoft.com/azure/developer/azure-developer-cli/reference
AZD = {"auth login", "deploy", "down", "env get-values", "env list", "env new", "env select", "env set", "init"}
AZD |= {"package", "pipeline config", "provision", "show", "up"}
# https://learn.microsoft.com/azure/azure-functions/functions-core-tools-reference
FUNC = {"start", "azure functionapp publish", "azure functionapp list-functions", "azure functionapp logstream"}
TOP = {path.name for path in ROOT.iterdir() if not path.name.startswith(".")}
MADE = ("dist/",)  # by `make package`
PLACEHOLDER = re.compile(r"[A-Z][A-Z_]+$|.*[…<>].*")


def faults_of(command: Command, *, mentioned: bool = False) -> Faults:
    """What is wrong with a command; one that a sentence only mentions may lack arguments."""
    if command.name in ("dormouse", "dormouse.exe"):
        yield from _dormouse(command, mentioned=mentioned)
    elif check := CHECKS.get(command.name):
        yield from check(Command(command.name, (*command.arguments, "…")) if mentioned else command)
    elif command.name.startswith("examples/"):
        yield from () if (ROOT / command.name).exists() else [f"{command.name} does not exist"]
    elif command.name not in SYSTEM | ON_MACHINES:
        yield f"{command.name} is not a program that this check knows"
    if command.name not in ON_MACHINES:
        for word in command.arguments:
            yield from _missing_file(word)


def _missing_file(word: str) -> Faults:
    path = word.lstrip("@").removeprefix("./").split("=")[-1]
    if path.split("/")[0] in TOP and "/" in path and not path.startswith(MADE) and not re.search(r"[$*{…]", path):
        yield from () if (ROOT / path.partition("[")[0]).exists() else [f"{path} does not exist"]


@cache
def _commands() -> Mapping[str, click.Command]:
    group = get_command(app)
    assert hasattr(group, "commands")
    commands: Mapping[str, click.Command] = group.commands
    return commands


def _dormouse(command: Command, *, mentioned: bool) -> Faults:
    words = [word for word in command.arguments if word != "…"]
    if not words or words[0] in ("--help", "-h", "--version"):
        return
    found = _commands().get(words[0])
    if found is None:
        yield f"dormouse has no command {words[0]}"
    elif mentioned:
        known = {spelling for one in found.params for spelling in one.opts} | {"--help", "-h"}
        yield from (
            f"dormouse {words[0]} has no option {word}" for word in words if word.startswith("-") and word not in known
        )
    elif "…" not in command.arguments:
        try:
            found.make_context(words[0], list(words[1:]))
        except Exception as error:
            if not hasattr(error, "format_message"):  # typer has its own copy of click's errors
                raise
            yield f"dormouse {words[0]}: {error.format_message()}"


def _make(command: Command) -> Faults:
    text = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z-]+):", text, re.MULTILINE))
    variables = set(re.findall(r"\$\((?:or \$\()?([A-Z_]+)", text)) | {"PYTHON"}
    for word in command.arguments:
        if word == "…":
            continue
        name, is_variable, _ = word.partition("=")
        if is_variable and name not in variables:
            yield f"the Makefile has no variable {name}"
        elif not is_variable and name not in targets:
            yield f"the Makefile has no target {name}"


def _az(command: Command) -> Faults:
    yield from azure_cli.faults_of(command.arguments)


def _azd(command: Command) -> Faults:
    if not command.text.startswith(tuple(f"azd {known}" for known in AZD)):
        yield f"`{command.text}` is not a command of azd that this check knows"


def _func(command: Command) -> Faults:
    if not command.text.startswith(tuple(f"func {known}" for known in FUNC)):
        yield f"`{command.text}` is not a command of Core Tools that this check knows"


def _curl(command: Command) -> Faults:
    urls = [word for word in command.arguments if re.match(r"https?://|\$\{?API\b", word)]
    if len(urls) != 1:
        yield f"`{command.text}` has no URL that this check finds"
        return
    path = re.sub(r"^(\$\{?API\}?|https?://[^/]+(/api)?)", "", urls[0]).partition("?")[0].strip("/")
    if "simulation.localhost" not in urls[0] and not any(matches(route.template, path) for route in ROUTES):
        yield f"the API has no path {path}"


def matches(template: str, path: str) -> bool:
    """Whether a path is one of a route template."""
    return re.fullmatch(re.sub(r"\{[^}]+\}", "[^/]+", template), path) is not None


def _python(command: Command) -> Faults:
    words = command.arguments
    if "-m" in words and (module := words[words.index("-m") + 1]) not in ("venv", "pip", "pytest"):
        path = ROOT / module.replace(".", "/")
        if not path.is_dir() and not path.with_suffix(".py").exists():
            yield f"there is no module {module}"


def _pip(command: Command) -> Faults:
    if command.arguments[0] not in ("install", "uninstall"):
        yield f"`{command.text}` is not a command of pip that this check knows"
    words = command.arguments
    for flag, file in pairwise(words):
        if flag == "-r" and not (ROOT / file).exists():
            yield f"{file} does not exist"


def _git(command: Command) -> Faults:
    if command.arguments[0] not in ("clone", "checkout", "push", "tag", "fetch", "pull", "log"):
        yield f"`{command.text}` is not a command of git that this check knows"


CHECKS: dict[str, Callable[[Command], Faults]] = {
    "make": _make,
    "az": _az,
    "azd": _azd,
    "func": _func,
    "curl": _curl,
    "python": _python,
    "python3": _python,
    "pip": _pip,
    "git": _git,
}
PROGRAMS = {"dormouse", *CHECKS, *ON_MACHINES}
