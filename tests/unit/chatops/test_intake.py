"""A chat message is accepted once; after a failure it can be sent again."""

import asyncio
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from dormouse.access.roles import Channel, Role, read_chat_users
from dormouse.chatops.intake import ChatMessage, chat_caller, first_card, take
from dormouse.errors import CloudUnavailable
from dormouse.records.deduplication import CHAT, RECEIPTS
from dormouse.services.durable_client import DurableClient
from tests.unit.twins import SETTINGS, MemoryTables, Orchestrations, reads_of

STATUS = ChatMessage(Channel.SLACK, "U1", "status", "trigger", "https://hooks.slack.com/x")


@dataclass
class Desk(Orchestrations):
    """Receipts, and a durable client that can fail."""

    tables: MemoryTables = field(default_factory=MemoryTables)
    stumbles: str = ""

    def take(self, said: ChatMessage = STATUS) -> str:
        """The title of the immediate reply."""
        dependencies = reads_of(
            self.tables, now=1.0, settings=replace(SETTINGS, chat_users=read_chat_users("slack:U1=operator"))
        )
        return asyncio.run(take(said, DurableClient(self), dependencies)).card.title

    async def start_new(self, orchestration_function_name: str, instance_id: str, client_input: Any = None) -> str:
        if self.stumbles != "before":
            await super().start_new(orchestration_function_name, instance_id, client_input)
        if self.stumbles:
            raise Exception("the durable interface does not answer")
        return instance_id

    @property
    def receipts(self) -> set[str]:
        return self.tables.keys(RECEIPTS)


def test_a_message_whose_command_could_not_be_started_can_be_sent_again() -> None:
    desk = Desk(stumbles="before")
    with pytest.raises(CloudUnavailable, match="send it again"):
        desk.take()
    assert desk.receipts == set()
    desk.stumbles = ""
    assert desk.take() == "Accepted: status"
    assert desk.take() == "Duplicate message"


def test_a_started_command_counts_even_if_the_response_was_lost() -> None:
    desk = Desk(stumbles="after")
    assert desk.take() == "Accepted: status"
    assert desk.receipts == {STATUS.id}


def test_a_receipt_without_an_orchestration_does_not_block_a_message() -> None:
    desk = Desk()
    desk.tables.put(RECEIPTS, STATUS.id, "", partition=CHAT)
    assert desk.take() == "Accepted: status"
    assert set(desk.running) == {STATUS.id}


def test_the_same_message_id_from_another_channel_is_another_message() -> None:
    assert ChatMessage(Channel.TEAMS, "U1", "status", "trigger").id != STATUS.id
    assert ChatMessage(Channel.SLACK, "U2", "other words", "trigger").id == STATUS.id


def test_the_settings_take_precedence_over_the_chat_for_identities() -> None:
    known = "0d0e5e00-0000-4000-8000-0000000000b0"
    people = f"teams:{known}=user:{'a' * 8}{known[8:]}, slack:U2=user"
    dependencies = reads_of(MemoryTables(), settings=replace(SETTINGS, chat_users=read_chat_users(people)))
    mapped = chat_caller(ChatMessage(Channel.TEAMS, known, "", "", object_id=known), dependencies)
    assert (mapped.role, mapped.object_id) == (Role.USER, f"{'a' * 8}{known[8:]}")
    assert chat_caller(ChatMessage(Channel.TEAMS, "x", "", "", object_id="o"), dependencies).object_id == "o"
    slack = chat_caller(ChatMessage(Channel.SLACK, "U2", "", ""), dependencies)
    assert (slack.name, slack.role, slack.object_id) == ("slack:U2", Role.USER, "slack:U2")
    assert chat_caller(ChatMessage(Channel.SLACK, "U9", "", ""), dependencies).role is Role.VIEWER


def test_there_is_no_first_card_while_durable_is_unreachable() -> None:
    assert asyncio.run(first_card(DurableClient(Orchestrations(away=True)), "chat-1", 1.0)) is None
