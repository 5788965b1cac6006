"""Spelling suggestions: the edit distance between words, and the known word nearest to a misspelled one."""

from collections.abc import Iterable

FURTHEST = 2  # edits


def edits(one: str, other: str) -> int:
    """The edit distance of two words: insertions, deletions, substitutions and swaps of neighbours."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for line, letter in enumerate(one, 1):
        earlier, before, row = before, row, [line]
        for column, wanted in enumerate(other, 1):
            costs = (before[column] + 1, row[-1] + 1, before[column - 1] + (letter != wanted))
            swapped = line > 1 and column > 1 and one[line - 2] == wanted and other[column - 2] == letter
            row.append(min(*costs, earlier[column - 2] + 1) if swapped else min(costs))
    return row[-1]


def is_near(one: str, other: str, furthest: int = FURTHEST) -> bool:
    """Whether two words are at most so many edits apart."""
    return abs(len(one) - len(other)) <= furthest and edits(one, other) <= furthest


def nearest(word: str, known: Iterable[str], furthest: int = FURTHEST) -> str:
    """The known word with the fewest edits, or ""; at most a third of a short word may differ."""
    allowed = min(furthest, max(1, len(word) // 3))
    alike = [each for each in known if abs(len(word) - len(each)) <= allowed]  # comparing long texts takes long
    best = min(alike, key=lambda each: (edits(word, each), each), default="")
    return best if best and is_near(word, best, allowed) else ""
