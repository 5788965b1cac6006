"""Backup: the rows of every table that is worth keeping."""

from collections.abc import AsyncIterator
from pathlib import Path

from dormouse.cloud.clients import Cloud
from dormouse.records.environments import ENVIRONMENTS
from dormouse.records.machines import HEARTBEATS, MACHINES
from dormouse.records.operation_rows import OPERATIONS
from dormouse.records.power_history import POWER
from dormouse.records.prices import PRICES
from recovery.files import BackupError, BackupHead, BackupRow, write

# In the order in which they are restored: an environment comes last, so that nothing acts on it before the rest is there.
# Left out: locks (derived from operations), reports (the next sweep writes one), receipts (kept for a day only).
TABLES = (PRICES, POWER, HEARTBEATS, OPERATIONS, MACHINES, ENVIRONMENTS)
KEYS = ("PartitionKey", "RowKey")


async def backup(cloud: Cloud, path: Path) -> int:
    """Write all records of the deployment into a file; returns the number of rows. Raises BackupError and Azure's errors.

    The tables are read one after another while the control plane works: an operation that ends in between may be in the
    backup as a running one.
    """
    settings = cloud.settings
    head = BackupHead(settings.deployment_id, settings.azure_subscription_id, cloud.clock.text())
    rows = [row for table in TABLES async for row in rows_of(cloud, table)]
    return write(path, head, rows)


async def rows_of(cloud: Cloud, table: str) -> AsyncIterator[BackupRow]:
    """The rows of a table; none if it does not exist. Raises BackupError for a column that is not a text."""
    from azure.core.exceptions import AzureError, ClientAuthenticationError, HttpResponseError, ResourceNotFoundError

    try:
        async for entity in cloud.tables.get_table_client(table).list_entities(results_per_page=1000):
            columns = {name: value for name, value in entity.items() if name not in KEYS}
            strange = sorted(name for name, value in columns.items() if not isinstance(value, str))
            if strange:
                raise BackupError(f"A row of the table {table} has a column that is not a text: {', '.join(strange)}.")
            yield BackupRow(table, str(entity["PartitionKey"]), str(entity["RowKey"]), columns)
    except ResourceNotFoundError:
        return
    except ClientAuthenticationError as error:
        raise BackupError(
            "The sign-in to Azure failed; sign in with `az login` and set AZURE_TOKEN_CREDENTIALS=dev."
        ) from error
    except HttpResponseError as error:
        why = f"HTTP {error.status_code}; the caller needs the role Storage Table Data Reader, or Contributor to restore"
        raise BackupError(f"The table {table} cannot be read ({why}).") from error
    except AzureError as error:
        raise BackupError(f"Azure Table Storage did not answer ({type(error).__name__}).") from error
