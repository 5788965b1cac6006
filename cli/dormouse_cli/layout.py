"""Lines of tables and sentences for a width; words are never broken, and commands stay on one line."""

import re
from collections.abc import Collection, Iterator, Sequence

from rich.text import Text

GAP = 2  # columns between two columns of a table
NARROWEST_PROSE = 16  # columns in which sentences can be read
HEADING, LABEL = "bold", "bold"
# A command at the end of a sentence, as in "Watch it: dormouse watch ml1-stop-1", or a word.
PIECE = re.compile(r"(?<=: )(?:dormouse|pip|az|ssh) .*|\S+")


def wrapped(line: Text, width: int) -> list[Text]:
    """A line in parts of at most this width; what is longer than that stands alone on a line."""
    if line.cell_len <= width:
        return [line]
    parts: list[Text] = []
    start = end = None
    for piece in PIECE.finditer(line.plain):
        if start is None or end is None:
            start, end = 0, piece.end()  # with its indentation
        elif line[start : piece.end()].cell_len <= width:
            end = piece.end()
        else:
            parts.append(line[start:end])
            start, end = piece.span()
    return [*parts, line[start:end]] if end else [line]


def table_lines(headings: Sequence[str], rows: Sequence[Sequence[Text]], width: int, prose: Collection[str]) -> list[Text]:
    """The lines of a table in this width, or a block of lines for each row if the table does not fit."""
    titles = [heading.upper() for heading in headings]
    widths = _widths(titles, rows)
    if _total(widths) > width:
        used = [place for place in range(len(titles)) if any(row[place].plain for row in rows)]
        headings, titles = [headings[place] for place in used], [titles[place] for place in used]
        rows = [[row[place] for place in used] for row in rows]
        fitted = _fit(_widths(titles, rows), headings, rows, width, prose)
        if fitted is None:
            return _blocks(titles, rows, width)
        widths = fitted
    lines = [_line([Text(title, HEADING) for title in titles], widths)]
    for row in rows:
        lines += _row_lines(row, widths)
    return lines


def field_lines(fields: Sequence[tuple[str, Text]], width: int, prose: Collection[str] = ()) -> list[Text]:
    """A line for each name with its value; a value that does not fit is wrapped if it is prose, or has its own line."""
    indent = max((len(name) for name, _ in fields), default=0) + GAP
    lines: list[Text] = []
    for name, value in fields:
        if indent + value.cell_len <= width:
            lines.append(Text.assemble((f"{name:<{indent}}", LABEL), value))
        elif name in prose and width - indent >= NARROWEST_PROSE:
            first, *others = wrapped(value, width - indent)
            lines.append(Text.assemble((f"{name:<{indent}}", LABEL), first))
            lines += [Text.assemble(" " * indent, other) for other in others]
        else:
            lines += [Text(name, LABEL), *(wrapped(value, width) if name in prose else [value])]
    return lines


def _widths(titles: Sequence[str], rows: Sequence[Sequence[Text]]) -> list[int]:
    return [max([len(title), *(row[place].cell_len for row in rows)]) for place, title in enumerate(titles)]


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + GAP * (len(widths) - 1)


def _fit(
    widths: list[int], headings: Sequence[str], rows: Sequence[Sequence[Text]], width: int, prose: Collection[str]
) -> list[int] | None:
    """The widths with which the table fits, or None if it does not: only columns of prose become narrower."""
    soft = [place for place, heading in enumerate(headings) if heading in prose]
    least = {place: min(widths[place], max(NARROWEST_PROSE, _longest_word(rows, place))) for place in soft}
    fitted = [least.get(place, natural) for place, natural in enumerate(widths)]
    spare = width - _total(fitted)
    if spare < 0:
        return None
    for number, place in enumerate(sorted(soft, key=lambda place: widths[place])):
        more = min(widths[place] - fitted[place], spare // (len(soft) - number))
        fitted[place] += more
        spare -= more
    return fitted


def _longest_word(rows: Sequence[Sequence[Text]], place: int) -> int:
    return max((piece.cell_len for row in rows for piece in wrapped(row[place], 1)), default=0)


def _row_lines(row: Sequence[Text], widths: Sequence[int]) -> Iterator[Text]:
    parts = [wrapped(cell, width) for cell, width in zip(row, widths, strict=True)]
    for number in range(max(map(len, parts))):
        yield _line([part[number] if number < len(part) else Text() for part in parts], widths)


def _line(cells: Sequence[Text], widths: Sequence[int]) -> Text:
    line = Text()
    for number, (cell, width) in enumerate(zip(cells, widths, strict=True)):
        line.append_text(cell)
        if number < len(cells) - 1:
            line.append(" " * (width - cell.cell_len + GAP))
    return line


def _blocks(titles: Sequence[str], rows: Sequence[Sequence[Text]], width: int) -> list[Text]:
    """Every row as a block: a line for each value that is not empty."""
    lines: list[Text] = []
    for row in rows:
        lines += [Text()] if lines else []
        named = [(title.lower(), cell) for title, cell in zip(titles, row, strict=True) if cell.plain]
        lines += field_lines(named, width, [name for name, cell in named if " " in cell.plain])
    return lines
