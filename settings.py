"""Settings: one frozen value, read from the environment in one place, all complaints at once."""

import os
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, fields
from urllib.parse import urlsplit


class SettingsError(Exception):
    """One or more settings are missing or wrong; every one of them is named."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Where the control plane works and where Azure is; the environment names are the fields in capitals."""

    azure_subscription_id: str
    key_vault_url: str
    records_tables_url: str
    azure_resource_manager_url: str = "https://management.azure.com"
    azure_resource_manager_scope: str = "https://management.azure.com/.default"
    retail_prices_url: str = "https://prices.azure.com"

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> "Settings":
        """Read every setting, or raise SettingsError that names all that is missing or wrong."""
        given = {field.name: environ.get(field.name.upper(), "").strip() for field in fields(cls)}
        values = {name: value.rstrip("/") for name, value in given.items() if value}
        required = ("azure_subscription_id", "key_vault_url", "records_tables_url")
        complaints = [f"{name.upper()} is not set" for name in required if name not in values]
        for name, value in values.items():
            complaints += _url_complaints(name, value) if name.endswith("_url") else []
        complaints += _subscription_complaints(values.get("azure_subscription_id", ""))
        if complaints:
            raise SettingsError("; ".join(complaints))
        return cls(**values)


def _url_complaints(name: str, value: str) -> list[str]:
    parts = urlsplit(value)
    if parts.scheme == "https" and parts.hostname:
        return []
    return [f"{name.upper()} must be an https address, not {value!r}"]


def _subscription_complaints(value: str) -> list[str]:
    try:
        uuid.UUID(value or str(uuid.UUID(int=0)))
    except ValueError:
        return [f"AZURE_SUBSCRIPTION_ID must be a GUID, not {value!r}"]
    return []
