"""The settings of the control plane: where it works, where Azure is, whom it serves and whom it notifies."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date, timedelta
from typing import Any
from urllib.parse import urlsplit

from dormouse.access.roles import ChatPerson, Role, read_chat_users
from dormouse.chatops.parser import read_defaults
from dormouse.clock import Clock
from dormouse.costs.budgets import OwnerBudget, read_budgets
from dormouse.idle.outside.services import ActivityService
from dormouse.idle.policy import IdlePolicy, read_policy
from dormouse.idle.responsibility import Unassigned
from dormouse.reconcile.findings import Policy
from dormouse.resources.compute.machines import read_scopes
from dormouse.resources.naming import DEFAULT_DEPLOYMENT, read_deployment
from dormouse.settings.activity_services import read_activity_services
from dormouse.settings.fields import SettingsError, collection, read_fields, required, secret, setting
from dormouse.settings.readers import (
    HttpAuth,
    choice,
    host_of,
    number,
    read_base_url,
    read_control_plane_url,
    read_dates,
    read_duration,
    read_guid,
    read_heartbeat_seconds,
    read_hosts,
    read_origin,
    read_positive,
    read_teams_secret,
    read_vault_id,
    read_webhook_url,
)

REAL_AZURE = "https://management.azure.com"
VAULT_ID = "/subscriptions/…/resourceGroups/…/providers/Microsoft.KeyVault/vaults/my-vault"
GUID, DAYS = "00000000-0000-0000-0000-000000000000", number(2, 36_500)
# The secrets of which two may be valid while one replaces the other, each as NAME and NAME_PREVIOUS.
REPLACEABLE = ("slack_signing_secret", "teams_webhook_secret", "chatops_secret", "activity_report_secret")
# Hosts of these services' webhooks; Power Automate has moved its workflows from the first to the second.
# https://learn.microsoft.com/power-automate/when-http-request-received-trigger
WEBHOOK_HOSTS = {
    "notify_webhook_url": (),
    "notify_slack_url": ("hooks.slack.com",),
    "notify_teams_url": ("logic.azure.com", "api.powerplatform.com"),
}


@dataclass(frozen=True, slots=True)
class Settings:
    """Every setting, typed; the environment variables are named as the fields, in capitals."""

    azure_subscription_id: str = required(read_guid, example=GUID)
    key_vault_url: str = required(read_base_url, example="https://my-vault.vault.azure.net")
    records_tables_url: str = required(read_base_url, example="https://myrecords.table.core.windows.net")
    key_vault_id: str = setting(read_vault_id, "", example=VAULT_ID)
    deployment_id: str = setting(read_deployment, DEFAULT_DEPLOYMENT, example="staging")
    azure_resource_manager_url: str = setting(read_base_url, REAL_AZURE)
    azure_resource_manager_scope: str = setting(str, "https://management.azure.com/.default")
    retail_prices_url: str = setting(read_base_url, "https://prices.azure.com")
    monitor_metrics_url: str = setting(read_base_url, "https://{region}.metrics.monitor.azure.com")
    container_registry_url: str = setting(read_base_url, "https://{registry}.azurecr.io")
    azure_devops_url: str = setting(read_base_url, "https://dev.azure.com")
    entra_authority_url: str = setting(read_base_url, "https://login.microsoftonline.com")
    entra_tenant_id: str = setting(read_guid, "", example=GUID)
    entra_audience: str = setting(str, "api://dormouse")
    entra_dashboard_client_id: str = setting(read_guid, "", example=GUID)
    http_auth: HttpAuth = setting(choice(HttpAuth), HttpAuth.FUNCTION_KEY)
    function_key_role: Role = setting(choice(Role), Role.OPERATOR)
    rate_limit: int = setting(number(1, 100_000), 300, example="300")
    history_kept_days: int = setting(DAYS, 30, example="30")
    machines_kept_days: int = setting(DAYS, 30, example="30")
    trail_kept_days: int = setting(DAYS, 400, example="400")
    receipts_kept_days: int = setting(number(1, 36_500), 1, example="1")
    rotate_passwords_after_days: int = setting(number(0, 3650), 0, example="90 (0: never)")
    heartbeat_audience: str = setting(str, "api://dormouse")
    heartbeat_seconds: int = setting(read_heartbeat_seconds, 300, example="300")
    control_plane_url: str = setting(read_control_plane_url, "", example="https://my-dormouse.azurewebsites.net/api")
    idle_policy: IdlePolicy = collection(read_policy, IdlePolicy)
    idle_scopes: tuple[str, ...] = setting(read_scopes, ())
    reconcile: Policy = setting(choice(Policy), Policy.REPORT)
    unassigned_machines: Unassigned = setting(choice(Unassigned), Unassigned.ALONE)
    holidays: frozenset[date] = setting(read_dates, frozenset(), example="2026-12-25, 2027-01-01")
    budgets: Mapping[str, OwnerBudget] = collection(read_budgets, dict, example="alice@contoso.com=500, ben=200:stop")
    longest_hold: timedelta = setting(read_duration, timedelta(days=7))
    activity_url: tuple[ActivityService, ...] = setting(read_activity_services, (), example="https://busy.example.com/gpus")
    activity_url_secret: str = secret()
    activity_report_secret: str = secret()
    activity_report_secret_previous: str = secret()
    longest_activity: timedelta = setting(read_duration, timedelta(days=1))
    notify_webhook_url: str = secret(read_webhook_url, example="https://hooks.example.com/dormouse")
    notify_webhook_secret: str = secret()
    notify_slack_url: str = secret(read_webhook_url, example="https://hooks.slack.com/services/T000/B000/secret")
    notify_teams_url: str = secret(read_webhook_url, example="https://prod-00.westeurope.logic.azure.com/workflows/secret")
    notify_hosts: frozenset[str] = setting(read_hosts, frozenset(), example="hooks.example.com")
    notify_private_hosts: frozenset[str] = setting(read_hosts, frozenset(), example="hooks.internal.example.com")
    slack_signing_secret: str = secret()
    slack_signing_secret_previous: str = secret()
    slack_hooks_url: str = setting(read_origin, "https://hooks.slack.com")
    teams_webhook_secret: str = secret(read_teams_secret)
    teams_webhook_secret_previous: str = secret(read_teams_secret)
    chatops_secret: str = secret()
    chatops_secret_previous: str = secret()
    chat_users: Mapping[str, ChatPerson] = collection(read_chat_users, dict)
    chat_defaults: Mapping[str, str] = collection(read_defaults, dict)
    website_site_name: str = setting(str, "")  # the name of the app, set by App Service
    clock_origin: float = setting(read_positive, 0.0, example="1800000000 (seconds since 1970)")
    clock_speed: float = setting(read_positive, 1.0, example="10")

    @property
    def clock(self) -> Clock:
        """The clock of the app: real time, unless Azure is simulated."""
        return Clock(self.clock_origin, self.clock_speed)

    @property
    def longest_hold_minutes(self) -> int:
        """The longest hold, in minutes."""
        return self.longest_hold // timedelta(minutes=1)

    @property
    def activity_report_secrets(self) -> tuple[str, ...]:
        """The secrets that reporters may sign activity reports with; during a change there are two."""
        return tuple(filter(None, (self.activity_report_secret, self.activity_report_secret_previous)))

    @property
    def notify_urls(self) -> dict[str, str]:
        """The URLs that receive notifications, by the kind of service."""
        named = {"webhook": self.notify_webhook_url, "slack": self.notify_slack_url, "teams": self.notify_teams_url}
        return {name: url for name, url in named.items() if url}

    @property
    def slack_secrets(self) -> tuple[str, ...]:
        """The secrets that Slack may sign with; during a change there are two."""
        return tuple(filter(None, (self.slack_signing_secret, self.slack_signing_secret_previous)))

    @property
    def teams_secrets(self) -> tuple[str, ...]:
        """The secrets that Teams may sign with; during a change there are two."""
        return tuple(filter(None, (self.teams_webhook_secret, self.teams_webhook_secret_previous)))

    @property
    def chatops_secrets(self) -> tuple[str, ...]:
        """The secrets that other chats and scripts may sign with; during a change there are two."""
        return tuple(filter(None, (self.chatops_secret, self.chatops_secret_previous)))

    def takes_slack_answers(self, url: str) -> bool:
        """Whether a URL is one of Slack's for responses to commands."""
        try:
            asked = urlsplit(url)
        except ValueError:
            return False
        return f"{asked.scheme}://{asked.netloc}" == self.slack_hooks_url

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> "Settings":
        """Read every setting, or raise SettingsError that names all that are missing or invalid."""
        texts = {field.name: environ.get(field.name.upper(), "").strip() for field in fields(cls)}
        if not texts["control_plane_url"] and environ.get("WEBSITE_HOSTNAME"):
            texts["control_plane_url"] = f"https://{environ['WEBSITE_HOSTNAME']}/api"  # set by App Service
        values, complaints = read_fields(cls, texts)
        complaints += _conflicts(values, texts)
        if complaints:
            raise SettingsError(complaints)
        return cls(**values)


