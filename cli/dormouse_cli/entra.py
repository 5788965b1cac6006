"""Microsoft Entra and Key Vault, with the rights of whoever runs the command; only the extra `entra` brings them along."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from dormouse_cli.access import Entra
from dormouse_cli.errors import CommandError, NoServer, NotAllowed, NotFound, Usage

if TYPE_CHECKING:
    from azure.identity import DefaultAzureCredential

MISSING = "This needs the packages azure-identity and azure-keyvault-secrets, which are not installed."
INSTALL = "Install them: pip install 'dormouse-cli[entra]' (from a checkout: pip install './cli[entra]')"
LOG_IN = "Log in to Azure, for example with: az login"
BRIEFLY = {"retry_total": 2, "connection_timeout": 10, "read_timeout": 30}


def bearer_token(entra: Entra) -> str:
    """A token for the control plane; raises NotAllowed, NoServer or Usage."""
    with _in_our_words("Microsoft Entra"):
        tenant = {"tenant_id": entra.tenant} if entra.tenant else {}
        return str(_credential().get_token(f"{entra.audience.rstrip('/')}/.default", **tenant).token)


def read_secret(address: str) -> str:
    """A secret's value out of its key vault; raises NotAllowed, NotFound, NoServer or Usage."""
    parts = urlsplit(address)
    path = parts.path.strip("/").split("/")
    if parts.scheme != "https" or path[0] != "secrets" or len(path) not in (2, 3):
        raise NoServer("What the control plane named is not the address of a secret.")
    with _in_our_words(f"the key vault {parts.netloc}"):
        from azure.keyvault.secrets import SecretClient

        vault = SecretClient(f"https://{parts.netloc}", _credential(), **BRIEFLY)
        with vault:
            return vault.get_secret(path[1], path[2] if len(path) == 3 else None).value or ""


def _credential() -> "DefaultAzureCredential":
    from azure.identity import DefaultAzureCredential

    logging.getLogger("azure").setLevel(logging.CRITICAL)  # what it has to say comes with the exception
    return DefaultAzureCredential()


@contextmanager
def _in_our_words(what: str) -> Iterator[None]:
    try:
        from azure.core import exceptions as azure
        from azure.identity import CredentialUnavailableError
    except ImportError:
        raise Usage(MISSING, INSTALL) from None
    try:
        yield
    except ImportError:
        raise Usage(MISSING, INSTALL) from None
    except CommandError:
        raise
    except CredentialUnavailableError:
        raise NotAllowed("Nobody is logged in to Azure here.", LOG_IN) from None
    except azure.ClientAuthenticationError as error:
        raise NotAllowed(f"Microsoft Entra gives no token: {_first_line(error.message)}", LOG_IN) from None
    except azure.ResourceNotFoundError:
        raise NotFound(f"There is no such secret in {what} (any more).") from None
    except azure.HttpResponseError as error:
        if error.status_code in (401, 403):
            words = "You need to be Key Vault Secrets User there."
            raise NotAllowed(f"You may not read this in {what}: {_first_line(error.message)}", words) from None
        raise NoServer(f"{what} answered with {error.status_code}: {_first_line(error.message)}") from None
    except azure.AzureError as error:
        raise NoServer(f"{what} cannot be reached: {_first_line(error.message)}") from None


def _first_line(text: str) -> str:
    return (text.strip().splitlines() or ["no reason was given."])[0]
