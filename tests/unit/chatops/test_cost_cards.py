"""Costs as a chat message."""

import asyncio
from dataclasses import replace
from decimal import Decimal

from dormouse.access.roles import Caller, Channel, Role
from dormouse.chatops.cost_cards import costs_card, costs_of_month
from dormouse.costs.budgets import OwnerBudget
from dormouse.costs.query import GroupBy
from dormouse.notifications.cards import Card
from dormouse.services.context import Context
from dormouse.services.costs.report import show_costs
from dormouse.services.durable_client import DurableClient
from tests.unit.costs.months import at
from tests.unit.services.costs.test_report import CURRENT, NOW, PRICES, Listed, remember
from tests.unit.twins import SETTINGS, MemoryTables, Orchestrations, reads_of

PRICED = {**PRICES, "S6 LRS Disk": 0.0}


def context_of(prices: dict[str, float] = PRICED) -> Context:
    tables = MemoryTables()
    remember(tables, "ml1", at(2026, 4, 1))
    remember(tables, "ml2", at(2026, 4, 10))
    settings = replace(SETTINGS, budgets={"ann": OwnerBudget(Decimal(100), stops=True)})
    dependencies = reads_of(tables, now=NOW, settings=settings, prices=Listed(prices, tables))
    caller = Caller("ann", Channel.SLACK, Role.VIEWER)
    return Context(DurableClient(Orchestrations()), dependencies, caller)


def card(name: str, prices: dict[str, float] = PRICED) -> Card:
    return asyncio.run(costs_of_month(name, context_of(prices)))


def test_all_environments_are_listed_the_most_expensive_first() -> None:
    shown = card("")
    assert shown.title == "All environments have cost 67.32 USD in this month"
    assert shown.text.startswith("From 2026-04-01 00:00 UTC to 2026-04-11 00:00 UTC; estimated at list prices.")
    assert shown.lines == ("ml1: 61.20 USD, saved 0.00 USD", "ml2: 6.12 USD, saved 0.00 USD")
    assert dict(shown.facts)["Expected for the month"] == "312.12 USD"
    assert dict(shown.facts)["If all stops, if all runs"] == "72.12 USD, 312.12 USD"


def test_one_environment_is_a_card_of_its_own_and_says_what_has_no_price() -> None:
    shown = card("ml2", PRICES)
    assert (shown.title, shown.lines) == ("ml2 has cost at least 6.12 USD in this month", ())
    assert "No price is known for S6 LRS Disk." in shown.text


def test_a_line_says_how_much_of_a_budget_is_used_and_that_it_stops_machines() -> None:
    view, _ = asyncio.run(show_costs(replace(CURRENT, group_by=GroupBy.OWNER), 10, "", context_of()))
    assert costs_card("", view(None)).lines == ("ann: 67.32 USD, saved 0.00 USD, 67 % of its budget (with stop)",)
