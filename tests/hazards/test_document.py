"""docs/hazards.md has a row for each machine of the corpus, with the verdict and the end that its hazard expects."""

import re

from tests.hazards.corpus import read_all
from tests.hazards.table import DOCUMENT, rows_of


def test_every_row_is_what_a_run_of_the_corpus_would_write() -> None:
    wanted: list[tuple[str, str, str]] = []
    for hazard in read_all():
        rows = rows_of(hazard, dict(hazard.expect), dict.fromkeys(hazard.stopped))
        wanted += [without_minutes(row) for row in rows]
    written = [without_minutes(row) for row in DOCUMENT.read_text().splitlines() if row.startswith("| ")][1:]
    assert len(written) == len(wanted)
    for row, expected in zip(written, wanted, strict=True):
        what, verdict, stopped = row
        assert (what, stopped) == (expected[0], expected[2])
        assert verdict in expected[1].split("/"), row


def without_minutes(row: str) -> tuple[str, str, str]:
    """What a row is about, its verdict (of several that are possible, with slashes between), and whether it was stopped."""
    _, *cells = re.sub(r"(?<=[a-z])\|(?=[a-z])", "/", row).split("|")
    what, verdict, stopped = (cell.strip() for cell in cells[:3])
    return what, verdict, stopped


def test_its_head_counts_the_corpus() -> None:
    machines = sum(len(hazard.machines) for hazard in read_all())
    assert f"- {len(read_all())} hazards with {machines} machines: 0 stopped wrongly, 0 not stopped" in DOCUMENT.read_text()
