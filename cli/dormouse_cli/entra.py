"""Microsoft Entra tokens and Key Vault secrets, with the rights of the user; needs the extra `entra`."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from dormouse_cli.credentials import EntraLogin
from dormouse_cli.errors import AccessDenied, CommandError, NotFound, ServerError, UsageError

if TYPE_CHECKING:
    from azure.identity import DefaultAzureCredential

MISSING = "This needs the packages azure-identity and azure-keyvault-secrets, which are not installed."
INSTALL = "Install them: pip install 'dormouse-cli[entra]' (from a checkout: pip install './cli[entra]')"
CHECK_PROXY = "Check your network, and HTTPS_PROXY and ALL_PROXY if they are set."
LOG_IN = "Log in to Azure, for example with: az login"
WRONG_URI = "The control plane returned a URI that is not the URI of a Key Vault secret."
VAULT_LIMITS = {"retry_total": 2, "connection_timeout": 10, "read_timeout": 30}  # attempts, and seconds


def get_token(login: EntraLogin) -> str:
    """A token for the control plane; raises AccessDenied, ServerError or UsageError."""
    with _azure_errors("Microsoft Entra"):
        tenant = {"tenant_id": login.tenant} if login.tenant else {}
        return str(_credential().get_token(f"{login.audience.rstrip('/')}/.default", **tenant).token)


def read_secret(uri: str) -> str:
    """The value of a Key Vault secret; raises AccessDenied, NotFound, ServerError or UsageError."""
    try:
        parts = urlsplit(uri)
    except ValueError:
        raise ServerError(WRONG_URI) from None
    path = parts.path.strip("/").split("/")
    if parts.scheme != "https" or path[0] != "secrets" or len(path) not in (2, 3):
        raise ServerError(WRONG_URI)
    with _azure_errors(f"the key vault {parts.netloc}"):
        from azure.keyvault.secrets import SecretClient

        vault = SecretClient(f"https://{parts.netloc}", _credential(), **VAULT_LIMITS)
        with vault:
            return vault.get_secret(path[1], path[2] if len(path) == 3 else None).value or ""


def _credential() -> "DefaultAzureCredential":
    from azure.identity import DefaultAzureCredential

    logging.getLogger("azure").setLevel(logging.CRITICAL)  # the exception carries the same messages
    return DefaultAzureCredential()


@contextmanager
def _azure_errors(service: str) -> Iterator[None]:
    """Turn the SDK's exceptions into a CommandError that names the service."""
    try:
        from azure.core import exceptions as azure
        from azure.identity import CredentialUnavailableError
    except ImportError:
        raise UsageError(MISSING, INSTALL) from None
    try:
        yield
    except ImportError:
        raise UsageError(MISSING, INSTALL) from None
    except CommandError:
        raise
    except CredentialUnavailableError:
        raise AccessDenied("You are not logged in to Azure.", LOG_IN) from None
    except azure.ClientAuthenticationError as error:
        raise AccessDenied(f"Microsoft Entra did not issue a token: {_first_line(error.message)}", LOG_IN) from None
    except azure.ResourceNotFoundError:
        raise NotFound(f"The secret does not exist in {service}; it may have been deleted.") from None
    except azure.HttpResponseError as error:
        if error.status_code in (401, 403):
            advice = "You need the role Key Vault Secrets User there."
            raise AccessDenied(f"Access to {service} was denied: {_first_line(error.message)}", advice) from None
        raise ServerError(f"HTTP {error.status_code} from {service}: {_first_line(error.message)}") from None
    except (azure.AzureError, ValueError) as error:
        raise _unanswered(error, service) from None


def _unanswered(error: Exception, service: str) -> CommandError:
    """No response: the service cannot be reached, or a tenant or a proxy variable (ValueError) cannot be used."""
    kind = UsageError if isinstance(error, ValueError) else ServerError
    return kind(f"Cannot reach {service}: {_first_line(str(error))}", CHECK_PROXY)


def _first_line(text: str) -> str:
    return (text.strip().splitlines() or ["no reason was given."])[0]
