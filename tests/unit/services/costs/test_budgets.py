"""Warnings about budgets: kept once per month and threshold, told by the next sweep, and shown in reports."""

import asyncio
import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from activities.idle.complete import finish_sweep
from dormouse.clock import DAY, HOUR, rfc3339
from dormouse.cloud.clients import Cloud
from dormouse.costs.budgets import OwnerBudget
from dormouse.costs.query import GroupBy
from dormouse.idle.budgets.overspent import Overspent, OverspentBudgets
from dormouse.idle.report import SweepSummary
from dormouse.idle.sweep import SweepEnd, SweepRequest
from dormouse.records.budgets import BudgetWarnings
from dormouse.records.deduplication import RECEIPTS
from dormouse.records.environments import Records
from dormouse.resources.sizes.price_rows import Price
from dormouse.services.costs.budgets import check_budgets
from tests.unit.builders import environment_record
from tests.unit.costs.months import at
from tests.unit.services.costs.test_report import CURRENT, NOW, PRICES, Listed, remember, report
from tests.unit.twins import SETTINGS, MemoryTables, reads_of, stopped_clock

# Ten days at 0.255 an hour cost 61.20, and the whole April 183.60.
BEGAN = at(2026, 4, 1)
OWNERS = replace(SETTINGS, budgets={"ann": OwnerBudget(Decimal(70)), "ben": OwnerBudget(Decimal(1))})


def check(tables: MemoryTables, now: float = NOW, settings: Any = OWNERS) -> int:
    dependencies = reads_of(tables, now=now, settings=settings, prices=Listed(PRICES, tables))
    return asyncio.run(check_budgets(dependencies))


class Recent(Listed):
    """A price list whose prices have been in force for a day."""

    def _dated(self, price: Price | None) -> Price | None:
        return replace(price, effective_since=rfc3339(NOW - DAY)) if price else None


def told(tables: MemoryTables, sweep: str, *, dry_run: bool = False) -> list[tuple[str, str]]:
    cloud = Cloud(SETTINGS, stopped_clock(NOW))
    cloud.tables = tables
    end = SweepEnd(SweepRequest(sweep, dry_run=dry_run), NOW, NOW, 1, SweepSummary(machines=1))
    return [(one.event, one.name) for one in asyncio.run(finish_sweep(end, cloud))]


def test_a_warning_is_told_once_in_a_month_for_each_threshold() -> None:
    tables = MemoryTables()
    remember(tables, "ml1", BEGAN)
    assert check(tables) == 2, "80 % of 70 are spent, and more is expected"
    assert check(tables) == 0
    assert told(tables, "sweep-0", dry_run=True) == []
    assert told(tables, "sweep-1") == [("budget", "ann"), ("budget", "ann")]
    assert told(tables, "sweep-1") == [("budget", "ann"), ("budget", "ann")], "an activity that is repeated says the same"
    assert told(tables, "sweep-2") == []
    assert check(tables, NOW + 2 * DAY) == 1, "now it is used up"
    assert told(tables, "sweep-3") == [("budget", "ann")]
    assert check(tables, at(2026, 5, 1) + 12 * HOUR) == 1, "a new month is expected to be over it, too"


def test_warnings_are_forgotten_after_two_months() -> None:
    tables = MemoryTables()
    remember(tables, "ml1", BEGAN)
    check(tables)
    assert len(tables.keys("receipts")) == 2
    check(tables, at(2026, 7, 1))
    assert not [key for key in tables.keys("receipts") if key.startswith("2026-04")]


def test_without_budgets_nothing_but_the_environments_is_read() -> None:
    tables = MemoryTables()
    remember(tables, "ml1", BEGAN)
    before = tables.asked
    assert check(tables, settings=SETTINGS) == 0
    assert tables.asked - before == 1


def test_a_budget_in_a_spec_is_that_of_its_environment_and_reports_show_it() -> None:
    tables = MemoryTables()
    remember(tables, "ml1", BEGAN)
    record = environment_record("ml1", requested_at="2026-04-01T00:00:00Z")
    spec = json.dumps({**json.loads(record.spec), "monthly_budget": 120})
    asyncio.run(Records(tables).remember_environment(replace(record, spec=spec)))
    assert check(tables, settings=SETTINGS) == 1, "only the forecast is above it"
    (row,) = report(tables).value
    assert row.budget is not None
    assert (row.budget.monthly.amount, row.budget.used_percent, row.budget.forecast_percent) == (120.0, 51.0, 153.0)
    assert report(tables, replace(CURRENT, group_by=GroupBy.DAY)).value[0].budget is None


