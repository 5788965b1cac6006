"""Stack files: several environments in one file, each with a parameter file for every stage."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

from dormouse_cli.errors import UsageError
from dormouse_cli.spec_files import read_object
from dormouse_cli.stacks.parameter_files import read_parameters

EXPECTED = "a stack: expected an object like {stack: mlenv-${stage}, environments: {shared: {spec: …}}}"
STACK, STAGE, ENVIRONMENTS = "stack", "stage", "environments"
TOP, OF_ENTRY = (STACK, ENVIRONMENTS), ("name", "spec", "parameters", "depends_on", "stages")
# `${shared}`; `$${` is a literal `${`.
PLACEHOLDER = re.compile(r"(?<!\$)\$\{([^}]*)\}")
STAGE_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,19}")


@dataclass(frozen=True, slots=True)
class Member:
    """An environment of a stack: its name, its spec, and the names of the members that must be built before it.

    `key` is what the file calls it.
    """

    name: str
    spec: dict[str, Any]
    needs: tuple[str, ...] = ()
    key: str = ""


@dataclass(frozen=True, slots=True)
class Stack:
    """What a file describes for one stage: each member stands after those that it needs."""

    name: str
    stage: str
    members: tuple[Member, ...]

    def only(self, wanted: Iterable[str]) -> tuple[Member, ...]:
        """The members with these keys or names (all, if there are none), as if the others were built; raises UsageError."""
        chosen = [*dict.fromkeys(wanted)]
        unknown = [one for one in chosen if not any(one in (member.key, member.name) for member in self.members)]
        if unknown:
            known = ", ".join(member.key for member in self.members)
            raise UsageError(f"The stack {self.name} has no {', '.join(unknown)}; it has: {known}.")
        found = [one for one in self.members if not chosen or one.key in chosen or one.name in chosen]
        names = {member.name for member in found}
        return tuple(replace(one, needs=tuple(need for need in one.needs if need in names)) for one in found)


@dataclass(slots=True)
class _Reader:
    """What has been found in a file, and its faults."""

    file: str
    stage: str
    names: dict[str, str] = field(default_factory=dict)  # of the environments, by their keys in the file
    faults: list[str] = field(default_factory=list)

    def fault(self, where: str, words: str) -> None:
        """Remember what is wrong with a value."""
        self.faults.append(f"  {where}  {words}")

    def text(self, value: Any, where: str) -> str:
        """A text with the stage filled in, or "" with a fault."""
        if not isinstance(value, str) or not value:
            self.fault(where, "must be a text")
            return ""
        return str(self.filled(value, where, {}, set()))

    def filled(self, value: Any, where: str, names: Mapping[str, str], used: set[str]) -> Any:
        """A value with its placeholders filled in; the keys of the environments that it names are added to `used`."""
        if isinstance(value, dict):
            return {key: self.filled(member, f"{where}/{key}", names, used) for key, member in value.items()}
        if isinstance(value, list):
            return [self.filled(item, f"{where}/{number}", names, used) for number, item in enumerate(value)]
        if not isinstance(value, str):
            return value
        text = PLACEHOLDER.sub(lambda found: self._named(found[1], where, names, used), value)
        return text.replace("$${", "${")

    def _named(self, word: str, where: str, names: Mapping[str, str], used: set[str]) -> str:
        if word == STAGE and self.stage:
            return self.stage
        if word in names:
            used.add(word)
            return names[word]
        known = ", ".join([STAGE, *names])
        self.fault(where, "needs --stage" if word == STAGE else f"${{{word}}} is unknown; known are: {known}")
        return ""


def read_stack(file: str, stage: str) -> Stack:
    """The stack that a file and the parameter files beside it describe for a stage; raises UsageError with every fault."""
    if file == "-":
        raise UsageError("A stack is read from a file, because its parameter files stand beside it.")
    if stage and not STAGE_NAME.fullmatch(stage):
        raise UsageError(f"--stage must be a word of lower-case letters, digits and hyphens, such as int, not {stage!r}.")
    content, reader = read_object(file, EXPECTED), _Reader(file, stage)
    _only(content, TOP, "", reader)
    name = reader.text(content.get(STACK), f"/{STACK}")
    entries = _entries(content.get(ENVIRONMENTS), reader)
    reader.names = {
        key: reader.text(entry.get("name", key), f"/{ENVIRONMENTS}/{key}/name") for key, entry in entries.items()
    }
    _check_names(reader)
    members = [_member(key, entry, name, reader) for key, entry in entries.items()]
    ordered = _in_order(members, reader) if not reader.faults else ()
    if reader.faults:
        count = len(reader.faults)
        raise UsageError(f"{file} has {count} error{'' if count == 1 else 's'}.", *reader.faults)
    return Stack(name, stage, tuple(ordered))


def _entries(content: Any, reader: _Reader) -> dict[str, dict[str, Any]]:
    """The entries of a file that exist in this stage."""
    where = f"/{ENVIRONMENTS}"
    if not isinstance(content, dict) or not content:
        reader.fault(where, "must be an object with an entry for each environment")
        return {}
    found = {}
    for key, entry in content.items():
        if not isinstance(entry, dict):
            reader.fault(f"{where}/{key}", "must be an object like {name: mlenv-${stage}, spec: {blueprint: …}}")
        elif key == STAGE:
            reader.fault(f"{where}/{key}", f"must have another key: ${{{STAGE}}} is the stage")
        elif reader.stage in _texts(entry.get("stages", [reader.stage]), f"{where}/{key}/stages", reader):
            _only(entry, OF_ENTRY, f"{where}/{key}", reader)
            found[key] = entry
    if not found and not reader.faults:
        reader.fault(where, f"has no environment for the stage {reader.stage}")
    return found


def _member(key: str, entry: dict[str, Any], stack: str, reader: _Reader) -> Member:
    where, used = f"/{ENVIRONMENTS}/{key}", set[str]()
    spec = entry.get("spec", {})
    if not isinstance(spec, dict):
        reader.fault(f"{where}/spec", "must be an object")
        spec = {}
    files = entry.get("parameters", [key])
    files = _texts([files] if isinstance(files, str) else files, f"{where}/parameters", reader)
    given, faults = read_parameters(Path(reader.file).parent, files, reader.stage)
    reader.faults += faults
    merged = reader.filled({**spec, **given}, f"{where}/spec", reader.names, used)
    if merged.setdefault(STACK, stack) != stack:
        reader.fault(f"{where}/spec/{STACK}", f"must be left out, or be {stack}")
    others = _texts(entry.get("depends_on", []), f"{where}/depends_on", reader)
    for unknown in [other for other in others if other not in reader.names]:
        reader.fault(f"{where}/depends_on", f"{unknown!r} is not an environment of this file in this stage")
    needs = {reader.names[each] for each in (*others, *used) if each in reader.names}
    return Member(reader.names[key], merged, tuple(sorted(needs)), key)


def _in_order(members: Iterable[Member], reader: _Reader) -> list[Member]:
    """The members, each after those that it needs."""
    by_name = {member.name: member for member in members}
    try:
        order = list(TopologicalSorter({name: member.needs for name, member in by_name.items()}).static_order())
    except CycleError as error:
        reader.fault(f"/{ENVIRONMENTS}", f"these depend on each other: {', '.join(error.args[1])}")
        return []
    return [by_name[name] for name in order]


def _check_names(reader: _Reader) -> None:
    names = [name for name in reader.names.values() if name]
    for name in sorted({name for name in names if names.count(name) > 1}):
        reader.fault(f"/{ENVIRONMENTS}", f"several environments are called {name}")


def _only(content: Mapping[str, Any], known: Iterable[str], where: str, reader: _Reader) -> None:
    for name in content:
        if name not in known:
            reader.fault(f"{where}/{name}", f"is unknown; known are: {', '.join(known)}")


def _texts(value: Any, where: str, reader: _Reader) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        reader.fault(where, "must be a list of texts")
        return []
    return value
