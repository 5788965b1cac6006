"""The chat replies that are made from views."""

from dataclasses import replace

import pytest

from dormouse.chatops.dispatch import is_similar, merge
from dormouse.chatops.parser import read_command
from dormouse.chatops.replies import (
    choices_card,
    ended_card,
    environment_card,
    hold_card,
    idle_card,
    lease_card,
    list_card,
)
from dormouse.environments.results import OutcomeStatus
from dormouse.idle.decision import NextAction
from dormouse.idle.report import SweepSummary
from dormouse.idle.stages.sleep import PlannedStage
from dormouse.idle.tracking import LeaseAction
from dormouse.idle.verdict import VerdictKind
from dormouse.lifecycle import State
from dormouse.notifications.cards import MOST_LINES, Card, fitting
from dormouse.services.lists.environments import EnvironmentPage
from dormouse.services.views.costs.environment import EnvironmentCosts
from dormouse.services.views.environments import EnvironmentView
from dormouse.services.views.machines import (
    CurrentHold,
    CurrentLease,
    HoldView,
    IdleReport,
    LeaseView,
    MachineView,
    PlannedStageView,
)
from dormouse.services.views.money import Money
from dormouse.services.views.operations import OperationView
from dormouse.services.views.resources import EndpointView, ResourceView

VIEW = EnvironmentView(
    name="ml1",
    blueprint="workstation",
    owner="alice",
    region="polandcentral",
    state=State.RUNNING,
    billed=True,
    observed_at="2026-05-01T12:00:00Z",
    fresh=True,
    resources=(ResourceView("vm", "virtual_machine", "/vm-ml1", State.RUNNING, "Standard_NV6ads_A10_v5"),),
    price_per_hour=Money(0.59, "USD"),
    costs=EnvironmentCosts(Money(430.7, "USD"), Money(12.27, "USD"), 20.8, Money(7.38, "USD"), 12.5),
    endpoints=(EndpointView("ssh", "203.0.113.9", 22, "ssh azureuser@203.0.113.9", "azureuser"),),
    secrets=None,
    depends_on=(),
    operation=None,
    hold=None,
    lease=None,
    schedule=None,
    verdict="busy",
    ready=True,
    problem=None,
    spec=None,
)
OPERATION = OperationView(
    id="ml1-delete-1",
    environment="ml1",
    verb="delete",
    requested_by="alice",
    channel="slack",
    status="Failed",
    outcome=OutcomeStatus.FAILED,
    reason="It resists.",
    accepted_at="2026-05-01T12:00:00Z",
    began_at=None,
    ended_at=None,
    steps=(),
    step_counts={},
    makespan_seconds=0.0,
    critical_path_seconds=0.0,
    leftovers=("/disk",),
)
ROW = MachineView(
    id="/gpu1",
    kind="virtual_machine",
    name="gpu1",
    environment=None,
    owner=None,
    blueprint=None,
    region="",
    size="",
    state=State.RUNNING,
    verdict=VerdictKind.IDLE,
    reason="Idle.",
    measurements={},
    activity=(),
    next_action=NextAction.WARN,
    next_action_at=None,
    next_action_text="It is warned.",
    since=None,
    hold=None,
    lease=None,
    hours_asleep=0.0,
    saved_amount=0.0,
    price_per_hour_amount=None,
    currency="USD",
    as_of="2026-05-01T12:00:00Z",
    stale=False,
)
REPORT = IdleReport(
    sweep="s",
    dry_run=False,
    as_of="2026-05-01T12:00:00Z",
    complete=True,
    problems=(),
    summary=SweepSummary(machines=3, verdicts={"busy": 2, "idle": 1}),
    value=(ROW, replace(ROW, verdict=VerdictKind.BUSY)),
    next=None,
    total=2,
)


def test_an_unsuccessful_operation_is_not_reported_as_done() -> None:
    card = ended_card(OPERATION, None)
    assert (card.title, card.text, card.lines) == ("ml1: delete ended: failed", "It resists.", ("Not deleted: /disk",))
    assert (
        ended_card(replace(OPERATION, outcome=OutcomeStatus.SUCCEEDED, leftovers=()), VIEW).title == "ml1: delete succeeded"
    )


def test_a_stopped_machine_is_shown_as_not_billed_and_can_be_started() -> None:
    assert dict(environment_card(VIEW).facts)["SSH"] == "ssh azureuser@203.0.113.9"
    card = environment_card(replace(VIEW, state=State.STOPPED, billed=False, endpoints=()))
    assert dict(card.facts)["Price"] == "0.59 USD per hour while it runs; not billed now"
    assert dict(card.facts)["This month"] == "12.27 USD; sleep has saved 7.38 USD"
    assert [button.command for button in card.buttons] == ["start ml1"]
    assert "203.0.113.9" not in str(card.facts)


def test_what_to_know_about_a_way_in_is_said_beside_it() -> None:
    hub = EndpointView("https", "203.0.113.9", 8000, "https://203.0.113.9:8000", "ana", "self-signed certificate")
    facts = dict(environment_card(replace(VIEW, endpoints=(hub,))).facts)
    assert facts["HTTPS"] == "https://203.0.113.9:8000 (self-signed certificate)"


