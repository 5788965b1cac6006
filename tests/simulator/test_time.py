"""Simulated time begins at its configured origin, and every part of the simulation uses it."""

import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import jwt
import pytest

from local.azure.core.store import Store
from local.azure.core.world import World
from local.azure.services.tokens import LEEWAY, LIFETIME, Issuer, managed_identity
from local.clock import Clock
from local.sandbox import Ground
from tests.contract.azure import Azure

AUDIENCE = "https://management.azure.com"


class Watch:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.at = 2_000_000_000.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def issuer(watch: Watch) -> Iterator[Issuer]:
    store = Store()
    yield Issuer(store, "https://login.localhost", "somebody", watch)
    store.close()


def test_a_token_is_valid_for_a_simulated_day_regardless_of_the_computers_clock(issuer: Issuer, watch: Watch) -> None:
    token, expires = issuer.token(AUDIENCE)
    assert expires == int(watch.at) + LIFETIME
    claims = issuer.verify(token, AUDIENCE)
    assert (claims["iat"], claims["nbf"], claims["exp"]) == (int(watch.at), int(watch.at), expires)
    watch.at = expires + LEEWAY - 1
    issuer.verify(token, AUDIENCE)
    watch.at = expires + LEEWAY + 1
    with pytest.raises(jwt.ExpiredSignatureError):
        issuer.verify(token, AUDIENCE)


def test_a_token_that_is_not_valid_yet_is_rejected(issuer: Issuer, watch: Watch) -> None:
    token, _ = issuer.token(AUDIENCE)
    watch.at -= LEEWAY + 1
    with pytest.raises(jwt.ImmatureSignatureError):
        issuer.verify(token, AUDIENCE)


def test_a_configured_origin_applies_only_without_stored_state(tmp_path: Path) -> None:
    with closing(Store(tmp_path / "azure.sqlite")) as store:
        assert World(store, speed=10.0, seed=1, origin=1_700_000_000.0).clock.origin == 1_700_000_000.0
    with closing(Store(tmp_path / "azure.sqlite")) as store:
        again = World(store, speed=99.0, seed=1, origin=1_600_000_000.0).clock
    assert (again.origin, again.speed) == (1_700_000_000.0, 10.0)
    assert abs(again.seconds() - Clock(10.0, 1_700_000_000.0).seconds()) < 60


def test_the_vault_records_simulated_time(tmp_path: Path) -> None:
    with closing(Azure(tmp_path)) as azure:
        azure.clock.now_at = 2_000_000_000.0
        said = azure.ask("dormouse.vault.localhost", "PUT", "/secrets/x?api-version=7.5", {"value": "v"})
        assert said.body["attributes"]["created"] == 2_000_000_001


def test_the_apps_own_token_is_valid_for_a_real_day(issuer: Issuer, watch: Watch) -> None:
    answer = managed_identity(issuer, "secret", "secret", AUDIENCE, [], 200.0).body
    claims = issuer.verify(answer["access_token"], AUDIENCE)
    assert claims["exp"] - claims["iat"] == 200 * LIFETIME
    assert abs(int(answer["expires_on"]) - time.time() - LIFETIME) < 60


def test_a_restarted_sandbox_continues_its_simulated_time(tmp_path: Path) -> None:
    first, again = Ground(tmp_path, speed=10.0), Ground(tmp_path, speed=99.0)
    assert (again.clock.origin, again.clock.speed) == (first.clock.origin, 10.0)
    settings = again.app_environment
    assert (float(settings["CLOCK_ORIGIN"]), float(settings["CLOCK_SPEED"])) == (first.clock.origin, 10.0)
    assert again.azure.command[again.azure.command.index("--origin") + 1] == settings["CLOCK_ORIGIN"]
