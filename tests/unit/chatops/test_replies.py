"""What people in chats are told, from what the routes answer."""

from typing import Any

import pytest

from dormouse.chatops.dispatch import _is_like, _merged
from dormouse.chatops.parser import read_command
from dormouse.chatops.replies import (
    choices_card,
    ended_card,
    hold_card,
    idle_card,
    lease_card,
    list_card,
    picture_card,
)
from dormouse.notifications.cards import MOST_LINES, Card, fitting

PICTURE: dict[str, Any] = {
    "name": "ml1",
    "state": "running",
    "billed": True,
    "size": "Standard_NV6ads_A10_v5",
    "region": "polandcentral",
    "price": {"per_hour": 0.59, "currency": "USD"},
    "owner": "alice",
    "address": "203.0.113.9",
    "hold": None,
    "lease": None,
    "verdict": "busy",
    "operation": None,
    "problem": "",
}
OPERATION: dict[str, Any] = {
    "environment": "ml1",
    "verb": "delete",
    "state": "failed",
    "explanation": "It resists.",
    "leftovers": ["/disk"],
}


def test_what_has_not_come_to_a_good_end_is_not_called_done() -> None:
    card = ended_card(OPERATION, None)
    assert (card.title, card.text, card.lines) == ("ml1: delete has failed", "It resists.", ("/disk is left",))
    assert ended_card({**OPERATION, "state": "succeeded", "leftovers": []}, PICTURE).title == "ml1: delete is done"


def test_a_stopped_machine_is_said_not_to_be_billed_and_can_be_started() -> None:
    card = picture_card({**PICTURE, "state": "stopped", "billed": False})
    assert dict(card.facts)["Price"] == "0.59 USD an hour while it runs; it is not billed now"
    assert [button.command for button in card.buttons] == ["start ml1"]
    assert "Address" not in dict(card.facts)


def test_who_is_busy_can_only_be_looked_at() -> None:
    card = picture_card({**PICTURE, "operation": "ml1-stop-1", "problem": "It limps."})
    assert [button.command for button in card.buttons] == ["status ml1"]
    assert card.text == "Operation ml1-stop-1 is under way. It limps."


def test_a_list_says_what_is_billed() -> None:
    content = {"value": [PICTURE, {**PICTURE, "name": "ml2", "state": "stopped", "billed": False}], "next": "/more"}
    card = list_card(content)
    assert (card.title, card.text) == ("2 environments, 1 billed at this moment", "There are more.")
    assert card.lines[1] == "ml2: stopped, Standard_NV6ads_A10_v5, alice"
    assert list_card({"value": [], "next": None}).title == "There is no environment yet"


def test_a_shorter_hold_is_answered_with_the_longer_one_that_stays() -> None:
    hold = {"by": "ana", "reason": "", "since": 0.0, "until": 3600.0}
    assert "before 1970-01-01 01:00 UTC" in hold_card("ml1", {"hold": hold, "kept": ""}).text
    card = hold_card("ml1", {"hold": hold, "kept": "longer"})
    assert card.text == "A longer hold by ana until 1970-01-01 01:00 UTC stays; 'hold ml1 off' ends it."


@pytest.mark.parametrize(("then", "done"), [("stop", "stopped"), ("delete", "deleted")])
def test_a_lease_says_what_happens_then(then: str, done: str) -> None:
    card = lease_card("ml1", {"lease": {"until": 0.0, "then": then}})
    assert card.title == f"ml1 will be {done} at 1970-01-01 00:00 UTC"


def test_the_idle_report_names_what_should_be_looked_at() -> None:
    line = {"name": "gpu1", "verdict": "idle", "sentence": "Nobody is there.", "then": "It is warned."}
    tally = {"machines": 3, "verdicts": {"busy": 2, "idle": 1}}
    report = {
        "sweep": "s",
        "as_of": "2026-05-01T12:00:00+00:00",
        "complete": True,
        "problems": [],
        "tally": tally,
        "value": [line, {**line, "verdict": "busy"}],
    }
    card = idle_card(report)
    assert card.title == "3 machines: 2 busy, 1 idle"
    assert card.lines == ("gpu1 is idle. Nobody is there. It is warned.",)


@pytest.mark.parametrize("verdicts", [{}, {"busy": 2}])
def test_a_report_that_is_not_complete_is_not_called_an_empty_fleet(verdicts: dict[str, int]) -> None:
    tally = {"machines": sum(verdicts.values()), "verdicts": verdicts}
    problems = ["The machines cannot be listed: HTTP 403"]
    about = {"sweep": "s", "as_of": "2026-05-01T12:00:00+00:00", "complete": False, "problems": problems}
    card = idle_card({**about, "tally": tally, "value": []})
    assert card.title.startswith("The last sweep did not see all machines")
    assert "none in scope" not in card.title
    assert card.lines == tuple(problems)


def test_who_was_sure_of_one_name_is_asked_about_another() -> None:
    card = choices_card(read_command("delete wish yes"), ["wish1"])
    assert [button.command for button in card.buttons] == ["delete wish1"]


@pytest.mark.parametrize(
    ("name", "said", "like"), [("ml1", "ml", True), ("ml1", "mll", True), ("train1", "trian1", True), ("ml1", "x", False)]
)
def test_a_part_of_a_name_or_a_slip_is_like_it(name: str, said: str, like: bool) -> None:
    assert _is_like(name, said) is like


def test_what_is_said_of_a_part_leaves_the_rest_of_it() -> None:
    assert _merged({"window": 30, "lead": 15}, {"lead": "20m"}) == {"window": 30, "lead": "20m"}
    assert _merged("a", "b") == "b"
    assert _merged(None, {"lead": "20m"}) == {"lead": "20m"}


def test_a_card_of_any_length_fits_into_a_status() -> None:
    large = Card("t" * 999, "x" * 9999, tuple((f"f{n}" * 50, "v" * 999) for n in range(30)), ("l" * 500,) * 99)
    small = fitting(large)
    assert len(str(small)) < 8000
    assert small.lines[-1].startswith("… and ")
    few = Card("t", "x", (("a", "b"), ("c", "d"), ("e", "f")), ("one",))
    assert fitting(few).lines == ("one",)
    assert MOST_LINES > 0
