"""Where messages may be sent: named hosts, encrypted, public addresses; and how they are signed."""

import asyncio
from typing import Any

import pytest

from dormouse.access.signatures import hub_signature, same, slack_signature, teams_signature
from dormouse.cloud.egress import PublicAddresses, is_public
from dormouse.settings import Settings, SettingsError

REQUIRED = {
    "AZURE_SUBSCRIPTION_ID": "0d0e5e00-0000-4000-8000-000000000001",
    "KEY_VAULT_URL": "https://vault.example",
    "RECORDS_TABLES_URL": "https://tables.example",
}


class Finder:
    """Names and their addresses."""

    def __init__(self, **known: list[str]) -> None:
        self._known = known

    async def resolve(self, host: str, port: int, family: Any) -> list[Any]:
        return [{"hostname": host, "host": address, "port": port} for address in self._known[host]]


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "168.63.129.16",
        "0.0.0.0",
        "224.0.0.1",
        "::1",
        "fe80::1%eth0",
        "fd00::1",
        "::ffff:10.0.0.1",
        "::ffff:169.254.169.254",
        "::ffff:168.63.129.16",
        "64:ff9b::a9fe:a9fe",
        "2002:0a00:0001::1",
        "fec0::1",
        "::127.0.0.1",
        "64:ff9b:1::7f00:1",
        "5f00::1",
        "3fff::1",
        "not an address",
    ],
)
def test_private_and_special_addresses_are_not_public(address: str) -> None:
    assert not is_public(address)


def test_a_name_that_resolves_to_a_private_address_is_refused() -> None:
    finder = Finder(inside=["10.0.0.4"], both=["10.0.0.4", "52.1.2.3"], ours=["10.0.0.5"])
    addresses = PublicAddresses(finder, {"ours"})
    with pytest.raises(OSError, match="inside has no public address"):
        asyncio.run(addresses.resolve("inside", 443))
    assert [each["host"] for each in asyncio.run(addresses.resolve("both", 443))] == ["52.1.2.3"]
    assert [each["host"] for each in asyncio.run(addresses.resolve("ours", 443))] == ["10.0.0.5"]
    assert asyncio.run(PublicAddresses(Finder(OURS=["10.0.0.5"]), {"ours"}).resolve("OURS", 443))


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        (
            {"NOTIFY_WEBHOOK_URL": "https://elsewhere.example/x"},
            "NOTIFY_WEBHOOK_URL: its host must be named in NOTIFY_HOSTS",
        ),
        ({"NOTIFY_SLACK_URL": "https://hooks.slack.com.evil.example/x"}, "NOTIFY_SLACK_URL: its host must"),
        ({"NOTIFY_TEAMS_URL": "https://evillogic.azure.com/x"}, "NOTIFY_TEAMS_URL: its host must"),
        ({"NOTIFY_SLACK_URL": "http://hooks.slack.com/x"}, "NOTIFY_SLACK_URL: must be an https URL"),
        (
            {"NOTIFY_WEBHOOK_URL": "https://10.0.0.1/x", "NOTIFY_HOSTS": "10.0.0.1"},
            "NOTIFY_HOSTS: '10.0.0.1' is not a host name",
        ),
        ({"CHAT_USERS": "somebody"}, "CHAT_USERS: 'somebody' is not like slack:U012AB3CD=operator"),
        ({"CHAT_DEFAULTS": "nowhere"}, "CHAT_DEFAULTS: 'nowhere' is neither"),
        ({"TEAMS_WEBHOOK_SECRET": "not base64!"}, "TEAMS_WEBHOOK_SECRET: must be the base64 security token"),
        ({"TEAMS_WEBHOOK_SECRET": "YW5v!dGhlcg=="}, "TEAMS_WEBHOOK_SECRET: must be the base64 security token"),
        ({"HTTP_AUTH": "entra"}, "ENTRA_TENANT_ID: is not set"),
        ({"SLACK_HOOKS_URL": "https://169.254.169.254"}, "SLACK_HOOKS_URL: must be an https URL with a host name"),
        ({"KEY_VAULT_URL": "https://[x"}, "KEY_VAULT_URL: must be an https URL"),
        ({"RATE_LIMIT": "0"}, "RATE_LIMIT: '0' is not a whole number from 1 to 100000"),
        (
            {"CHATOPS_SECRET": "@Microsoft.KeyVault(SecretUri=x)"},
            "CHATOPS_SECRET: is a Key Vault reference",
        ),
    ],
)
def test_settings_with_unsafe_destinations_are_rejected(given: dict[str, str], complaint: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_environment({**REQUIRED, **given})
    assert complaint in str(caught.value)
    assert "/x" not in str(caught.value), "what an address ends with is a secret"


def test_known_services_and_named_hosts_are_accepted() -> None:
    settings = Settings.from_environment(
        {
            **REQUIRED,
            "NOTIFY_SLACK_URL": "https://hooks.slack.com/services/x",
            "NOTIFY_TEAMS_URL": "https://default0d0e.environment.api.powerplatform.com/powerautomate/x",
            "NOTIFY_WEBHOOK_URL": "https://Hooks.Inside.example/x",
            "NOTIFY_HOSTS": "hooks.inside.example",
            "NOTIFY_WEBHOOK_SECRET": "not-to-be-shown",
        }
    )
    assert set(settings.notify_urls) == {"slack", "teams", "webhook"}
    assert "not-to-be-shown" not in repr(settings)
    assert Settings.from_environment({**REQUIRED, "CHATOPS_SECRET": "ends/"}).chatops_secret == "ends/"
    assert "services/x" not in repr(settings)


@pytest.mark.parametrize(
    ("url", "taken"),
    [
        ("https://hooks.slack.com/commands/T1/2/x", True),
        ("https://hooks.slack.com:443@evil.example/x", False),
        ("https://hooks.slack.com.evil.example/x", False),
        ("http://hooks.slack.com/x", False),
        ("https://HOOKS.slack.com/x", False),
        ("https://hooks.slack.com\\@evil.example", False),
        ("https://[hooks.slack.com/x", False),
        ("", False),
    ],
)
def test_replies_are_allowed_only_to_slacks_own_host(url: str, taken: bool) -> None:
    assert Settings.from_environment(REQUIRED).takes_slack_answers(url) is taken


def test_signatures_match_the_examples_of_the_services() -> None:
    # The example of https://docs.slack.dev/authentication/verifying-requests-from-slack.
    body = (
        b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar"
        b"&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com"
        b"%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121."
        b"803a0bc887a14d10d2c447fce8b6703c"
    )
    expected = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"
    assert slack_signature("8f742231b10e8888abcd99yyyzzz85a5", "1531420618", body) == expected
    # The example of https://docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries.
    hub = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    assert hub_signature("It's a Secret to Everybody", b"Hello, World!") == hub
    assert teams_signature("c2VjcmV0", b"x").startswith("HMAC ")
    assert same("ä", "ä")
    assert not same("\udcff", "b"), "whatever came"
    assert not same("ä", "b")
