"""A password counts as purged only when the vault no longer lists it, however late the vault is."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from dormouse import serialization
from dormouse.environments.answers import Done
from dormouse.environments.operations import DeleteRequest
from dormouse.environments.results import Refusal
from dormouse.resources.plan import Resource
from orchestrators.environments.delete import LOOKS, purge_until_gone


@dataclass
class Vault:
    """The deleted secrets that a vault lists, query by query (the last list repeats), passed to an orchestrator."""

    shows: list[list[str]]
    purged: list[str] = field(default_factory=list)
    looks: int = 0
    current_utc_datetime: datetime = datetime(2026, 5, 1, tzinfo=UTC)

    def call_activity_with_retry(self, name: str, retries: Any, request: Any) -> tuple[str, Any]:
        return name, request

    def create_timer(self, at: datetime) -> tuple[str, Any]:
        return "timer", None

    def purge(self, *deleted: str) -> tuple[Refusal, ...]:
        """What comes of a purge after some secrets were deleted just now."""
        labels = [f"key vault secret {name}" for name in deleted]
        story = purge_until_gone(self, DeleteRequest("ml1-delete-1", "ml1", purge=True), labels)
        said = None
        while True:
            try:
                name, request = story.send(said)
            except StopIteration as end:
                refusals: tuple[Refusal, ...] = end.value
                return refusals
            said = self._answer(name, request)

    def _answer(self, name: str, request: Any) -> Any:
        if name == "list_deleted":
            self.looks += 1
            shown = self.shows.pop(0) if len(self.shows) > 1 else self.shows[0]
            return serialization.encode([Resource(secret, "password", f"secrets/{secret}") for secret in shown])
        if name == "purge_resource":
            self.purged.append(request["name"])
            return serialization.encode(Done())
        return None


def test_purge_waits_for_a_secret_that_the_vault_shows_late() -> None:
    vault = Vault([[], [], ["mine"], []])
    assert vault.purge("mine") == ()
    assert (vault.purged, vault.looks) == (["mine"], 4)


def test_earlier_deleted_secrets_are_purged_too_and_none_is_a_success() -> None:
    vault = Vault([["old", "mine"], []])
    assert vault.purge("mine") == ()
    assert vault.purged == ["old", "mine"]
    assert Vault([[]]).purge() == ()


def test_a_purge_waits_for_a_secret_that_an_earlier_deletion_has_not_finished_deleting() -> None:
    vault = Vault([[], [], [], ["mine"], []])
    assert vault.purge() == ()
    assert (vault.purged, vault.looks) == (["mine"], 5)


def test_a_purge_ends_soon_where_there_is_nothing_to_purge() -> None:
    vault = Vault([[]])
    assert (vault.purge(), vault.looks) == ((), 5)


def test_an_unconfirmed_purge_is_reported() -> None:
    (never,) = Vault([[]]).purge("mine")
    assert "did not confirm that key vault secret mine was purged" in never.detail
    vault = Vault([["mine"]])
    (stays,) = vault.purge("mine")
    assert "did not confirm" in stays.detail
    assert vault.looks == LOOKS
