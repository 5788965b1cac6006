"""Money and hours of whole months, against sums that were computed by hand."""

from decimal import Decimal

import pytest

from dormouse.costs.ledger import Sort
from dormouse.costs.months import days_of, month_began_in, next_month_in
from dormouse.costs.price_book import PriceBook
from dormouse.costs.query import CostQuery, GroupBy
from dormouse.costs.tally import rounded, rounded_hours
from tests.unit.costs.months import REGION, WARSAW, at, book, counted, price, ran, slept

MARCH = CostQuery(at(2026, 3, 1), at(2026, 4, 1))
APRIL = CostQuery(at(2026, 4, 1), at(2026, 5, 1))


@pytest.mark.parametrize(
    ("month", "hours"), [((2026, 2), 672), ((2026, 3), 743), ((2026, 10), 745), ((2026, 11), 720), ((2026, 12), 744)]
)
def test_a_month_of_a_zone_has_the_hours_that_pass_in_it(month: tuple[int, int], hours: int) -> None:
    middle = at(*month, 15, 12)
    began, ended = month_began_in(middle, WARSAW), next_month_in(middle, WARSAW)
    assert (began, ended - began) == (at(*month, 1, zone=WARSAW), hours * 3600)
    days = list(days_of(began, ended, WARSAW))
    assert sum(last - first for _, first, last in days) == hours * 3600
    assert days[0][0] == f"{month[0]}-{month[1]:02}-01"


def test_a_month_with_a_price_change_costs_each_hour_at_the_price_in_force() -> None:
    total, _ = counted([ran(at(2026, 2, 20), at(2026, 4, 20))], MARCH)
    # 10 days and 6 hours = 246 h at 0.20, and the other 498 h of 744 at 0.25.
    assert total.spent == Decimal("49.2") + Decimal("124.5")
    assert total.hours[Sort.COMPUTING] == 744
    assert not total.assumed


def test_a_month_of_warsaw_in_spring_has_an_hour_less_and_its_day_too() -> None:
    query = CostQuery(at(2026, 3, 1, zone=WARSAW), at(2026, 4, 1, zone=WARSAW), WARSAW, GroupBy.DAY)
    total, days = counted([ran(at(2026, 2, 20), at(2026, 4, 20))], query)
    # From 28 February 23:00 UTC: 247 h at 0.20; 743 - 247 = 496 h at 0.25.
    assert total.spent == Decimal("49.4") + Decimal("124")
    assert {day: tally.hours[Sort.COMPUTING] for day, tally in days.items() if tally.hours[Sort.COMPUTING] != 24} == {
        "2026-03-29": 23
    }
    assert days["2026-03-11"].spent == 7 * Decimal("0.2") + 17 * Decimal("0.25"), "07:00 in Warsaw is 06:00 UTC"


def test_hours_that_begin_and_end_between_hours_are_counted_in_parts_and_rounded_once() -> None:
    first = ran(at(2026, 4, 1, 8), at(2026, 4, 1, 8, 20))
    total, _ = counted(
        [first, ran(at(2026, 4, 2, 8), at(2026, 4, 2, 8, 20)), ran(at(2026, 4, 3), at(2026, 4, 3, 0, 20))], APRIL
    )
    assert (rounded(total.spent), rounded_hours(total.hours[Sort.COMPUTING])) == (0.25, 1.0)
    part, _ = counted([first], APRIL)
    assert (rounded(part.spent), rounded_hours(part.hours[Sort.COMPUTING])) == (0.0833, 0.33)


def test_a_spot_machine_costs_the_spot_price() -> None:
    total, parts = counted(
        [ran(at(2026, 4, 1), at(2026, 4, 11), spot=True)], CostQuery(APRIL.began, APRIL.ended, group_by=GroupBy.PART)
    )
    assert total.spent == 240 * Decimal("0.04")
    assert list(parts) == ["vm-ml1 (Standard_D4s_v5, Spot)"]