def test_what_is_planned_for_an_environment_that_sleeps_on_is_said() -> None:
    assert "Planned" not in dict(environment_card(VIEW).facts)
    planned = PlannedStageView.of(PlannedStage("delete", 60.0, "It will be deleted."))
    assert planned == PlannedStageView("delete", "1970-01-01T00:01:00Z", "It will be deleted.")
    assert dict(environment_card(replace(VIEW, planned=planned)).facts)["Planned"] == "It will be deleted."
    stays = PlannedStageView.of(PlannedStage("stop", 0.0, "It stays."))
    assert stays == PlannedStageView("stop", None, "It stays.")


def test_a_busy_environment_offers_only_status() -> None:
    card = environment_card(replace(VIEW, operation="ml1-stop-1", problem="It limps."))
    assert [button.command for button in card.buttons] == ["status ml1"]
    assert card.text == "Operation ml1-stop-1 is running. It limps."


def test_a_list_shows_what_is_billed() -> None:
    stopped = replace(VIEW, name="ml2", state=State.STOPPED, billed=False)
    card = list_card(EnvironmentPage([VIEW, stopped], "more", [], 3))
    assert (card.title, card.text) == ("2 environments, 1 billed now", "There are more environments than are shown.")
    assert card.lines[1] == "ml2: stopped, Standard_NV6ads_A10_v5, alice"
    assert list_card(EnvironmentPage([], "", [], 0)).title == "There are no environments yet"


def test_a_shorter_hold_is_answered_with_the_longer_existing_one() -> None:
    hold = CurrentHold("ana", None, "1970-01-01T00:00:00Z", "1970-01-01T01:00:00Z")
    assert "before 1970-01-01 01:00 UTC" in hold_card("ml1", HoldView("/ml1", hold)).text
    card = hold_card("ml1", HoldView("/ml1", hold, "longer"))
    assert card.text == "A longer hold by ana until 1970-01-01 01:00 UTC stays in place; 'hold ml1 off' removes it."


@pytest.mark.parametrize(("then", "done"), [(LeaseAction.STOP, "stopped"), (LeaseAction.DELETE, "deleted")])
def test_a_lease_says_what_happens_then(then: LeaseAction, done: str) -> None:
    card = lease_card("ml1", LeaseView("/ml1", CurrentLease("1970-01-01T00:00:00Z", then, "ana", None)))
    assert card.title == f"ml1 will be {done} at 1970-01-01 00:00 UTC"


def test_the_idle_report_lists_machines_that_need_attention() -> None:
    card = idle_card(REPORT)
    assert card.title == "3 machines: 2 busy, 1 idle"
    assert card.lines == ("gpu1 is idle. Idle. It is warned.",)
    evicted = replace(ROW, verdict=VerdictKind.EVICTED, reason="Evicted.", next_action_text=None)
    assert idle_card(replace(REPORT, value=(evicted,))).lines == ("gpu1 is evicted. Evicted.",)


@pytest.mark.parametrize("verdicts", [{}, {"busy": 2}])
def test_an_incomplete_report_is_not_shown_as_an_empty_fleet(verdicts: dict[str, int]) -> None:
    problems = ("The machines cannot be listed: HTTP 403",)
    summary = SweepSummary(machines=sum(verdicts.values()), verdicts=verdicts)
    card = idle_card(replace(REPORT, complete=False, problems=problems, summary=summary, value=()))
    assert card.title.startswith("The last sweep did not see all machines")
    assert "none in scope" not in card.title
    assert card.lines == tuple(problems)


def test_a_suggestion_of_another_name_needs_a_new_confirmation() -> None:
    card = choices_card(read_command("delete wish yes"), ["wish1"])
    assert [button.command for button in card.buttons] == ["delete wish1"]


@pytest.mark.parametrize(
    ("name", "said", "like"), [("ml1", "ml", True), ("ml1", "mll", True), ("train1", "trian1", True), ("ml1", "x", False)]
)
def test_partial_and_misspelled_names_are_similar(name: str, said: str, like: bool) -> None:
    assert is_similar(name, said) is like


def test_merging_a_partial_spec_keeps_the_other_fields() -> None:
    assert merge({"window": 30, "lead": 15}, {"lead": "20m"}) == {"window": 30, "lead": "20m"}
    assert merge("a", "b") == "b"
    assert merge(None, {"lead": "20m"}) == {"lead": "20m"}


def test_a_card_of_any_length_fits_into_a_custom_status() -> None:
    large = Card("t" * 999, "x" * 9999, tuple((f"f{n}" * 50, "v" * 999) for n in range(30)), ("l" * 500,) * 99)
    small = fitting(large)
    assert len(str(small)) < 8000
    assert small.lines[-1].startswith("… and ")
    few = Card("t", "x", (("a", "b"), ("c", "d"), ("e", "f")), ("one",))
    assert fitting(few).lines == ("one",)
    assert MOST_LINES > 0


@pytest.mark.parametrize("state", [State.RUNNING, State.STOPPED, State.STOPPED_BILLED, State.PARTIAL])
def test_an_environment_has_its_open_link_if_that_is_known(state: State) -> None:
    link = "https://ours.example/api/open/ml1"
    view = replace(VIEW, state=state, operation=None)
    assert [one.url for one in environment_card(replace(view, open_url=link)).buttons if one.url] == [link]
    assert not any(one.url for one in environment_card(view).buttons)
