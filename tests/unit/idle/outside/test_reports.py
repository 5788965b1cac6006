"""Reports: their order, their end, and who may undo them."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from dormouse.clock import HOUR, MINUTE
from dormouse.idle.outside.reports import (
    MOST_REPORTERS,
    WITHDRAWALS_KEPT,
    ActivityReport,
    busy_reports,
    current_reports,
    with_report,
)
from dormouse.idle.power.observation import with_observation, with_replacement
from tests.unit.builders import NOW, machine, remembered


def said(reporter: str = "slurm", hours: float = 1.0, ago: float = 0.0) -> ActivityReport:
    return ActivityReport(reporter, reporter, NOW + hours * HOUR if hours else 0.0, "", NOW - ago)


def test_a_newer_report_replaces_an_older_one_and_never_the_other_way_round() -> None:
    older, newer = said(hours=5, ago=60), said(hours=1, ago=30)
    assert with_report(with_report((), older, NOW), newer, NOW) == (newer,)
    assert with_report(with_report((), newer, NOW), older, NOW) == (newer,)


def test_of_two_reports_of_one_moment_the_longer_one_counts() -> None:
    long, short, none = said(hours=5), said(hours=1), said(hours=0)
    for order in itertools.permutations([long, short, none]):
        known: tuple[ActivityReport, ...] = ()
        for one in order:
            known = with_report(known, one, NOW)
        assert known == (long,)


def test_a_withdrawal_is_remembered_as_long_as_an_older_message_may_come() -> None:
    withdrawn = with_report((said(ago=60),), said(hours=0, ago=30), NOW)
    assert busy_reports(withdrawn, NOW) == ()
    assert busy_reports(with_report(withdrawn, said(ago=60), NOW), NOW) == ()
    assert current_reports(withdrawn, NOW + WITHDRAWALS_KEPT) == ()


def test_reporters_do_not_undo_each_other_and_the_longest_report_comes_first() -> None:
    known = with_report((said("a", ago=5), said("b", hours=2)), said("a", hours=0), NOW)
    assert [one.by for one in busy_reports(known, NOW)] == ["b"]
    assert [one.by for one in busy_reports((said("a"), said("b", hours=2)), NOW)] == ["b", "a"]


def test_a_report_ends_by_itself() -> None:
    assert busy_reports((said(hours=1),), NOW + HOUR - 1)
    assert not busy_reports((said(hours=1),), NOW + HOUR)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 5), st.integers(0, 5)), max_size=12))
def test_the_order_of_arrival_does_not_matter(sent: list[tuple[str, int, int]]) -> None:
    messages = [said(reporter, hours, ago) for reporter, hours, ago in sent]
    ends = []
    for order in (messages, messages[::-1]):
        known: tuple[ActivityReport, ...] = ()
        for one in order:
            known = with_report(known, one, NOW)
        ends.append(known)
    assert ends[0] == ends[1]


def test_of_too_many_reporters_those_that_last_longest_are_kept() -> None:
    known: tuple[ActivityReport, ...] = ()
    for number in range(MOST_REPORTERS + 5):
        known = with_report(known, said(f"r{number}", hours=1 + number), NOW)
    assert len(known) == MOST_REPORTERS
    assert {one.by for one in known} == {f"r{number}" for number in range(5, MOST_REPORTERS + 5)}


def test_a_machine_that_is_created_again_keeps_newer_reports_only() -> None:
    old, new = said("old", ago=2 * MINUTE), said("new", ago=0)
    there = machine(vm_id="second", created=NOW - MINUTE)
    known = remembered(vm_id="first", reports=(old, new))
    assert with_replacement(known, there, NOW).reports == (new,)
    first_seen = remembered(first_seen=NOW - HOUR, reports=(old,))
    assert with_observation(first_seen, there, "", NOW).reports == (old,), "its environment was being created"
