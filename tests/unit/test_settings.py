"""Settings are parsed once into typed values; every error names the setting, the problem and an example, and no secret."""

import asyncio
import contextlib
import json
import logging
from datetime import date, timedelta
from http import HTTPStatus

import azure.functions as func
import pytest

from dormouse.access.roles import ChatPerson, Role
from dormouse.access.tokens import Tokens
from dormouse.clock import Clock
from dormouse.errors import Misconfigured
from dormouse.http.problems import problem_of
from dormouse.settings import HttpAuth, Settings, SettingsError

VAULT = "/subscriptions/0d0e5e00-0000-4000-8000-000000000001/resourceGroups/r/providers/Microsoft.KeyVault/vaults/my-vault"
REQUIRED = {
    "AZURE_SUBSCRIPTION_ID": "0d0e5e00-0000-4000-8000-000000000001",
    "KEY_VAULT_URL": "https://vault.example/",
    "RECORDS_TABLES_URL": "https://tables.example",
}


def test_settings_are_typed() -> None:
    settings = Settings.from_environment(
        {
            **REQUIRED,
            "IDLE_POLICY": "window=45m",
            "IDLE_SCOPES": f"/subscriptions/{REQUIRED['AZURE_SUBSCRIPTION_ID']}/resourceGroups/Research/",
            "HOLIDAYS": "2026-12-25, 2027-01-01",
            "LONGEST_HOLD": "2d",
            "HTTP_AUTH": "function-key",
            "FUNCTION_KEY_ROLE": "viewer",
            "RATE_LIMIT": "20",
            "TRAIL_KEPT_DAYS": "50",
            "RECEIPTS_KEPT_DAYS": "3",
            "ROTATE_PASSWORDS_AFTER_DAYS": "90",
            "NOTIFY_PRIVATE_HOSTS": "Hooks.Inside.example",
            "CHAT_USERS": "slack:U1=operator",
            "CHAT_DEFAULTS": "region=polandcentral",
            "WEBSITE_HOSTNAME": "dormouse.azurewebsites.net",
        }
    )
    assert settings.key_vault_url == "https://vault.example"
    assert settings.idle_policy.window == 45
    assert settings.idle_scopes == (f"/subscriptions/{REQUIRED['AZURE_SUBSCRIPTION_ID']}/resourcegroups/research",)
    assert settings.holidays == {date(2026, 12, 25), date(2027, 1, 1)}
    assert (settings.longest_hold, settings.longest_hold_minutes) == (timedelta(days=2), 2880)
    assert (settings.http_auth, settings.function_key_role) == (HttpAuth.FUNCTION_KEY, Role.VIEWER)
    assert (settings.rate_limit, settings.history_kept_days, settings.trail_kept_days) == (20, 30, 50)
    assert (settings.rotate_passwords_after_days, settings.receipts_kept_days) == (90, 3)
    assert settings.notify_private_hosts == {"hooks.inside.example"}
    assert settings.chat_users == {"slack:U1": ChatPerson(Role.OPERATOR)}
    assert settings.chat_defaults == {"region": "polandcentral"}
    assert settings.control_plane_url == "https://dormouse.azurewebsites.net/api"


def test_reading_an_empty_environment_gives_the_defaults_of_the_fields() -> None:
    read = Settings.from_environment(REQUIRED)
    assert read == Settings(REQUIRED["AZURE_SUBSCRIPTION_ID"], "https://vault.example", "https://tables.example")


def test_every_error_names_its_setting_the_problem_and_an_example() -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_environment({"RATE_LIMIT": "0", "HOLIDAYS": "25.12.", "HTTP_AUTH": "keys"})
    assert str(caught.value).split("; ") == [
        "AZURE_SUBSCRIPTION_ID: is not set (example: 00000000-0000-0000-0000-000000000000)",
        "KEY_VAULT_URL: is not set (example: https://my-vault.vault.azure.net)",
        "RECORDS_TABLES_URL: is not set (example: https://myrecords.table.core.windows.net)",
        "HTTP_AUTH: 'keys' is not one of function-key, entra",
        "RATE_LIMIT: '0' is not a whole number from 1 to 100000 (example: 300)",
        "HOLIDAYS: '25.12.' is not a date in the form YYYY-MM-DD (example: 2026-12-25, 2027-01-01)",
    ]