def wants_keys(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether the host must require a function key: yes, unless only Entra tokens are accepted."""
    return environ.get("HTTP_AUTH", "").strip() != HttpAuth.ENTRA


def _conflicts(values: Mapping[str, Any], texts: Mapping[str, str]) -> list[str]:
    """What is wrong between settings that are each valid by themselves."""
    complaints = []
    if values.get("http_auth") is HttpAuth.ENTRA and not texts["entra_tenant_id"]:
        complaints.append(f"ENTRA_TENANT_ID: is not set, and HTTP_AUTH=entra requires it (example: {GUID})")
    if values.get("clock_speed", 1.0) != 1.0:  # on real Azure, machines would be stopped at wrong times
        if values.get("azure_resource_manager_url", REAL_AZURE) == REAL_AZURE:
            complaints.append("CLOCK_SPEED: is for a simulated Azure, and AZURE_RESOURCE_MANAGER_URL leads to the real one")
        if not texts["clock_origin"]:
            complaints.append("CLOCK_ORIGIN: is not set, and CLOCK_SPEED requires it (example: 1800000000)")
    complaints += [  # a chat that is not configured must not be open to an old secret
        f"{name.upper()}_PREVIOUS: is only for a change of {name.upper()}, which is not set"
        for name in REPLACEABLE
        if texts[f"{name}_previous"] and not texts[name]
    ]
    if any(service.url for service in values.get("activity_url", ())) and not texts["activity_url_secret"]:
        complaints.append("ACTIVITY_URL_SECRET: is not set, and ACTIVITY_URL requires it: questions are signed with it")
    if texts["notify_hosts"] and "notify_hosts" not in values:
        return complaints
    named = values.get("notify_hosts", frozenset())
    for name, known in WEBHOOK_HOSTS.items():
        host = host_of(values.get(name, ""))
        if host and host not in named and not any(host == each or host.endswith(f".{each}") for each in known):
            complaints.append(f"{name.upper()}: its host must be named in NOTIFY_HOSTS (example: hooks.example.com)")
    return complaints
