"""Two passes confirm a finding; one that has changed begins from the start, and what was not looked for stays."""

from dataclasses import replace
from typing import Any

import pytest

from dormouse.reconcile.findings import (
    BETWEEN_PASSES,
    BETWEEN_TRIES,
    MOST_NAMED,
    Finding,
    FindingKind,
    Sighting,
    digest_of,
    merged,
)
from tests.unit.reconcile.views import ADDRESS, NAME, ended

(RESOURCE,) = [one for one in ended().resources if one.id == ADDRESS]
SIGHTING = Sighting(FindingKind.RESOURCE, ADDRESS, NAME, "why", "proof", "1", resource=RESOURCE)
FIRST, LATER = 1000.0, 1000.0 + BETWEEN_PASSES


def after(*passes: tuple[float, list[Sighting]]) -> dict[str, Finding]:
    """The findings after these passes."""
    known: dict[str, Finding] = {}
    for at, seen in passes:
        known = merged(known, seen, at)
    return known


def test_a_second_pass_confirms_after_an_hour() -> None:
    (first,) = after((FIRST, [SIGHTING])).values()
    assert (first.confirmed, first.first_seen, first.seen) == (False, FIRST, 1)
    (second,) = after((FIRST, [SIGHTING]), (LATER, [SIGHTING])).values()
    assert (second.confirmed, second.first_seen, second.last_seen, second.seen) == (True, FIRST, LATER, 2)
    (early,) = after((FIRST, [SIGHTING]), (LATER - 1.0, [SIGHTING])).values()
    assert not early.confirmed
    assert not replace(second, seen=1).confirmed, "one pass, however long it takes"


@pytest.mark.parametrize("change", [{"unique": "2"}, {"environment": "other1"}])
def test_something_else_under_the_same_id_begins_from_the_start(change: dict[str, Any]) -> None:
    (one,) = after((FIRST, [SIGHTING]), (LATER, [replace(SIGHTING, **change)])).values()
    assert (one.first_seen, one.seen, one.confirmed) == (LATER, 1, False)


def test_what_is_not_seen_any_more_is_over_unless_it_was_not_looked_for() -> None:
    known = after((FIRST, [SIGHTING]))
    assert merged(known, [], LATER) == {}
    assert merged(known, [], LATER, frozenset({FindingKind.SECRET})) == {}
    assert merged(known, [], LATER, frozenset({FindingKind.RESOURCE})) == known


def test_a_finding_keeps_what_is_known_of_it_and_takes_the_newest_words() -> None:
    known = {key: replace(one, told=True, tried_at=5.0, operation="x") for key, one in after((FIRST, [SIGHTING])).items()}
    (one,) = merged(known, [replace(SIGHTING, why="new words")], LATER).values()
    assert (one.told, one.tried_at, one.operation, one.sighting.why) == (True, 5.0, "x", "new words")


def test_keys_ignore_the_case_of_ids_and_tell_kinds_apart() -> None:
    assert replace(SIGHTING, id=ADDRESS.upper()).key == SIGHTING.key
    assert replace(SIGHTING, kind=FindingKind.SECRET).key != SIGHTING.key


@pytest.mark.parametrize(
    "without",
    [
        {"proof": ""},
        {"environment": ""},
        {"resource": None},
        {"kind": FindingKind.SOFT_DELETED},
        {"kind": FindingKind.MISSING_ENVIRONMENT},
        {"kind": FindingKind.LOCK},
    ],
)
def test_only_proven_orphans_are_deletable(without: dict[str, Any]) -> None:
    finding = Finding(SIGHTING, FIRST, LATER, 2)
    assert finding.deletable
    assert not replace(finding, sighting=replace(SIGHTING, **without)).deletable
    assert not replace(finding, seen=1).deletable


def test_a_deletion_is_tried_once_a_day_and_only_of_what_this_pass_has_seen() -> None:
    finding = Finding(SIGHTING, FIRST, LATER, 2)
    assert finding.may_be_tried(LATER)
    assert not finding.may_be_tried(LATER + 1.0), "this pass has not seen it"
    tried = replace(finding, tried_at=LATER, last_seen=LATER + BETWEEN_TRIES)
    assert tried.may_be_tried(LATER + BETWEEN_TRIES)
    assert not replace(tried, last_seen=LATER + 1.0).may_be_tried(LATER + 1.0)


def test_a_digest_names_environments_first_and_counts_the_others() -> None:
    assert digest_of([]) == ""
    missing = Sighting(FindingKind.MISSING_ENVIRONMENT, "zoe1", "zoe1", "it is gone")
    many = [replace(SIGHTING, id=f"/a/{number:02}") for number in range(MOST_NAMED + 1)]
    text = digest_of(Finding(one, FIRST, LATER, 2) for one in (*many, missing))
    assert text.startswith(f"{MOST_NAMED + 2} new: zoe1: it is gone · /a/00: why")
    assert f"/a/{MOST_NAMED - 2:02}" in text
    assert f"/a/{MOST_NAMED - 1:02}" not in text
    assert "and 2 more" in text
