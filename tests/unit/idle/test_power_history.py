"""Power history: intervals, months, and money computed by hand."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from dormouse.clock import DAY
from dormouse.costs.ledger import lines_of_power
from dormouse.costs.price_book import PriceBook
from dormouse.costs.query import CostQuery
from dormouse.idle.clusters.node_pool import NodePool
from dormouse.idle.power.billing import billed_as, with_billing
from dormouse.idle.power.history import (
    PowerInterval,
    by_month,
    ended_interval,
    last_interval,
    month_began,
    month_of,
    next_month,
)
from dormouse.idle.tracking import Eviction, IdleShutdown, TrackedMachine
from dormouse.lifecycle import State
from dormouse.resources.billing.billed_as import BilledAs

HOUR = 3600.0
VM = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/vm"


def at(*moment: int) -> float:
    return datetime(*moment, tzinfo=UTC).timestamp()  # type: ignore[arg-type, misc]


def tracked(state: State, since: float, vm_id: str = "1") -> TrackedMachine:
    return TrackedMachine(VM, at(2026, 10, 1), state, since, vm_id=vm_id)


RAN_FROM = at(2026, 10, 31, 20)
RAN = tracked(State.RUNNING, RAN_FROM)
STOPPED = tracked(State.STOPPED, at(2026, 11, 1, 4))


def test_an_interval_ends_when_the_state_changes() -> None:
    assert ended_interval(RAN, STOPPED) == PowerInterval(VM, State.RUNNING, RAN_FROM, STOPPED.state_since)
    assert ended_interval(RAN, replace(RAN, verdict="idle")) is None
    assert ended_interval(None, RAN) is None


def test_what_was_not_known_is_no_interval() -> None:
    assert ended_interval(tracked(State.UNKNOWN, RAN_FROM), STOPPED) is None
    assert ended_interval(RAN, tracked(State.STOPPED, at(2026, 11, 1), vm_id="2")) is None, "the end of the first is unknown"


def test_an_interval_never_ends_before_it_began() -> None:
    ended = ended_interval(RAN, tracked(State.STOPPED, RAN_FROM - 60))
    assert ended is not None
    assert ended.began == ended.ended


def test_a_month_contains_only_its_own_hours() -> None:
    interval = ended_interval(RAN, STOPPED)
    assert interval is not None
    october, november = by_month(interval)
    assert (october.ended - october.began, november.ended - november.began) == (4 * HOUR, 4 * HOUR)
    assert (month_of(october.began), month_of(november.began)) == ("2026-10", "2026-11")


def test_an_interval_of_a_year_has_thirteen_parts_and_loses_no_second() -> None:
    interval = PowerInterval(VM, State.STOPPED, at(2025, 11, 15), at(2026, 11, 15))
    parts = list(by_month(interval))
    assert len(parts) == 13
    assert sum(part.ended - part.began for part in parts) == 365 * 24 * HOUR


@pytest.mark.parametrize(
    ("moment", "began", "following"),
    [
        (at(2026, 12, 31, 23, 59), at(2026, 12, 1), at(2027, 1, 1)),
        (at(2024, 2, 29), at(2024, 2, 1), at(2024, 3, 1)),
        (at(2026, 3, 1), at(2026, 3, 1), at(2026, 4, 1)),
    ],
)
def test_months_are_those_of_utc(moment: float, began: float, following: float) -> None:
    assert (month_began(moment), next_month(moment)) == (began, following)


@pytest.mark.parametrize(
    ("state", "hours"),
    [
        (State.RUNNING, 8.0),
        (State.STOPPED_BILLED, 8.0),
        (State.STARTING, 8.0),
        (State.STOPPED, 0.0),
        (State.ABSENT, 0.0),
        (State.UNKNOWN, 0.0),
    ],
)
def test_only_allocated_machines_are_billed(state: State, hours: float) -> None:
    lasts = replace(last_interval(tracked(state, RAN_FROM), RAN_FROM + 8 * HOUR), stopped_by="")
    lines = list(lines_of_power([lasts], CostQuery(0.0, RAN_FROM + DAY), PriceBook({})))
    assert sum(float(line.hours) for line in lines) == hours


BILLED = BilledAs("Standard_D4s_v5", "polandcentral", 1, False, "ml1", "ann", "workstation")


def test_an_interval_ends_when_a_machine_is_resized_or_changes_hands_while_it_runs() -> None:
    before, resized = replace(RAN, billed=BILLED), at(2026, 11, 1)
    for change in ({"size": "Standard_D8s_v5"}, {"owner": "ben"}, {"count": 3}):
        after = with_billing(before, replace(BILLED, **change), resized)
        ended = ended_interval(before, after)
        assert ended is not None
        assert (ended.began, ended.ended, ended.size, ended.owner) == (RAN_FROM, resized, "Standard_D4s_v5", "ann")
        following = last_interval(after, resized + HOUR)
        assert (following.began, following.count) == (resized, after.billed.count if after.billed else 0)
    assert ended_interval(RAN, with_billing(RAN, BILLED, resized)) is None, "only now it is known what it is billed as"
    assert last_interval(with_billing(RAN, BILLED, resized), resized).began == RAN_FROM
    assert with_billing(before, None, resized) is before


def test_an_interval_says_what_had_stopped_the_machine() -> None:
    began = at(2026, 11, 1, 4)
    assert last_interval(STOPPED, began + HOUR).stopped_by == "people"
    evicted = replace(STOPPED, eviction=Eviction(began, began))
    assert last_interval(evicted, began + HOUR).stopped_by == "eviction"
    assert last_interval(replace(STOPPED, shutdown=IdleShutdown(began, 0.5, "USD", "lease")), began).stopped_by == "lease"
    assert last_interval(replace(STOPPED, shutdown=IdleShutdown(began, 0.5, "USD")), began).stopped_by == "sweep"
    assert last_interval(RAN, began).stopped_by == ""


def test_a_pool_that_sleeps_keeps_the_price_of_all_nodes_that_it_would_have_kept() -> None:
    pool = VM.replace("Microsoft.Compute/virtualMachines/vm", "Microsoft.ContainerService/managedClusters/c/agentPools/gpu")
    shutdown = IdleShutdown(at(2026, 11, 1, 4), 1.5, "USD", "idle")
    asleep = replace(STOPPED, id=pool, shutdown=shutdown, billed=replace(BILLED, count=3))
    found = last_interval(asleep, at(2026, 11, 1, 5))
    assert (found.count, found.per_hour) == (1, 1.5)


def test_a_pool_without_nodes_is_billed_as_before_while_it_sleeps_and_as_none_while_it_is_awake() -> None:
    pool = NodePool("id", "c", "c/gpu", "s", "polandcentral", "Standard_NC6", State.RUNNING, count=2)
    seen = billed_as(pool, None)
    assert seen == BilledAs("Standard_NC6", "polandcentral", 2)
    assert billed_as(replace(pool, state=State.STOPPED, count=0), None) is None
    assert billed_as(replace(pool, count=0), None) == BilledAs("Standard_NC6", "polandcentral", 0)
    assert billed_as(replace(pool, state=State.UNKNOWN), None) is None
