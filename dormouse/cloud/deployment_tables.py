"""The tables of one deployment: a storage account may hold those of several, and each sees its own only."""

from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from azure.data.tables.aio import TableClient, TableServiceClient


class DeploymentTables:
    """A table service in which every table name begins with the prefix of a deployment."""

    def __init__(self, service: "TableServiceClient", prefix: str) -> None:
        """Reach the tables of this service whose names begin so."""
        self._service, self._prefix = service, prefix

    def get_table_client(self, table_name: str) -> "TableClient":
        """The client of one table of the deployment."""
        return self._service.get_table_client(f"{self._prefix}{table_name}")

    def create_table_if_not_exists(self, table_name: str) -> Awaitable[Any]:
        """Create one table of the deployment, unless it exists."""
        return self._service.create_table_if_not_exists(f"{self._prefix}{table_name}")
