"""One parser with one set of commands, and cards in the formats of each chat."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dormouse.access.roles import Role, read_chat_users
from dormouse.chatops.endpoints import GenericAnswer, NextStep
from dormouse.chatops.parser import Command, MisunderstoodError, read_command, read_defaults
from dormouse.chatops.spec_words import spec_in
from dormouse.chatops.vocabulary import USAGE, Word
from dormouse.notifications.cards import MOST_LINES, Button, Card, slack_message, teams_message

CARD = Card(
    "ml1 is running",
    "All is well.",
    (("State", "running"),),
    ("a line",),
    (
        Button("Stop", "stop ml1"),
        Button("Delete", "delete ml1 yes", sure="Really?"),
        Button("Look", url="https://x.example"),
    ),
)


@pytest.mark.parametrize(
    ("said", "understood"),
    [
        ("", Command(Word.HELP)),
        ("help me please", Command(Word.HELP)),
        ("  STOP   ML1 ", Command(Word.STOP, "ml1")),
        ("ls", Command(Word.STATUS)),
        ("show ml1", Command(Word.STATUS, "ml1")),
        ("idle", Command(Word.IDLE)),
        ("costs", Command(Word.COSTS)),
        ("costs ML1", Command(Word.COSTS, "ml1")),
        ("start", Command(Word.START)),
        ("hold ml1 2h30m a run of Bob's", Command(Word.HOLD, "ml1", {"for": "2h30m", "reason": "a run of Bob's"})),
        ("hold ml1 2 hours for training", Command(Word.HOLD, "ml1", {"for": "2h", "reason": "for training"})),
        ("hold ml1 1 day for training", Command(Word.HOLD, "ml1", {"for": "1d", "reason": "for training"})),
        ("hold ml1 2 h", Command(Word.HOLD, "ml1", {"for": "2h"})),
        ("hold ml1 for 90min", Command(Word.HOLD, "ml1", {"for": "1h30m"})),
        ("hold ml1 PT30M, demo", Command(Word.HOLD, "ml1", {"for": "30m", "reason": "demo"})),
        ("hold ml1 2 Hours and 30 Minutes a run", Command(Word.HOLD, "ml1", {"for": "2h30m", "reason": "a run"})),
        ("hold ml1 4h thesis", Command(Word.HOLD, "ml1", {"for": "4h", "reason": "thesis"})),
        ("hold ml1 4h for 3 experiments", Command(Word.HOLD, "ml1", {"for": "4h", "reason": "for 3 experiments"})),
        ("extend ml1 1 day delete", Command(Word.EXTEND, "ml1", {"for": "1d", "then": "delete"})),
        ("extend ml1 8 hours then stop", Command(Word.EXTEND, "ml1", {"for": "8h", "then": "stop"})),
        ("hold ml1 off", Command(Word.HOLD, "ml1", {"for": "0"})),
        ("extend ml1 8h", Command(Word.EXTEND, "ml1", {"for": "8h", "then": "stop"})),
        ("extend ml1 3d delete", Command(Word.EXTEND, "ml1", {"for": "3d", "then": "delete"})),
        ("delete ml1", Command(Word.DELETE, "ml1")),
        ("rm ml1 YES", Command(Word.DELETE, "ml1", sure=True)),
        ("up ml1", Command(Word.UP, "ml1")),
        (
            "up ml1 workstation region=polandcentral disk.size_gib=128",
            Command(Word.UP, "ml1", {"blueprint": "workstation", "region": "polandcentral", "disk.size_gib": "128"}),
        ),
        (
            "Sizes WestEurope gpu=A100 max_price='4.50'",
            Command(Word.SIZES, "", {"region": "westeurope", "gpu": "A100", "max_price": "4.50"}),
        ),
        ("resize ml1 Standard_D4s_v5", Command(Word.RESIZE, "ml1", {"size": "Standard_D4s_v5"})),
        (
            "resize ml1 size=`Standard_D4s_v5` Restart",
            Command(Word.RESIZE, "ml1", {"size": "Standard_D4s_v5", "restart": True}),
        ),
        ("resize", Command(Word.RESIZE)),
        ("rotate-password ml1", Command(Word.ROTATE_PASSWORD, "ml1")),
        ("hibernate ml1", Command(Word.HIBERNATE, "ml1")),
        ("sizes region=westeurope", Command(Word.SIZES, "", {"region": "westeurope"})),
    ],
)
def test_commands_are_parsed(said: str, understood: Command) -> None:
    assert read_command(said) == understood


@pytest.mark.parametrize(
    ("said", "packages"),
    [
        ("python_packages=numpy>=1.24,<2.0,torch", ["numpy>=1.24,<2.0", "torch"]),
        ("python_packages=jupyterlab >= 4, numpy>=1.24, < 2", ["jupyterlab>=4", "numpy>=1.24,<2"]),
        ("python_packages=uvicorn[standard,extra]>=1,x[a],y", ["uvicorn[standard,extra]>=1", "x[a]", "y"]),
        ("python_packages=torch==2.3.0+cu121", ["torch==2.3.0+cu121"]),
        ("python_packages=a[b,c", ["a[b", "c"]),
    ],
)
def test_python_packages_are_told_apart_by_the_commas_between_them(said: str, packages: list[str]) -> None:
    command = read_command(f"up ml1 {said} region=polandcentral")
    assert spec_in(command.body) == {"python_packages": packages, "region": "polandcentral"}


@pytest.mark.parametrize(
    ("said", "helps"),
    [
        ("strat ml1", "Did you mean 'start'?"),
        ("hold ml1 2h \x1b[31mred", "contains a control character"),
        ("status \x00ml1", "contains a control character"),
        ("up ml1 owner=a\x07b", "contains a control character"),
        ("up ml1 size=a size=b", "size is given twice"),
        ("up ml1 workstation blueprint=workstation", "blueprint is given twice"),
        ("up ml1 disk.size_gib=64 disk=big", "disk is given twice"),
        ("up ml1 disk.size_gib=64 disk.size_gib=128", "disk.size_gib is given twice"),
        ("make coffee", "I do not know the word 'make'."),
        ("stop ml1 now", "Say: stop NAME"),
        ("stop ../../x", "is not the name of an environment"),
        ("hold ml1", "For how long?"),
        ("hold ml1 soon", "is not a duration"),
        ("hold ml1 2", "'2' has no unit; write 2h for hours or 2m for minutes"),
        ("hold ml1 for 2", "'2' has no unit"),
        ("hold ml1 8 nights", "'8 nights' is not a duration like"),
        ("hold ml1 2 training", "'2 training' is not a duration like"),
        ("hold ml1 1 month", "write days, like 30d"),
        ("hold ml1 -2h", "is negative"),
        ("hold ml1 1 day 12 stunden", "'12' may be a part of the duration"),
        ("hold ml1 2h 30", "Put 'for' before a reason that begins with a number"),
        ("extend ml1 2", "'2' has no unit"),
        ("extend ml1 2 delete", "'2 delete' is not a duration"),
        ("extend ml1 8h burn", "and not 'burn'"),
        ("delete ml1 yes really", "is more than I understand"),
        ("up", "What is it to be called?"),
        ("up ml1 a100", "is neither a blueprint nor something like size=…"),
        ("idle today", "is more than I understand"),
        ("sizes", "In which region? Say: sizes REGION"),
        ("sizes gpu=a100", "In which region?"),
        ("sizes westeurope northeurope", "region is given twice"),
        ("sizes westeurope gpu=t4 gpu=a10", "gpu is given twice"),
        ("sizes westeurope cores=4", "'cores=4' is not understood here"),
        ("resize ml1", "To which size? Say: resize NAME SIZE"),
        ("resize ml1 restart", "To which size?"),
        ("resize ml1 Standard_D4s_v5 now", "'now' is more than I understand"),
        ("x" * 2001, "longer than 2000"),
    ],
)
def test_an_unknown_command_is_answered_with_help(said: str, helps: str) -> None:
    with pytest.raises(MisunderstoodError, match=r".") as caught:
        read_command(said)
    assert helps in str(caught.value)


@given(st.text(max_size=200))
def test_any_text_is_a_command_or_rejected(said: str) -> None:
    try:
        read_command(said)
    except MisunderstoodError:
        return


@pytest.mark.parametrize(
    "said",
    ["stop ml1", "hold ml1 2h a b", "extend ml1 3d delete", "delete ml1 yes", "hold ml1 0", "hold ml1 for 1 day for 3 runs"],
)
def test_a_command_can_be_repeated_for_another_name(said: str) -> None:
    command = read_command(said)
    assert read_command(command.about("ml2")) == Command(command.word, "ml2", command.body, command.sure)


def test_help_describes_every_command() -> None:
    assert set(USAGE) == set(Word)
    for word, (usage, meaning) in USAGE.items():
        assert usage.startswith(word), usage
        assert meaning


def test_spec_words_become_the_request_body() -> None:
    assert spec_in({"size": "x", "allow_from": "10.0.0.0/8,10.1.0.0/16", "disk.size_gib": "128", "disk.type": "y"}) == {
        "size": "x",
        "allow_from": ["10.0.0.0/8", "10.1.0.0/16"],
        "disk": {"size_gib": "128", "type": "y"},
    }
    assert read_defaults("region=polandcentral size=x") == {"region": "polandcentral", "size": "x"}
    with pytest.raises(ValueError, match="neither a blueprint"):
        read_defaults("region")


def test_chat_users_are_read_from_the_settings() -> None:
    people = read_chat_users(
        "slack:U1=operator, teams:0D0E5E00-0000-4000-8000-000000000001=user:" + "A" * 8 + "-0000-4000-8000-" + "0" * 12
    )
    assert people["slack:U1"].role is Role.OPERATOR
    assert people["teams:0d0e5e00-0000-4000-8000-000000000001"].object_id == "aaaaaaaa-0000-4000-8000-000000000000"
    for wrong in ("slack:U1", "U1=operator", "slack:U1=king", "irc:U1=user", "slack:U1=user:not-a-guid"):
        with pytest.raises(ValueError, match="is not like slack:U012AB3CD=operator"):
            read_chat_users(wrong)


def test_slack_gets_buttons_for_commands_and_links_for_pages() -> None:
    message = slack_message(CARD)
    (actions,) = [block for block in message["blocks"] if block["type"] == "actions"]
    stop, delete = actions["elements"]
    assert (stop["value"], "confirm" in stop) == ("stop ml1", False)
    assert (delete["value"], delete["confirm"]["text"]["text"], delete["style"]) == ("delete ml1 yes", "Really?", "danger")
    assert "<https://x.example|Look>" in message["text"]


def test_teams_shows_commands_as_text_and_links_as_actions() -> None:
    (attachment,) = teams_message(CARD)["attachments"]
    card = attachment["content"]
    assert card["actions"] == [{"type": "Action.OpenUrl", "title": "Look", "url": "https://x.example"}]
    assert "Stop: **stop ml1**" in card["body"][-1]["text"]
    assert {"title": "State", "value": "running"} in card["body"][2]["facts"]


def test_the_generic_endpoint_returns_facts_and_next_commands() -> None:
    plain = GenericAnswer.of(CARD)
    assert plain.next[0] == NextStep("Stop", "stop ml1", None)
    assert plain.facts == {"State": "running"}


EVIL = "<!channel> <@U1> <https://evil.example|x> & *b* [l](https://evil.example)"


@given(st.text(max_size=40), st.integers(0, 100), st.integers(0, 20))
def test_cards_stay_within_the_limits_of_the_chats(text: str, lines: int, facts: int) -> None:
    card = Card(
        text * 100, text * 200, tuple((f"f{n}", text * 60) for n in range(facts)), (text * 10,) * lines, CARD.buttons * 3
    )
    message = slack_message(card)
    assert len(message["blocks"]) <= 50
    for block in message["blocks"]:
        for words in [block.get("text"), *block.get("fields", [])]:
            assert words is None or len(words["text"]) <= 3000
        assert len(block.get("fields", [])) <= 10
        assert len(block.get("elements", [])) <= 25
    assert json.dumps(teams_message(card))


def test_markup_in_foreign_texts_is_escaped_in_cards() -> None:
    evil = Card(EVIL, EVIL, ((EVIL, EVIL),), (EVIL,) * (MOST_LINES + 5))
    for text in _texts(slack_message(evil)):
        assert "<" not in text
    for text in _texts(teams_message(evil)["attachments"][0]["content"]["body"]):
        assert "](" not in text


def test_long_lists_say_how_much_is_left_out() -> None:
    many = Card("many", lines=("a short line",) * (MOST_LINES + 5))
    assert "… and 5 more" in slack_message(many)["blocks"][-1]["text"]["text"]
    long = Card("long", lines=("&" * 500,) * 20)
    assert "… and 12 more" in slack_message(long)["blocks"][-1]["text"]["text"]


def _texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        found = [str(value["text"])] if isinstance(value.get("text"), str) else []
        return found + [text for each in value.values() for text in _texts(each)]
    return [text for each in value for text in _texts(each)] if isinstance(value, list) else []