STOPS = replace(SETTINGS, budgets={"ann": OwnerBudget(Decimal(60), stops=True)})


def stopping(tables: MemoryTables, monthly: float = 61) -> None:
    """An environment that has cost 61.20 in April, and is to be stopped."""
    remember(tables, "ml1", BEGAN)
    record = environment_record("ml1", requested_at="2026-04-01T00:00:00Z")
    spec = json.dumps({**json.loads(record.spec), "monthly_budget": monthly, "on_budget": "stop"})
    asyncio.run(Records(tables).remember_environment(replace(record, spec=spec)))


def used_up(tables: MemoryTables) -> OverspentBudgets:
    return asyncio.run(BudgetWarnings(tables, RECEIPTS).overspent())


def test_budgets_that_are_used_up_are_kept_for_the_sweeps() -> None:
    tables = MemoryTables()
    stopping(tables)
    assert used_up(tables) == OverspentBudgets()
    check(tables, settings=STOPS)
    found = used_up(tables)
    assert found.at == NOW
    spent = found.environments["ml1"].spent
    assert spent == pytest.approx(61.2, abs=0.01)
    assert found.environments == {"ml1": Overspent("ml1", 61.0, spent, NOW)}
    assert found.owners == {"ann": Overspent("ann", 60.0, spent, NOW)}
    told(tables, "sweep-1")
    check(tables, NOW + HOUR, STOPS)
    assert used_up(tables).environments["ml1"].since == NOW
    assert used_up(tables).at == NOW + HOUR
    assert told(tables, "sweep-2") == [], "it is no warning itself"


def test_a_new_month_forgets_what_was_used_up() -> None:
    tables = MemoryTables()
    stopping(tables)
    check(tables, settings=STOPS)
    check(tables, at(2026, 5, 1) + HOUR, STOPS)
    assert used_up(tables) == OverspentBudgets(at(2026, 5, 1) + HOUR)
    late = at(2026, 5, 31)
    check(tables, late, STOPS)
    assert used_up(tables).environments["ml1"].since == late
    june = at(2026, 6, 30)
    check(tables, june, STOPS)
    assert used_up(tables).environments["ml1"].since == june


def test_a_forecast_or_a_budget_that_only_warns_stops_nothing() -> None:
    tables = MemoryTables()
    stopping(tables, monthly=62)
    check(tables, settings=SETTINGS)
    assert used_up(tables) == OverspentBudgets(NOW)
    tables = MemoryTables()
    remember(tables, "ml1", BEGAN)
    check(tables, settings=replace(SETTINGS, budgets={"ann": OwnerBudget(Decimal(1))}))
    assert used_up(tables) == OverspentBudgets(), "nothing is written either"


def test_a_price_list_that_does_not_answer_stops_nothing() -> None:
    tables = MemoryTables()
    stopping(tables)
    report(tables)  # keeps the prices
    dependencies = reads_of(tables, now=NOW, settings=SETTINGS, prices=Listed(None, tables))
    asyncio.run(check_budgets(dependencies))
    assert used_up(tables) == OverspentBudgets()
    check(tables, settings=SETTINGS)
    assert set(used_up(tables).environments) == {"ml1"}


def test_hours_before_the_first_known_price_do_not_count_for_a_stop() -> None:
    tables = MemoryTables()
    stopping(tables, monthly=30)
    recent = Recent(PRICES, tables)
    asyncio.run(check_budgets(reads_of(tables, now=NOW, settings=SETTINGS, prices=recent)))
    assert used_up(tables) == OverspentBudgets(NOW), "only the last day has a price that is known to have been in force"


def test_what_a_newer_release_has_kept_stops_nothing() -> None:
    tables = MemoryTables()
    tables.put("receipts", "overspent", '{"at": "soon"}', partition="budgets")
    assert used_up(tables) == OverspentBudgets()


def test_records_that_do_not_answer_delay_warnings_and_no_sweep() -> None:
    tables = MemoryTables()
    remember(tables, "ml1", BEGAN)
    check(tables)
    receipts = tables.get_table_client("receipts")
    answer, tables.away = receipts.query_entities, False

    def away(*_: Any, **__: Any) -> Any:
        tables.away = True
        try:
            tables.answer()
        finally:
            tables.away = False

    receipts.query_entities = away  # type: ignore[method-assign]
    assert told(tables, "sweep-1") == []
    receipts.query_entities = answer  # type: ignore[method-assign]
    assert len(told(tables, "sweep-2")) == 2