@pytest.mark.parametrize(
    "name",
    [
        *("NOTIFY_WEBHOOK_URL", "NOTIFY_SLACK_URL", "NOTIFY_TEAMS_URL", "TEAMS_WEBHOOK_SECRET", "CHATOPS_SECRET"),
        *("SLACK_SIGNING_SECRET_PREVIOUS", "TEAMS_WEBHOOK_SECRET_PREVIOUS", "CHATOPS_SECRET_PREVIOUS"),
    ],
)
@pytest.mark.parametrize("text", ["s3cret!", "https://elsewhere.example/s3cret", "@Microsoft.KeyVault(SecretUri=s3cret)"])
def test_no_error_contains_a_secret(name: str, text: str) -> None:
    with contextlib.suppress(SettingsError):
        assert "s3cret" not in repr(Settings.from_environment({**REQUIRED, name: text}))
        return
    with pytest.raises(SettingsError, match=name) as caught:
        Settings.from_environment({**REQUIRED, name: text})
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("name", ["SLACK_SIGNING_SECRET", "TEAMS_WEBHOOK_SECRET", "CHATOPS_SECRET"])
def test_a_previous_secret_is_read_only_beside_the_one_that_replaces_it(name: str) -> None:
    given, previous = {**REQUIRED, f"{name}_PREVIOUS": "b2xk"}, f"{name.lower()}_previous"
    assert getattr(Settings.from_environment({**given, name: "bmV3"}), previous) == "b2xk"
    with pytest.raises(SettingsError, match=f"{name}_PREVIOUS: is only for a change of {name}"):
        Settings.from_environment(given)


def test_a_missing_tenant_is_a_misconfiguration_and_the_log_names_the_setting(caplog: pytest.LogCaptureFixture) -> None:
    req = func.HttpRequest(method="GET", url="/api/x", headers={"Authorization": "Bearer x"}, body=b"")

    class NoKeys:
        async def key(self, identifier: str) -> None:
            raise AssertionError("no key is needed")

    with caplog.at_level(logging.ERROR), pytest.raises(Misconfigured) as caught:
        asyncio.run(Tokens(NoKeys(), "https://login.example", "", Clock()).claims(req, "api://dormouse"))
    assert "ENTRA_TENANT_ID is not set" in caplog.text
    answer = problem_of(caught.value)
    assert answer.status_code == HTTPStatus.INTERNAL_SERVER_ERROR
    assert "misconfigured" in json.loads(answer.get_body())["detail"]
    assert "Retry-After" not in answer.headers


@pytest.mark.parametrize("text", ["my-vault", "https://my-vault.vault.azure.net", f"{VAULT}/secrets/x"])
def test_a_vault_is_named_by_its_resource_id(text: str) -> None:
    assert Settings.from_environment({**REQUIRED, "KEY_VAULT_ID": VAULT}).key_vault_id == VAULT
    with pytest.raises(SettingsError, match="is not the resource ID of a key vault"):
        Settings.from_environment({**REQUIRED, "KEY_VAULT_ID": text})


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"LONGEST_HOLD": "10080"}, "'10080' has no unit"),
        ({"IDLE_POLICY": "window=45"}, "window: '45' has no unit"),
        ({"IDLE_POLICY": "cpu_cores=inf"}, "cpu_cores: must be a finite number"),
    ],
)
def test_durations_in_settings_need_a_unit(given: dict[str, str], complaint: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_environment(given)
    assert complaint in str(caught.value)


def test_every_error_is_reported_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_environment({"AZURE_SUBSCRIPTION_ID": "mine", "RETAIL_PRICES_URL": "http://prices"})
    text = str(caught.value)
    assert all(
        name in text for name in ("KEY_VAULT_URL", "RECORDS_TABLES_URL", "AZURE_SUBSCRIPTION_ID", "RETAIL_PRICES_URL")
    )
