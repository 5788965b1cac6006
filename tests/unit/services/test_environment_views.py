"""Environments as callers see them: state, ways in, secrets, and what is billed."""

import asyncio
import json
from dataclasses import replace

import pytest

from activities.resources.environments import EnvironmentObservation, ObservedResource
from dormouse.access.roles import Caller, Channel, Role
from dormouse.clock import DAY, HOUR
from dormouse.environments.results import Check, HealthCheckResult
from dormouse.idle.budgets.overspent import Overspent
from dormouse.lifecycle import State
from dormouse.resources.kinds import Endpoint, PriceQuery
from dormouse.services.costs.environment_costs import Memory
from dormouse.services.opening.opening import start_warnings
from dormouse.services.views.environments import EnvironmentView, environment_view_of, shown_to
from dormouse.services.views.resources import EndpointView, SecretView
from tests.unit.azure import PriceList
from tests.unit.builders import NOW, ULID, environment_record
from tests.unit.twins import MemoryTables, reads_of, stopped_clock

A10 = "Standard_NV6ads_A10_v5"
RECORD = environment_record(owner_id="a-1", depends_on=("shared",))
SSH = Endpoint("ssh", "203.0.113.9", 22, "ssh azureuser@203.0.113.9", "azureuser")
WEB = Endpoint("https", "203.0.113.9", 443, "https://203.0.113.9")


def seen(state: State, *states: State | None) -> EnvironmentObservation:
    """An environment in this state, with a machine or other resource in each of these."""
    resources = [
        ObservedResource(f"r{place}", "k", f"/{place}", one, PriceQuery(A10) if one else None)
        for place, one in enumerate(states)
    ]
    return EnvironmentObservation(state, "2026-05-01T12:00:00+00:00", True, tuple(resources), (SSH, WEB))


def view(observation: EnvironmentObservation | None, operation: str = "") -> EnvironmentView:
    dependencies = reads_of(MemoryTables(), prices=PriceList({A10: 0.5}))
    return asyncio.run(environment_view_of(RECORD, observation, operation, dependencies, Memory()))


@pytest.mark.parametrize("state", State)
def test_the_ways_in_are_shown_only_in_states_in_which_they_work(state: State) -> None:
    shown = view(seen(state, state)).endpoints
    if state in (State.RUNNING, State.PARTIAL, State.READY):
        assert shown == (
            EndpointView("ssh", "203.0.113.9", 22, "ssh azureuser@203.0.113.9", "azureuser"),
            EndpointView("https", "203.0.113.9", 443, "https://203.0.113.9", None),
        )
    else:
        assert shown == ()


def test_the_last_health_check_of_a_protocol_says_what_to_know_about_it() -> None:
    checks = (HealthCheckResult("https", Check.PASSED, "self-signed"), HealthCheckResult("gpu", Check.PASSED, "A10"))
    dependencies = reads_of(MemoryTables(), prices=PriceList({A10: 0.5}))
    record = replace(RECORD, health_checks=checks)
    shown = asyncio.run(environment_view_of(record, seen(State.RUNNING, State.RUNNING), "", dependencies, Memory()))
    assert [(one.kind, one.note) for one in shown.endpoints] == [("ssh", None), ("https", "self-signed")]


def test_an_environment_that_is_being_deleted_has_no_ways_in() -> None:
    shown = view(seen(State.RUNNING, State.RUNNING), f"ml1-delete-{ULID}")
    assert (shown.state, shown.endpoints, shown.billed) == (State.DELETING, (), True)


@pytest.mark.parametrize(
    ("observation", "state"),
    [(None, State.CREATING), (seen(State.INCOMPLETE, State.ABSENT), State.CREATING), (seen(State.STOPPED), State.STOPPED)],
)
def test_what_does_not_exist_yet_is_being_created(observation: EnvironmentObservation | None, state: State) -> None:
    assert view(observation, f"ml1-provision-{ULID}").state is state


@pytest.mark.parametrize(
    ("states", "billed"),
    [
        ((State.STOPPED, State.RUNNING), True),
        ((State.STOPPED_BILLED,), True),
        ((State.STOPPED, State.STOPPED), False),
        ((State.ABSENT,), False),
        ((None, None), False),
    ],
)
def test_an_environment_is_billed_while_any_of_its_machines_is(states: tuple[State | None, ...], billed: bool) -> None:
    assert view(seen(State.PARTIAL, *states)).billed is billed


def test_the_price_is_that_of_all_machines_and_of_the_recorded_ones_if_none_is_seen() -> None:
    for observation, amount in ((seen(State.RUNNING, State.RUNNING, State.STOPPED, None), 1.0), (None, 0.5)):
        price = view(observation).price_per_hour
        assert price is not None
        assert price.amount == amount


def test_resources_secrets_and_parents_are_named() -> None:
    shown = view(seen(State.PARTIAL, State.RUNNING, None))
    assert [(one.name, one.state, one.size) for one in shown.resources] == [("r0", State.RUNNING, A10), ("r1", None, None)]
    assert shown.secrets == (SecretView("password", f"https://v.vault.azure.net/secrets/dormouse-ml1-{ULID.lower()}"),)
    assert shown.depends_on == ("shared",)


@pytest.mark.parametrize(
    ("role", "object_id", "may"), [(Role.USER, "a-1", True), (Role.USER, "b-1", False), (Role.OPERATOR, "b-1", True)]
)
def test_where_secrets_are_is_told_only_to_those_who_may_act(role: Role, object_id: str, may: bool) -> None:
    shown = view(seen(State.RUNNING, State.RUNNING))
    told = shown_to(Caller("x", Channel.TOKEN, role, object_id), RECORD, shown)
    assert (told.secrets is not None) is may
    assert bool(told.may) is may
    assert replace(told, secrets=shown.secrets, may=()) == shown


def test_a_start_by_schedule_is_not_announced_in_a_month_whose_budget_is_used_up() -> None:
    spec = json.dumps({**json.loads(RECORD.spec), "schedule": "mon-sun 20:00-23:00 UTC"})
    dependencies = reads_of(MemoryTables(), now=NOW, prices=PriceList({A10: 0.5}))
    over = Overspent("ml1", 10.0, 11.0, NOW)

    def planned(state: State, overspent: Overspent | None, now: float = NOW) -> list[str]:
        known = replace(dependencies, clock=stopped_clock(now))
        memory = Memory(overspent=overspent)
        shown = asyncio.run(environment_view_of(replace(RECORD, spec=spec), seen(state, state), "", known, memory))
        return [step.what for step in shown.next]

    assert planned(State.STOPPED, None) == ["start"]
    assert planned(State.STOPPED, over) == []
    assert planned(State.RUNNING, over) == planned(State.RUNNING, None)
    late = NOW + 16 * DAY + 15.5 * HOUR  # 31 January, 23:30
    assert planned(State.STOPPED, over, late) == ["start"], "it is in the next month"


def test_the_way_in_says_that_the_budget_is_used_up() -> None:
    over = Overspent("ml1", 10.0, 11.0, NOW)
    assert start_warnings(RECORD, Memory(), NOW) == ()
    (warning,) = start_warnings(RECORD, Memory(overspent=over), NOW)
    assert warning.startswith("Estimated costs of 11.00 USD have used up the budget of 10.00 USD for ml1 in this month. If")
