"""The check of a document: every block has a checker, and what no checker knows is a finding."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from tests.docs import data, kql, programs
from tests.docs.documents import Block, Document
from tests.docs.references import link_faults, span_faults
from tests.docs.shell import PROMPT, ShellSyntaxError, statements_of


@dataclass(frozen=True, slots=True)
class Finding:
    """Something in a document that is not so."""

    document: str
    line: int
    detail: str

    def __str__(self) -> str:
        return f"{self.document}:{self.line}: {self.detail}"


@dataclass(slots=True)
class Checked:
    """What was found, and how much was looked at, by kind."""

    findings: list[Finding] = field(default_factory=list)
    seen: Counter[str] = field(default_factory=Counter)


def check(document: Document) -> Checked:
    """Check blocks, links and code in sentences of a document, without running anything."""
    checked = Checked()
    for block in document.blocks:
        checked.seen[block.language or "no language"] += 1
        checker = CHECKERS.get(block.language)
        faults = checker(block) if checker else [f"unknown block: no checker for the language {block.language!r}"]
        checked.findings += [Finding(document.name, block.line, fault) for fault in faults]
    for span in document.spans:
        checked.seen["code in sentences"] += 1
        checked.findings += [Finding(document.name, span.line, fault) for fault in span_faults(span.text)]
    checked.seen["links"] += len(document.links)
    checked.findings += [Finding(document.name, line, fault) for line, fault in link_faults(document)]
    return checked


def _shell(block: Block) -> Iterator[str]:
    try:
        statements = statements_of(block.language, block.text)
    except ShellSyntaxError as error:
        yield str(error)
        return
    for statement in statements:
        for command in statement.commands:
            yield from programs.faults_of(command)


def _text(block: Block) -> Iterator[str]:
    """Pictures and output: a command among them would not be checked."""
    for line in block.text.splitlines():
        words = line.split()
        if line.startswith(PROMPT) or (len(words) > 1 and words[0] in programs.PROGRAMS and not re.match(r"\s", line)):
            yield f"a command in a block of text: {line}"


CHECKERS: Mapping[str, Callable[[Block], Iterator[str]]] = {
    "sh": _shell,
    "console": _shell,
    "json": lambda block: data.json_faults(block.text),
    "yaml": lambda block: data.yaml_faults(block.text),
    "kql": lambda block: kql.faults_of(block.text),
    "bicep": lambda block: data.bicep_faults(block.text),
    "text": _text,
}
