"""Decision records have one form, refer to records that exist, and are all in the index."""

import re
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest

from tests.support import ROOT

FOLDER = ROOT / "docs" / "decisions"
RECORDS = sorted(path for path in FOLDER.glob("*.md") if path.name != "README.md")
HEAD = re.compile(r"# (?P<number>\d{4}) (?P<title>\S.*)\n\nDate: (?P<date>\S+)\n\nStatus: (?P<status>.+)\n\n")
STATUS = re.compile(r"accepted|(superseded|amended) by \d{4}(, \d{4})*")
CHANGES = {"superseded": "supersedes", "amended": "amends"}
SECTIONS = ["Context", "Decision", "Alternatives", "Consequences"]
ROW = re.compile(r"^\| (\d{4}) \| \[(.+)\]\((.+)\) \| (.+) \| (\S+) \|$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Record:
    """The head of a decision record and its text."""

    number: str
    title: str
    date: str
    status: str
    text: str


def record_in(path: Path) -> Record:
    text = path.read_text()
    head = HEAD.match(text)
    assert head, f"{path.name} must begin with '# NNNN Title', 'Date:' and 'Status:', with an empty line after each"
    return Record(head["number"], head["title"], head["date"], head["status"], text)


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_a_record_has_title_date_status_and_the_four_sections(path: Path) -> None:
    record = record_in(path)
    kebab = re.sub(r"[^a-z0-9]+", "-", record.title.lower()).strip("-")
    assert path.name == f"{record.number}-{kebab}.md"
    assert date.fromisoformat(record.date).isoformat() == record.date
    assert STATUS.fullmatch(record.status), record.status
    assert re.findall(r"^## (.+)$", record.text, re.MULTILINE) == SECTIONS


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_a_superseding_record_names_the_record_it_changes(path: Path) -> None:
    record = record_in(path)
    known = {other.number: other for other in map(record_in, RECORDS)}
    kind, _, numbers = record.status.partition(" by ")
    for number in filter(None, numbers.split(", ")):
        assert number in known, f"{record.number} is {record.status}, and there is no record {number}"
        said = re.search(rf"^This record {CHANGES[kind]} [^.]*\b{record.number}\b", known[number].text, re.MULTILINE)
        assert said, f"{number} does not say that it {CHANGES[kind]} {record.number}"


def test_every_record_number_is_unique() -> None:
    numbers = [record_in(path).number for path in RECORDS]
    assert len(set(numbers)) == len(numbers)


def test_the_index_lists_every_record_with_its_title_status_and_date() -> None:
    listed = ROW.findall((FOLDER / "README.md").read_text())
    records = [(path.name, record_in(path)) for path in RECORDS]
    assert listed == [(one.number, one.title, name, one.status, one.date) for name, one in records]