def test_a_machine_that_was_resized_costs_what_each_size_costs() -> None:
    resized = at(2026, 4, 10, 12)
    bigger = ran(resized, at(2026, 5, 2), size="Standard_D8s_v5")
    total, _ = counted([ran(at(2026, 3, 30), resized), bigger], APRIL)
    # 9.5 days at 0.25, and 20.5 days at 0.40.
    assert total.spent == 228 * Decimal("0.25") + 492 * Decimal("0.4")
    assert total.machines == {bigger.machine.lower()}


def test_nodes_are_counted_each() -> None:
    total, _ = counted([ran(at(2026, 4, 1), at(2026, 4, 2), count=15)], APRIL)
    assert (total.spent, total.hours[Sort.COMPUTING]) == (15 * 24 * Decimal("0.25"), Decimal(360))


def test_what_a_sweep_a_schedule_or_a_lease_stopped_is_saved_and_what_people_stopped_is_apart() -> None:
    hours = [slept(at(2026, 4, day), at(2026, 4, day, 10), by) for day, by in enumerate(("idle", "schedule", "lease"), 1)]
    people = [slept(at(2026, 4, 5), at(2026, 4, 5, 4), "people"), slept(at(2026, 4, 6), at(2026, 4, 6, 2), "eviction")]
    old = slept(at(2026, 4, 7), at(2026, 4, 8), "")
    total, _ = counted([*hours, *people, old], APRIL)
    assert total.amount(Sort.SAVED) == 30 * Decimal("0.25")
    assert total.amount(Sort.STOPPED) == 6 * Decimal("0.25")
    assert total.hours == {Sort.SAVED: 30, Sort.STOPPED: 6}, "who stopped it was not recorded then: neither"
    assert total.spent == 0


def test_owners_are_those_of_that_time_and_machines_of_nobody_are_a_row() -> None:
    intervals = [
        ran(at(2026, 4, 1), at(2026, 4, 2)),
        ran(at(2026, 4, 2), at(2026, 4, 3), owner="ben"),
        ran(at(2026, 4, 1), at(2026, 4, 1, 2), "", owner="", blueprint=""),
    ]
    _, owners = counted(intervals, CostQuery(APRIL.began, APRIL.ended, group_by=GroupBy.OWNER))
    assert {owner: tally.spent for owner, tally in owners.items()} == {"ann": 6, "ben": 6, "unattributed": Decimal("0.5")}
    only, _ = counted(intervals, CostQuery(APRIL.began, APRIL.ended, owner="unattributed"))
    assert only.spent == Decimal("0.5")
    assert counted(intervals, CostQuery(APRIL.began, APRIL.ended, environment="ml1", owner="ben"))[0].spent == 6


def test_what_has_no_price_is_named_and_its_hours_are_counted() -> None:
    total, _ = counted([ran(at(2026, 4, 1), at(2026, 4, 2), size="Standard_X"), ran(at(2026, 4, 1), at(2026, 4, 2))], APRIL)
    assert (total.spent, total.hours[Sort.COMPUTING], total.unpriced) == (Decimal(6), Decimal(48), {"Standard_X"})


def test_before_the_first_known_price_that_one_counts_and_is_marked_unless_the_interval_recorded_its_own() -> None:
    late = PriceBook({(REGION, "standard_d4s_v5"): [price(0.5, "2026-04-02T00:00:00Z")]})
    total, _ = counted([ran(at(2026, 4, 1), at(2026, 4, 3))], APRIL, late)
    assert (total.spent, total.assumed) == (Decimal(24), True)
    recorded, _ = counted([ran(at(2026, 4, 1), at(2026, 4, 3), per_hour=0.3)], APRIL, late)
    assert (recorded.spent, recorded.assumed) == (24 * Decimal("0.3") + 12, False)


def test_a_price_change_at_the_border_of_an_interval_leaves_no_hour_out() -> None:
    changed = at(2026, 3, 11, 6)
    total, _ = counted([ran(changed - 3600, changed), ran(changed, changed + 3600)], MARCH)
    assert (total.spent, total.hours[Sort.COMPUTING]) == (Decimal("0.45"), Decimal(2))
    assert list(book().periods(REGION, "standard_d4s_v5", changed, changed)) == []
