"""Texts of users are shown as written, and their markup has no effect in chats."""

from dataclasses import replace

import pytest

from dormouse.environments.results import Outcome, OutcomeStatus, Refusal, RefusalReason
from dormouse.lifecycle import Verb
from dormouse.notifications.notification import Notification, end_of_operation
from dormouse.notifications.webhooks import FORMS

EVIL = Notification(
    "attention", "/id", "<!channel>", "see <https://evil.example|here> [there](https://evil.example) *now* & then", 0.0
)


def test_foreign_markup_is_escaped_for_slack() -> None:
    text = FORMS["slack"](EVIL, "https://ours.example/snooze/x", "")["text"]
    assert text.startswith("*&lt;!channel&gt;*\nsee &lt;https://evil.example|here&gt;")
    assert "&amp; then" in text
    assert text.count("<") == 1, "only our own link is a link"
    assert "<https://ours.example/snooze/x|" in text
    assert FORMS["slack"](EVIL, "", "")["unfurl_links"] is False


def test_foreign_markup_is_escaped_for_teams() -> None:
    card = FORMS["teams"](EVIL, "https://ours.example/snooze/x", "")["attachments"][0]["content"]
    name, text = (block["text"] for block in card["body"])
    assert name == r"\<!channel\>"
    assert r"\[there\]\(https://evil.example\) \*now\*" in text
    assert card["actions"][0]["url"] == "https://ours.example/snooze/x"


def test_a_plain_webhook_gets_the_unescaped_text() -> None:
    body = FORMS["webhook"](EVIL, "", "")
    assert (body["event"], body["text"]) == ("attention", EVIL.text)
    assert not {"snooze_url", "open_url"} & set(body)


def test_open_links_are_buttons_and_a_field() -> None:
    asleep, opens = replace(EVIL, environment="ml1"), "https://ours.example/api/open/ml1"
    assert f"<{opens}|Open it again>" in FORMS["slack"](asleep, "", opens)["text"]
    (action,) = FORMS["teams"](asleep, "", opens)["attachments"][0]["content"]["actions"]
    assert (action["type"], action["url"]) == ("Action.OpenUrl", opens)
    assert FORMS["webhook"](asleep, "", opens)["open_url"] == opens


REFUSAL = Refusal(RefusalReason.GAVE_UP, "Azure has none left.", step="vm")


@pytest.mark.parametrize(
    ("verb", "outcome", "event"),
    [
        (Verb.PROVISION, Outcome(OutcomeStatus.SUCCEEDED, "It is up."), "provision done"),
        (Verb.PROVISION, Outcome.failed([REFUSAL]), "provision failed"),
        (Verb.PROVISION, Outcome.failed([REFUSAL], ["/disk"]), "leftovers"),
        (Verb.PROVISION, Outcome(OutcomeStatus.UNHEALTHY, "It is not well."), "provision failed"),
        (Verb.START, Outcome.failed([REFUSAL]), "start failed"),
        (Verb.STOP, Outcome.failed([REFUSAL]), "stop not confirmed"),
        (Verb.HIBERNATE, Outcome.failed([REFUSAL]), "hibernate failed"),
        (Verb.HIBERNATE, Outcome(OutcomeStatus.SUCCEEDED, "It is stopped.", (REFUSAL,)), "stopped, not hibernated"),
        (Verb.HIBERNATE, Outcome(OutcomeStatus.SUCCEEDED, "It is hibernated."), ""),
        (Verb.DELETE, Outcome.failed([], ["/disk"]), "leftovers"),
        (Verb.START, Outcome(OutcomeStatus.SUCCEEDED, "It runs."), ""),
        (Verb.DELETE, Outcome(OutcomeStatus.SUCCEEDED, "It is gone."), ""),
        (Verb.ROTATE_PASSWORD, Outcome(OutcomeStatus.SUCCEEDED, "It has a new password."), "password rotated"),
        (Verb.PROVISION, Outcome.cancelled("alice", undone="Nothing was created."), ""),
        (Verb.PROVISION, Outcome.cancelled("alice", ["/disk"]), "leftovers"),
    ],
)
def test_unexpected_and_long_running_outcomes_are_notified(verb: Verb, outcome: Outcome, event: str) -> None:
    notice = end_of_operation(verb, "ml1", outcome, 1.0)
    assert (notice.event if notice else "") == event
    if notice is not None:
        assert outcome.reason in notice.text
        assert all(leftover in notice.text for leftover in outcome.leftovers)
