"""Commands that run inside a cluster with kubectl, as far as they are needed: apply, get, delete, logs and version.

They go through the same API as requests from outside do, with the rights of who has sent them. Others are a 501.
https://learn.microsoft.com/azure/aks/access-private-cluster
"""

import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import yaml

from local.azure.core.requests import Request
from local.azure.core.responses import Answer, Refused, not_simulated
from local.azure.kubernetes.api import access, discovery, server, tables
from local.azure.kubernetes.api.access import Person
from local.azure.kubernetes.objects import CLUSTER_WIDE, OF_KINDS, Server

VALUED = {
    **dict.fromkeys(("-n", "--namespace"), "namespace"),
    **dict.fromkeys(("-f", "--filename"), "file"),
    **dict.fromkeys(("-o", "--output"), "output"),
    **dict.fromkeys(("-l", "--selector"), "selector"),
    "--field-manager": "manager",
    "--tail": "tail",
}
FLAGS = {
    "-A": "everywhere",
    "--all-namespaces": "everywhere",
    "--server-side": "server_side",
    "--force-conflicts": "force",
    "--ignore-not-found": "lenient",
}
HARMLESS = re.compile(r"--(?:wait|timeout|validate|cascade|grace-period|request-timeout)(?:=.*)?")
STEP = re.compile(r"\{\.?([^{}]*)\}")


@dataclass(frozen=True, slots=True)
class Command:
    """A command line of kubectl: its verb, its words, its options, and the files that are there."""

    verb: str
    words: tuple[str, ...] = ()
    options: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def namespace(self) -> str:
        """The namespace that it is about, "" for all of them."""
        return "" if "everywhere" in self.options else self.options.get("namespace", "default")


def parsed(text: str, files: Mapping[str, bytes]) -> Command:
    """A command line; raises the 501 for what is not simulated."""
    words = shlex.split(text)
    if len(words) < 2 or words[0] != "kubectl" or {"&&", "|", ";"} & set(words):
        raise not_simulated(f"the command {text!r} in a cluster")
    options: dict[str, str] = {}
    rest: list[str] = []
    following = iter(words[1:])
    for word in following:
        name, separator, value = word.partition("=")
        if name in VALUED:
            options[VALUED[name]] = value if separator else next(following, "")
        elif name in FLAGS:
            options[FLAGS[name]] = value or "true"
        elif word.startswith("-") and not HARMLESS.fullmatch(word):
            raise not_simulated(f"the option {word} of kubectl in a cluster")
        elif not word.startswith("-"):
            rest.append(word)
    if not rest or rest[0] not in VERBS:
        raise not_simulated(f"the command {text!r} in a cluster")
    return Command(rest[0], tuple(rest[1:]), options, files)


def run(there: Server, person: Person, request: Request, command: Command) -> tuple[int, str]:
    """Run a command; returns its exit code and what it has written."""
    try:
        return 0, VERBS[command.verb](_Client(there, person, request), command)
    except Refused as refused:
        return 1, f"Error from server ({refused.code}): {refused.message}\n"


@dataclass(frozen=True, slots=True)
class _Client:
    """Requests to the API server as the command's sender."""

    there: Server
    person: Person
    request: Request

    def ask(self, method: str, plural: str, namespace: str, name: str, query: Mapping[str, str], body: Any = None) -> Answer:
        headers = {"Content-Type": "application/apply-patch+yaml" if method == "PATCH" else "application/json"}
        content = b"" if body is None else json.dumps(body).encode()
        asked = replace(self.request, method=method, query=dict(query), headers=headers, body=content)
        verb = server.verb_of(asked, name)
        access.check_allowed(
            self.there.world, self.there.cluster, self.person, access.AccessRequest(verb, plural, namespace)
        )
        return server.handled(self.there, asked, verb, plural, namespace, name, log=plural == "pods" and "log" in query)


def _apply(client: _Client, command: Command) -> str:
    content = command.files.get(command.options.get("file", ""))
    if content is None:
        return _fail(f'the path "{command.options.get("file", "")}" does not exist')
    said = ""
    query = {"fieldManager": command.options.get("manager", "kubectl"), "force": command.options.get("force", "false")}
    for found in yaml.load_all(content, Loader=yaml.CSafeLoader):
        plural = _plural(str(found["kind"]))
        namespace = "" if plural in CLUSTER_WIDE else found["metadata"].get("namespace", command.namespace)
        name = str(found["metadata"]["name"])
        client.ask("PATCH", plural, namespace, name, query, found)
        said += f"{_full(plural)}/{name} serverside-applied\n"
    return said


def _get(client: _Client, command: Command) -> str:
    kind, _, name = command.words[0].partition("/")
    plural, name = _plural(kind), name or (command.words[1] if len(command.words) > 1 else "")
    namespace = "" if plural in CLUSTER_WIDE else command.namespace
    selector = {"labelSelector": command.options["selector"]} if "selector" in command.options else {}
    try:
        answer = client.ask("GET", plural, namespace, name, selector)
    except Refused as refused:
        if refused.code == "NotFound" and "lenient" in command.options:
            return ""
        raise
    output = command.options.get("output", "")
    if output.startswith("jsonpath="):
        return _at_paths(answer.body, output.removeprefix("jsonpath="))
    if output == "json":
        return json.dumps(answer.body, indent=4) + "\n"
    if output:
        raise not_simulated(f"the output {output} of kubectl in a cluster")
    rows = tables.as_table(client.there, plural, answer).body
    lines = [[column["name"].upper() for column in rows["columnDefinitions"]], *(row["cells"] for row in rows["rows"])]
    return "".join("   ".join(line) + "\n" for line in lines)


def _delete(client: _Client, command: Command) -> str:
    kind, _, name = command.words[0].partition("/")
    plural, name = _plural(kind), name or (command.words[1] if len(command.words) > 1 else "")
    namespace = "" if plural in CLUSTER_WIDE else command.namespace
    try:
        client.ask("DELETE", plural, namespace, name, {})
    except Refused as refused:
        if refused.code == "NotFound" and "lenient" in command.options:
            return ""
        raise
    return f'{_full(plural)} "{name}" deleted\n'


def _logs(client: _Client, command: Command) -> str:
    name = command.words[0].removeprefix("pod/")
    tail = {"tailLines": command.options["tail"]} if "tail" in command.options else {}
    answer = client.ask("GET", "pods", command.namespace, name, {"log": "true", **tail})
    return answer.content.decode()


def _version(client: _Client, command: Command) -> str:
    return f"Server Version: v{client.there.version}\n"


VERBS = {"apply": _apply, "get": _get, "delete": _delete, "logs": _logs, "version": _version}


def _plural(kind: str) -> str:
    """The plural of a kind, its singular or one of its short names."""
    wanted = kind.lower().partition(".")[0]
    for plural, (_, name) in OF_KINDS.items():
        if wanted in (plural, name.lower(), *discovery.SHORT.get(plural, ())):
            return plural
    return _fail(f'the server doesn\'t have a resource type "{kind}"')


def _full(plural: str) -> str:
    return f"{OF_KINDS[plural][1].lower()}.{discovery.group_of(plural)}".rstrip(".")


def _fail(text: str) -> str:
    raise Refused(404, "NotFound", text)


def _at_paths(found: Any, template: str) -> str:
    """The values at the paths of a template, such as {.status.availableReplicas}."""

    def value(match: re.Match[str]) -> str:
        here = found
        for step in match[1].split("."):
            here = here.get(step) if isinstance(here, dict) else None
        return "" if here is None else str(here)

    return STEP.sub(value, template)
