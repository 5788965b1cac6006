"""Markdown files as data: fenced blocks, code in sentences, links, anchors. Nothing of a file is left out."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

from tests.support import ROOT

GUIDES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), ROOT / "cli" / "README.md")
# Only their links are checked: records say what was true when they were written.
LINKED = (
    *sorted((ROOT / "docs" / "decisions").glob("*.md")),
    *(ROOT / f"{name}.md" for name in ("ARCHITECTURE", "SECURITY")),
)
LINKED = (*LINKED, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", ROOT / "local" / "azure" / "COVERAGE.md")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: its language, its text, and the line of the file on which it begins."""

    language: str
    text: str
    line: int


@dataclass(frozen=True, slots=True)
class Span:
    """Code within a sentence or a cell of a table."""

    text: str
    line: int


@dataclass(frozen=True, slots=True)
class Link:
    """The target of a link or an image."""

    target: str
    line: int


@dataclass(slots=True)
class Document:
    """A Markdown file."""

    path: Path
    blocks: list[Block] = field(default_factory=list)
    spans: list[Span] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    anchors: set[str] = field(default_factory=set)

    @property
    def name(self) -> str:
        """The path within the repository."""
        return self.path.relative_to(ROOT).as_posix()


@cache
def read(path: Path) -> Document:
    """Parse a file."""
    document = Document(path)
    tokens = MarkdownIt("commonmark").enable("table").parse(path.read_text())
    for token, following in zip(tokens, [*tokens[1:], None], strict=True):
        line = token.map[0] + 1 if token.map else 0
        if token.type in ("fence", "code_block"):
            document.blocks.append(Block(token.info.strip(), token.content, line))
        elif token.type == "inline":
            _read_inline(document, token, line)
        elif token.type == "heading_open" and following is not None:
            document.anchors.add(_anchor(_plain(following), document.anchors))
    return document


def _read_inline(document: Document, token: Token, line: int) -> None:
    for child in token.children or []:
        if child.type == "code_inline":
            document.spans.append(Span(child.content, line))
        elif child.type in ("link_open", "image"):
            document.links.append(Link(str(child.attrs.get("href") or child.attrs.get("src")), line))
        elif child.type in ("softbreak", "hardbreak"):
            line += 1


def _plain(heading: Token) -> str:
    return "".join(child.content for child in heading.children or [] if child.type in ("text", "code_inline"))


def _anchor(heading: str, known: set[str]) -> str:
    """The anchor of a heading on GitHub: https://github.com/gjtorikian/html-pipeline (toc_filter)."""
    slug = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
    return next(name for name in _numbered(slug) if name not in known)


def _numbered(slug: str) -> Iterator[str]:
    yield slug
    for number in range(1, 100):
        yield f"{slug}-{number}"
