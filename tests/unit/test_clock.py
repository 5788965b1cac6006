"""The app's clock shows real time, unless the settings of a simulation say otherwise."""

import time
from typing import Any

import pytest

from dormouse.clock import Clock, rfc3339
from dormouse.settings import Settings, SettingsError

ORIGIN = 1_700_000_000.0
SIMULATED = {
    "AZURE_SUBSCRIPTION_ID": "0d0e5e00-0000-4000-8000-000000000001",
    "KEY_VAULT_URL": "https://vault.example",
    "RECORDS_TABLES_URL": "https://tables.example",
    "AZURE_RESOURCE_MANAGER_URL": "https://management.example",
    "CLOCK_ORIGIN": "1700000000",
    "CLOCK_SPEED": "200",
}


def without(*names: str) -> dict[str, str]:
    return {name: value for name, value in SIMULATED.items() if name not in names}


@pytest.mark.parametrize("names", [("CLOCK_ORIGIN", "CLOCK_SPEED"), ("CLOCK_SPEED",)])
def test_without_a_speed_the_clock_shows_real_time(names: tuple[str, ...]) -> None:
    earlier, now, later = time.time(), Settings.from_environment(without(*names)).clock.now(), time.time()
    assert earlier - 0.001 <= now <= later + 0.001


def test_simulated_time_runs_at_its_speed_from_its_origin() -> None:
    clock = Settings.from_environment(SIMULATED).clock
    assert clock == Clock(ORIGIN, 200.0)
    earlier, now, later = time.time(), clock.now(), time.time()
    assert 200 * (earlier - ORIGIN) - 1 <= now - ORIGIN <= 200 * (later - ORIGIN) + 1


def test_a_clock_with_speed_zero_stands_still() -> None:
    assert (Clock(ORIGIN, 0.0).now(), Clock(ORIGIN, 0.0).text()) == (ORIGIN, rfc3339(ORIGIN))


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        (without("AZURE_RESOURCE_MANAGER_URL"), "CLOCK_SPEED: is for a simulated Azure"),
        (without("CLOCK_ORIGIN"), "CLOCK_ORIGIN: is not set"),
        ({**SIMULATED, "CLOCK_SPEED": "0"}, "CLOCK_SPEED: '0' is not a number above zero (example: 10)"),
        ({**SIMULATED, "CLOCK_SPEED": "inf"}, "CLOCK_SPEED: 'inf' is not a number above zero"),
        ({**SIMULATED, "CLOCK_SPEED": "fast"}, "CLOCK_SPEED: 'fast' is not a number above zero"),
        ({**SIMULATED, "CLOCK_ORIGIN": "yesterday"}, "CLOCK_ORIGIN: 'yesterday' is not a number above zero"),
    ],
)
def test_an_invalid_clock_is_rejected(given: dict[str, Any], complaint: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_environment(given)
    assert complaint in str(caught.value)
