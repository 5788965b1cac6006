"""Fields of a settings class: how the text of an environment variable becomes the value of a field."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, field, fields
from typing import Any, TypeVar

T = TypeVar("T")

# App Service leaves the reference in place if it cannot read the secret. As a secret, it could be guessed.
# https://learn.microsoft.com/azure/app-service/app-service-key-vault-references
KEY_VAULT_REFERENCE = "@Microsoft.KeyVault("
HOW_TO_READ = "how to read"


class SettingsError(Exception):
    """One or more settings are missing or invalid; the message names every one of them and contains no secrets."""

    def __init__(self, complaints: Sequence[str]) -> None:
        super().__init__("; ".join(complaints))


@dataclass(frozen=True, slots=True)
class Reading:
    """How a setting is read: `read` raises ValueError, and a complaint ends with the example."""

    read: Callable[[str], Any]
    example: str = ""


def required(read: Callable[[str], T], *, example: str) -> T:
    """A field for a setting without which the control plane does not work."""
    value: T = field(metadata={HOW_TO_READ: Reading(read, example)})
    return value


def setting(read: Callable[[str], T], default: T, *, example: str = "") -> T:
    """A field for a setting with a default."""
    return field(default=default, metadata={HOW_TO_READ: Reading(read, example)})


def collection(read: Callable[[str], T], empty: Callable[[], T], *, example: str = "") -> T:
    """A field for a setting whose default is created for each object."""
    return field(default_factory=empty, metadata={HOW_TO_READ: Reading(read, example)})


def secret(read: Callable[[str], str] = str, *, example: str = "") -> str:
    """A field for a secret, empty by default and left out of `repr`; errors raised by `read` must not contain it."""
    return field(default="", repr=False, metadata={HOW_TO_READ: Reading(read, example)})


def read_fields(kind: type[Any], texts: Mapping[str, str]) -> tuple[dict[str, Any], list[str]]:
    """The values of all fields whose text is valid, by name, and what is wrong with the others."""
    values, complaints = dict[str, Any](), list[str]()
    for each in fields(kind):
        text = texts.get(each.name, "")
        try:
            if text or _is_required(each):
                values[each.name] = _read(each.metadata[HOW_TO_READ], text)
        except ValueError as error:
            example = each.metadata[HOW_TO_READ].example
            complaints.append(f"{each.name.upper()}: {error}{f' (example: {example})' if example else ''}")
    return values, complaints


def _is_required(each: "Field[Any]") -> bool:
    return each.default is MISSING and each.default_factory is MISSING


def _read(reading: Reading, text: str) -> Any:
    if not text:
        raise ValueError("is not set")
    if text.startswith(KEY_VAULT_REFERENCE):
        raise ValueError("is a Key Vault reference that was not resolved; check that the app's identity may read the secret")
    return reading.read(text)
