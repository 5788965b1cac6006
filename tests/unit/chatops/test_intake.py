"""A message from a chat is taken once, and what goes wrong on the way is mended by saying it again."""

import asyncio
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from dormouse.access.roles import Channel, Role, read_chat_users
from dormouse.chatops.intake import ChatMessage, chat_caller, first_card, take
from dormouse.errors import CloudUnavailable

STATUS = ChatMessage(Channel.SLACK, "U1", "status", "trigger", "https://hooks.slack.com/x")


@dataclass
class Desk:
    """Receipts, and a durable client that may stumble."""

    receipts: set[str] = field(default_factory=set)
    running: set[str] = field(default_factory=set)
    stumbles: str = ""

    def take(self, said: ChatMessage = STATUS) -> str:
        """The title of what is said at once."""
        settings = SimpleNamespace(people_in_chats=read_chat_users("slack:U1=operator"))
        dependencies: Any = SimpleNamespace(receipts=self.Rows(self), now=lambda: 1.0, settings=settings)
        client: Any = self.Client(self)
        return asyncio.run(take(said, client, dependencies)).card.title

    @dataclass
    class Rows:
        desk: "Desk"

        async def take(self, kind: str, key: str, document: str, now: float) -> bool:
            first = key not in self.desk.receipts
            self.desk.receipts.add(key)
            return first

        async def forget(self, kind: str, key: str) -> None:
            self.desk.receipts.discard(key)

    @dataclass
    class Client:
        desk: "Desk"

        async def start_new(self, name: str, identifier: str, request: Any) -> None:
            if self.desk.stumbles != "before":
                self.desk.running.add(identifier)
            if self.desk.stumbles:
                raise Exception("the durable interface does not answer")

        async def get_status(self, identifier: str) -> Any:
            return SimpleNamespace(runtime_status="Running") if identifier in self.desk.running else None


def test_what_could_not_be_handed_over_may_be_said_again() -> None:
    desk = Desk(stumbles="before")
    with pytest.raises(CloudUnavailable, match="say it again"):
        desk.take()
    assert desk.receipts == set()
    desk.stumbles = ""
    assert desk.take() == "Accepted: status"
    assert desk.take() == "Duplicate message"


def test_what_was_handed_over_counts_even_if_the_answer_was_lost() -> None:
    desk = Desk(stumbles="after")
    assert desk.take() == "Accepted: status"
    assert desk.receipts == {STATUS.id}


def test_a_receipt_alone_keeps_nobody_off() -> None:
    desk = Desk(receipts={STATUS.id})
    assert desk.take() == "Accepted: status"
    assert desk.running == {STATUS.id}


def test_the_same_words_at_another_door_are_another_message() -> None:
    assert ChatMessage(Channel.TEAMS, "U1", "status", "trigger").id != STATUS.id
    assert ChatMessage(Channel.SLACK, "U2", "other words", "trigger").id == STATUS.id


def test_who_somebody_is_the_settings_say_first_then_the_chat() -> None:
    known = "0d0e5e00-0000-4000-8000-0000000000b0"
    settings = SimpleNamespace(people_in_chats=read_chat_users(f"teams:{known}=user:{'a' * 8}{known[8:]}, slack:U2=user"))
    dependencies: Any = SimpleNamespace(settings=settings)
    mapped = chat_caller(ChatMessage(Channel.TEAMS, known, "", "", object_id=known), dependencies)
    assert (mapped.role, mapped.object_id) == (Role.USER, f"{'a' * 8}{known[8:]}")
    assert chat_caller(ChatMessage(Channel.TEAMS, "x", "", "", object_id="o"), dependencies).object_id == "o"
    slack = chat_caller(ChatMessage(Channel.SLACK, "U2", "", ""), dependencies)
    assert (slack.name, slack.role, slack.object_id) == ("slack:U2", Role.USER, "slack:U2")
    assert chat_caller(ChatMessage(Channel.SLACK, "U9", "", ""), dependencies).role is Role.VIEWER


def test_who_cannot_be_asked_has_no_card_to_show() -> None:
    class Away:
        async def get_status(self, identifier: str) -> Any:
            raise Exception("the durable interface does not answer")

    away: Any = Away()
    assert asyncio.run(first_card(away, "chat-1", 1.0)) is None
