"""What sentences refer to: files, anchors, commands, routes, and names of settings."""

import re
import subprocess
from collections.abc import Iterator
from dataclasses import fields
from functools import cache
from urllib.parse import unquote, urlsplit

from dormouse.http.routes import ROUTES
from dormouse.settings import Settings
from tests.docs import programs
from tests.docs.documents import Document, Link, read
from tests.docs.shell import ShellSyntaxError, statements_of
from tests.support import ROOT

SOURCES = ("*.py", "*.bicep", "*.json", "*.sh", "Makefile", "*.toml", "*.yaml", "*.yml", ":!tests", ":!docs")
UPPER = re.compile(r"(?<![\w/.])[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+(?!\w)")
# Names that only other programs have.
EXTERNAL = {
    *("ALL_PROXY", "HTTPS_PROXY", "NO_PROXY", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"),
    *("AZURE_CORE_INSTANCE_DISCOVERY", "AZURE_TOKEN_CREDENTIALS", "TTY_INTERACTIVE"),
    *("CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_MKNOD", "CAP_SYS_PTRACE"),
}
ROUTE = re.compile(r"(?:GET|PUT|POST|DELETE|HEAD)\s+(/api/[^\s`?]*)")
TOP = re.compile(r"(?:\./)?([\w.-]+)/[\w./*{}\[\]<>…-]*")


def link_faults(document: Document) -> Iterator[tuple[int, str]]:
    """The links and images that lead nowhere, with their lines; pages on other sites are not asked."""
    for link in document.links:
        yield from ((link.line, fault) for fault in _faults_of(document, link))


def _faults_of(document: Document, link: Link) -> Iterator[str]:
    parts = urlsplit(link.target)
    if parts.scheme or parts.netloc:
        if parts.scheme != "https" or not parts.netloc:
            yield f"the link {link.target} is not HTTPS"
        return
    path = (document.path.parent / unquote(parts.path)).resolve() if parts.path else document.path
    if not path.exists() or not path.is_relative_to(ROOT):
        yield f"the link {link.target} leads to no file of the repository"
    elif parts.fragment and (path.suffix != ".md" or parts.fragment not in read(path).anchors):
        yield f"the link {link.target} leads to no heading"


def span_faults(text: str) -> Iterator[str]:
    """What is wrong with code in a sentence: a command, a path, a route, or a name that does not exist."""
    first = text.split(" ")[0]
    if first in programs.PROGRAMS and " " in text:
        yield from _command_faults(text)
    elif " " not in text and (found := TOP.fullmatch(text)) and (ROOT / found[1]).exists():
        yield from _path_faults(text)
    for path in ROUTE.findall(text):
        segments = [path.removeprefix("/api/")]
        if not any(programs.matches(route.template, segment) for route in ROUTES for segment in segments):
            yield f"the API has no route {path}"
    yield from (f"{name} is no setting and no variable" for name in UPPER.findall(text) if name not in EXTERNAL | _names())


def _command_faults(text: str) -> Iterator[str]:
    plain = re.sub(r"[\[\]]", "", text).replace("<", "").replace(">", "")
    try:
        statements = statements_of("sh", plain)
    except ShellSyntaxError:
        yield f"`{text}` is no command that a shell would take"
        return
    for statement in statements:
        for command in statement.commands:
            yield from programs.faults_of(command, mentioned=True)


def _path_faults(text: str) -> Iterator[str]:
    path = text.removeprefix("./").rstrip("/")
    if path.startswith(programs.MADE) or re.search(r"[…<>{]|NNNN|[A-Z]{4}", path):
        return
    found = any(ROOT.glob(path)) if "*" in path else (ROOT / path).exists()
    if not found:
        yield f"{text} does not exist"


@cache
def _names() -> set[str]:
    """Every name in what is not a document or a test; those of settings are fields in lower case, too."""
    listed = subprocess.run(["git", "ls-files", "--", *SOURCES], cwd=ROOT, capture_output=True, text=True, check=True)
    texts = [(ROOT / name).read_text() for name in listed.stdout.splitlines() if (ROOT / name).is_file()]
    return {name for text in texts for name in re.findall(r"[A-Za-z_]\w+", text)} | {
        field.name.upper() for field in fields(Settings)
    }
