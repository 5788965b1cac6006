"""The agent as one file: the same bytes for the same sources, wherever they are put together."""

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
    """What `python3 agent.pyz` runs.

    Nothing in it is compressed: packed as a whole for the way it becomes far smaller than file by file, and its bytes do
    not depend on anybody's zlib.
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
    """The agent, packed by gzip for the way: custom data may not be long."""
    return gzip.compress(agent_archive(), 9, mtime=0)


def bare(source: str) -> str:
    """The same program without words for readers; its lines keep their numbers, so that tracebacks can be read."""
    lines = source.split("\n")
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            words = node.body[0]
            # A body of nothing but words stays: without them it would not be a body.
            if len(node.body) > 1 or isinstance(node, ast.Module):
                for number in range(words.lineno, (words.end_lineno or words.lineno) + 1):
                    lines[number - 1] = ""
    return "\n".join("" if line.lstrip().startswith("#") else line for line in lines)
