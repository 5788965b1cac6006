"""The tables of one deployment: several deployments may share a storage account, each with its own table prefix."""

from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from azure.data.tables.aio import TableClient, TableServiceClient


class DeploymentTables:
    """A table service in which every table name begins with the prefix of a deployment."""

    def __init__(self, service: "TableServiceClient", prefix: str) -> None:
        """Use the tables of this service whose names start with `prefix`."""
        self._service, self._prefix = service, prefix
        self._clients: dict[str, TableClient] = {}

    def get_table_client(self, table_name: str) -> "TableClient":
        """The client of one table of the deployment, the same one on every call: records ask for it again and again."""
        if table_name not in self._clients:
            self._clients[table_name] = self._service.get_table_client(f"{self._prefix}{table_name}")
        return self._clients[table_name]

    def create_table_if_not_exists(self, table_name: str) -> Awaitable[Any]:
        """Create a table of the deployment if it does not exist."""
        return self._service.create_table_if_not_exists(f"{self._prefix}{table_name}")
