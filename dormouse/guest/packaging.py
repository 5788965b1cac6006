"""Packaging the programs of machines as one file each, reproducibly: the same sources give the same bytes on every host."""

import ast
import functools
import gzip
import io
import zipfile
from pathlib import Path

FOLDER = Path(__file__).parent
AGENT, HUB_CHECK, PIPELINES = "agent", "hub_check", "pipelines"
MAIN = "from {name}.main import main\n\nraise SystemExit(main())\n"
ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)


def agent_archive() -> bytes:
    """The zip file that `python3 agent.pyz` runs."""
    return program_archive(AGENT)


@functools.cache
def program_archive(name: str) -> bytes:
    """The zip file of the program in this folder, which Python runs.

    Its entries are not compressed: compressing the whole archive for transfer gives a much smaller result, and the bytes do
    not depend on the version of zlib.
    """
    sources = sorted((FOLDER / name).rglob("*.py"))
    texts = {path.relative_to(FOLDER).as_posix(): bare(path.read_text()) for path in sources}
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as file:
        for path, text in sorted({"__main__.py": MAIN.format(name=name), **texts}.items()):
            entry = zipfile.ZipInfo(path, ZIP_EPOCH)
            entry.create_system, entry.external_attr = 3, 0o644 << 16
            file.writestr(entry, text)
    return archive.getvalue()


def packed_agent() -> bytes:
    """The agent, compressed."""
    return packed_program(AGENT)


@functools.cache
def packed_program(name: str) -> bytes:
    """A program, compressed with gzip, because custom data is limited to 64 KiB."""
    return gzip.compress(program_archive(name), 9, mtime=0)


def bare(source: str) -> str:
    """The same program without comments and docstrings; line numbers stay the same, for readable tracebacks."""
    lines = source.split("\n")
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            docstring = node.body[0]
            # A body that consists only of a docstring stays, because it would be empty without it.
            if len(node.body) > 1 or isinstance(node, ast.Module):
                for number in range(docstring.lineno, (docstring.end_lineno or docstring.lineno) + 1):
                    lines[number - 1] = ""
    return "\n".join("" if line.lstrip().startswith("#") else line for line in lines)
