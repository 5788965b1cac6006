"""Cost reports over the records of a deployment: machines, fees, what runs now, and what is gone."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from activities.records import close_operation, write_environment
from dormouse.access.roles import Caller, Channel, Role
from dormouse.clock import HOUR, rfc3339
from dormouse.cloud.clients import Cloud
from dormouse.costs.query import CostQuery, GroupBy
from dormouse.environments.operations import Completion
from dormouse.environments.results import Outcome, OutcomeStatus
from dormouse.errors import CloudUnavailable
from dormouse.idle.targets import target_ids, target_key
from dormouse.idle.tracking import IdleShutdown, TrackedMachine
from dormouse.lifecycle import State
from dormouse.records.environments import Lock, Records
from dormouse.records.machines import MachineRecords
from dormouse.records.power_history import POWER, PowerRecords
from dormouse.resources.billing.billed_as import BilledAs
from dormouse.resources.billing.meters import ADDRESS, Meter, disk_meter
from dormouse.resources.sizes.price_rows import Price
from dormouse.services.context import Context
from dormouse.services.costs.report import show_costs
from dormouse.services.durable_client import DurableClient
from dormouse.services.views.costs.report import CostReport
from tests.unit.azure import PriceList
from tests.unit.builders import environment_record
from tests.unit.costs.months import at, ran, slept
from tests.unit.twins import SETTINGS, MemoryTables, Orchestrations, reads_of, stopped_clock

NOW = at(2026, 4, 11)
SIZE = "Standard_NV6ads_A10_v5"
DISK = disk_meter("Standard_LRS", 64)
ULID = "01JABCDEFGHJKMNPQRSTVWXYZ0"
CURRENT = CostQuery(at(2026, 4, 1), NOW)


class Listed(PriceList):
    """A price list whose prices are in force since 2024, kept as the real one keeps them."""

    def __init__(self, known: dict[str, float] | None, tables: MemoryTables) -> None:
        super().__init__(known)
        self._records = reads_of(tables).price_records

    async def of_machine(self, region: str, size: str, *, spot: bool = False) -> Price | None:
        return self._dated(await super().of_machine(region, size, spot=spot))

    async def of_meter(self, meter: Meter, region: str) -> Price | None:
        return self._dated(await super().of_meter(meter, region))

    def _dated(self, price: Price | None) -> Price | None:
        return replace(price, effective_since="2024-01-01T00:00:00Z") if price else None


PRICES = {"standard_nv6ads_a10_v5": 0.5, SIZE: 0.5, "Standard_D4s_v5": 0.25, "standard_d4s_v5": 0.25, ADDRESS.name: 0.005}


def report(
    tables: MemoryTables, query: CostQuery = CURRENT, *, prices: dict[str, float] | None = PRICES, now: float = NOW
) -> CostReport:
    dependencies = reads_of(tables, now=now, prices=Listed(prices, tables))
    context = Context(DurableClient(Orchestrations()), dependencies, Caller("ann", Channel.KEY, Role.VIEWER))
    view, _ = asyncio.run(show_costs(query, 50, "", context))
    return view(None)


async def _remember(tables: MemoryTables, name: str, since: float, **fields: Any) -> TrackedMachine:
    """An environment that was requested at a moment and has run since."""
    record = environment_record(name, requested_at=rfc3339(since))
    await Records(tables).remember_environment(record)
    (machine,) = target_ids(record.resources)
    billed = BilledAs("Standard_D4s_v5", "polandcentral", 1, False, name, record.owner, record.blueprint)
    tracked = TrackedMachine(machine, since, State.RUNNING, since, billed=billed, **fields)
    await MachineRecords(tables).change_tracked(target_key(machine), lambda _: tracked)
    return tracked


def remember(tables: MemoryTables, name: str, since: float, **fields: Any) -> TrackedMachine:
    return asyncio.run(_remember(tables, name, since, **fields))


def test_without_records_everything_is_zero() -> None:
    shown = report(MemoryTables())
    assert (shown.value, shown.total.spent.amount, shown.total.saved.amount, shown.problems) == ((), 0.0, 0.0, ())
    assert shown.forecast is not None
    assert (shown.forecast.month, shown.forecast.most.amount, shown.currency) == ("2026-04", 0.0, "USD")


def test_what_runs_and_what_exists_counts_up_to_now_and_on_to_the_end_of_the_month() -> None:
    tables = MemoryTables()
    remember(tables, "ml1", at(2026, 4, 1, 12))
    shown = report(tables)
    (row,) = shown.value
    assert (row.key, row.owner, row.blueprint, row.figures.machines) == ("ml1", "ann", "workstation", 1)
    assert row.figures.hours_on == 228
    assert row.figures.computing.amount == 57.0
    assert row.figures.fees.amount == pytest.approx(228 * 0.005, abs=1e-4), "its disk has no price"
    assert row.figures.at_least
    assert row.figures.unpriced == (DISK.name,) if DISK else False
    assert row.forecast is not None
    assert row.forecast.least.amount == pytest.approx(58.14 + 480 * 0.005, abs=1e-3)
    assert row.forecast.most.amount == pytest.approx(58.14 + 480 * 0.255, abs=1e-3)
    assert row.forecast.expected == row.forecast.most, "it has never been off"
    assert shown.forecast == row.forecast
    assert "outbound traffic" in shown.billed_by_use


def test_every_figure_opens_the_rows_that_it_consists_of() -> None:
    tables = MemoryTables()
    remember(tables, "ml1", at(2026, 4, 9))
    remember(tables, "ml2", at(2026, 4, 10, 12))
    query = replace(CURRENT, group_by=GroupBy.OWNER)
    for _ in range(3):
        shown = report(tables, query)
        assert sum(row.figures.spent.amount for row in shown.value) == pytest.approx(shown.total.spent.amount, abs=2e-4)
        row = shown.value[-1]
        assert row.href is not None
        asked = dict(parse_qsl(urlsplit(row.href).query))
        began, ended = (datetime.fromisoformat(asked.pop(name)).timestamp() for name in ("from", "to"))
        query = CostQuery(began, ended, **{**asked, "group_by": GroupBy(asked["group_by"])})  # type: ignore[arg-type]
        opened = report(tables, query)
        assert opened.total == row.figures, asked
    assert {row.key: row.price_per_hour.amount if row.price_per_hour else None for row in opened.value} == {
        "vm-ml2 (Standard_D4s_v5)": 0.25,
        ADDRESS.name: 0.005,
        DISK.name if DISK else "": None,
    }
    assert all(row.href is None for row in opened.value)


def test_a_current_sleep_is_saved_and_the_machine_is_expected_to_sleep_on() -> None:
    tables = MemoryTables()
    stopped = NOW - 10 * HOUR
    shutdown = IdleShutdown(stopped, 0.25, "USD", "idle")
    remember(tables, "ml1", stopped, shutdown=shutdown)
    keys = list(tables.keys("machines"))
    asyncio.run(
        MachineRecords(tables).change_tracked(keys[0], lambda known: replace(known, state=State.STOPPED))  # type: ignore[type-var, arg-type, return-value]
    )
    figures = report(tables).total
    assert (figures.saved.amount, figures.hours_saved, figures.computing.amount) == (2.5, 10.0, 0.0)
    forecast = report(tables).forecast
    assert forecast is not None
    assert forecast.expected == forecast.least


def completion(verb: str, status: OutcomeStatus, ended: float) -> Completion:
    operation = f"ml1-{verb}-{ULID}"
    moment = rfc3339(ended)
    return Completion(operation, "ml1", Outcome(status, ""), moment, moment, forget_environment=True)


async def delete(tables: MemoryTables, verb: str, ended: float) -> None:
    cloud = Cloud(SETTINGS, stopped_clock(ended))
    cloud.tables = tables
    cloud.prices = Listed(PRICES, tables)
    done = completion(verb, OutcomeStatus.SUCCEEDED, ended)
    await Records(tables).take_lock("ml1", Lock(done.operation, ended))
    await close_operation(done, cloud)


def test_an_environment_that_was_deleted_in_the_month_still_counts() -> None:
    tables = MemoryTables()
    remember(tables, "ml1", at(2026, 3, 30))
    asyncio.run(delete(tables, "delete", at(2026, 4, 2)))
    shown = report(tables)
    (row,) = shown.value
    assert (row.key, row.figures.hours_on, row.figures.computing.amount) == ("ml1", 24.0, 6.0)
    assert row.figures.fees.amount == pytest.approx(24 * 0.005, abs=1e-4)
    assert row.forecast is not None
    assert row.forecast.most == row.forecast.spent == row.figures.spent, "what is gone costs nothing more"
    assert report(tables, CostQuery(at(2026, 3, 1), at(2026, 4, 1))).total.hours_on == 48.0


def test_what_a_failed_provision_took_back_is_not_billed_for() -> None:
    tables = MemoryTables()
    remember(tables, "ml1", at(2026, 4, 2))
    asyncio.run(delete(tables, "provision", at(2026, 4, 2, 1)))
    assert not [key for key in tables.keys(POWER) if "~" in key]


def test_fees_of_an_environment_are_those_of_the_resources_that_it_had_then() -> None:
    tables = MemoryTables()
    remember(tables, "ml1", at(2026, 4, 1))
    changed = at(2026, 4, 6)
    cloud = Cloud(SETTINGS, stopped_clock(changed))
    cloud.tables = tables
    record = environment_record("ml1", requested_at=rfc3339(changed))
    fewer = replace(record, resources=tuple(one for one in record.resources if "publicIPAddresses" not in one.id))
    asyncio.run(write_environment(fewer, cloud))
    asyncio.run(write_environment(fewer, cloud))
    figures = report(tables).total
    assert figures.fees.amount == pytest.approx(5 * 24 * 0.005, abs=1e-4)
    asyncio.run(write_environment(replace(fewer, requested_at=rfc3339(NOW)), cloud))
    assert report(tables).total.fees == figures.fees, "asking for the same again changes nothing"


def test_asking_for_the_same_again_does_not_begin_a_new_time_of_fees() -> None:
    tables = MemoryTables()
    remember(tables, "ml1", at(2026, 4, 1))
    before = report(tables).total.fees
    cloud = Cloud(SETTINGS, stopped_clock(NOW))
    cloud.tables = tables
    asyncio.run(write_environment(environment_record("ml1", requested_at=rfc3339(NOW)), cloud))
    assert report(tables).total.fees == before


def test_a_machine_that_is_gone_is_not_expected_to_cost_anything() -> None:
    tables = MemoryTables()
    remember(tables, "ml1", at(2026, 4, 9))
    (key,) = tables.keys("machines")

    def without(known: TrackedMachine | None) -> TrackedMachine:
        assert known is not None
        return replace(known, state=State.ABSENT)

    asyncio.run(MachineRecords(tables).change_tracked(key, without))
    forecast = report(tables).forecast
    assert forecast is not None
    assert forecast.most == forecast.least


def test_a_price_list_that_does_not_answer_leaves_the_last_known_prices() -> None:
    tables = MemoryTables()
    remember(tables, "ml1", at(2026, 4, 9))
    known = Price(0.3, "USD", "", "2025-01-01T00:00:00Z")
    asyncio.run(reads_of(tables).price_records.keep("polandcentral", "standard_d4s_v5", known, NOW))
    shown = report(tables, prices=None)
    assert shown.total.computing.amount == pytest.approx(48 * 0.3)
    assert "standard_d4s_v5" in shown.problems[0].lower()


def test_an_adopted_machine_that_is_gone_ends_when_it_was_missed() -> None:
    tables = MemoryTables(at(2026, 4, 10))
    billed = BilledAs("Standard_D4s_v5", "polandcentral")
    machine = ran(0, 0, "lost").machine
    tracked = TrackedMachine(machine, 0.0, State.RUNNING, at(2026, 4, 9), billed=billed)
    asyncio.run(MachineRecords(tables).change_tracked("s:g:vm-lost", lambda _: tracked))
    asyncio.run(MachineRecords(tables).note_missed(["s:g:vm-lost"]))
    shown = report(tables)
    (row,) = shown.value
    assert (row.key, row.figures.hours_on, row.environment) == ("unattributed", 24.0, None)
    assert "belong to no environment" in shown.problems[0]


def test_a_thousand_environments_take_as_many_queries_as_one() -> None:
    asked = []
    for count in (1, 40):
        tables = MemoryTables()
        for number in range(count):
            remember(tables, f"ml{number}", at(2026, 4, 1))
            asyncio.run(PowerRecords(tables).add([slept(at(2026, 3, 20), at(2026, 3, 21), "idle", f"ml{number}")]))
        before = tables.asked
        report(tables, replace(CURRENT, group_by=GroupBy.DAY))
        asked.append(tables.asked - before)
    assert asked == [6, 6], "machines, missing ones, environments, two months, and a region"


def test_records_that_do_not_answer_are_an_error() -> None:
    tables = MemoryTables()
    tables.away = True
    with pytest.raises(CloudUnavailable):
        report(tables)


def test_a_window_of_the_past_has_no_forecast() -> None:
    assert report(MemoryTables(), CostQuery(at(2026, 2, 1), at(2026, 3, 1))).forecast is None
    assert datetime.fromtimestamp(NOW, UTC).month == 4
