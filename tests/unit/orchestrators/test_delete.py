"""A password is gone for good when the vault shows it so, however late the vault is."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from dormouse import serialization
from dormouse.environments.operations import DeleteRequest
from dormouse.environments.results import Progress, Refusal
from orchestrators.environments.delete import LOOKS, purge_until_gone


@dataclass
class Vault:
    """What a vault lists as deleted, look by look (the last one for ever), told to an orchestrator step by step."""

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
        story = purge_until_gone(self, DeleteRequest("ml1-delete-1", "ml1", "rg-dormouse-ml1", purge=True), deleted)
        said = None
        while True:
            try:
                name, request = story.send(said)
            except StopIteration as end:
                refusals: tuple[Refusal, ...] = end.value
                return refusals
            said = self._answer(name, request)

    def _answer(self, name: str, request: Any) -> Any:
        if name == "list_deleted_secrets":
            self.looks += 1
            return self.shows.pop(0) if len(self.shows) > 1 else self.shows[0]
        if name == "purge_secret":
            self.purged.append(request)
            return serialization.encode(Progress.done())
        return None


def test_a_secret_that_the_vault_shows_late_is_waited_for() -> None:
    vault = Vault([[], [], ["mine"], []])
    assert vault.purge("mine") == ()
    assert (vault.purged, vault.looks) == (["mine"], 4)


def test_what_was_deleted_before_goes_too_and_nothing_is_nothing() -> None:
    vault = Vault([["old", "mine"], []])
    assert vault.purge("mine") == ()
    assert vault.purged == ["old", "mine"]
    assert Vault([[]]).purge() == ()


def test_what_is_never_seen_or_never_goes_is_not_called_gone() -> None:
    (never,) = Vault([[]]).purge("mine")
    assert "did not confirm that mine was purged" in never.detail
    vault = Vault([["mine"]])
    (stays,) = vault.purge("mine")
    assert "did not confirm" in stays.detail
    assert vault.looks == LOOKS
