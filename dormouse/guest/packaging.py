"""Packaging the agent as one file, reproducibly: the same sources give the same bytes on every host."""

import ast
import functools
import gzip
import io
import zipfile
from pathlib import Path

SOURCES = Path(__file__).parent / "agent"
MAIN = "from agent.main import main\n\nraise SystemExit(main())\n"
ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)


@functools.cache
def agent_archive() -> bytes:
    """The zip file that `python3 agent.pyz` runs.

    Its entries are not compressed: compressing the whole archive for transfer gives a much smaller result, and the bytes do
    not depend on the version of zlib.
    """
    sources = sorted(SOURCES.rglob("*.py"))
    texts = {f"agent/{path.relative_to(SOURCES).as_posix()}": bare(path.read_text()) for path in sources}
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as file:
        for name, text in sorted({"__main__.py": MAIN, **texts}.items()):
            entry = zipfile.ZipInfo(name, ZIP_EPOCH)
            entry.create_system, entry.external_attr = 3, 0o644 << 16
            file.writestr(entry, text)
    return archive.getvalue()


@functools.cache
def packed_agent() -> bytes:
    """The agent, compressed with gzip, because custom data is limited to 64 KiB."""
    return gzip.compress(agent_archive(), 9, mtime=0)


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
