"""In-memory fakes of what the app reaches over the network, for unit tests: tables, Durable Functions, HTTP responses.

The stores over these tables are the app's own. The fakes derive from the real classes, so that mypy compares their
methods; the untyped Durable Functions client is compared by a test.
"""

import json
import operator
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import azure.durable_functions as df
import azure.functions as func
from azure.core.exceptions import (
    HttpResponseError,
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
    ServiceRequestError,
)
from azure.data.tables import TableEntity
from azure.data.tables.aio import TableClient
from azure.durable_functions.models.DurableOrchestrationStatus import DurableOrchestrationStatus
from azure.durable_functions.models.PurgeHistoryResult import PurgeHistoryResult

from activities.resources.environments import EnvironmentInventory
from activities.resources.survey import Survey
from dormouse.access.rate_limit import RateLimit
from dormouse.access.tokens import Tokens
from dormouse.clock import Clock
from dormouse.cloud.clients import Cloud
from dormouse.cloud.containers.images import ImageInventory
from dormouse.cloud.deployment_tables import DeploymentTables
from dormouse.cloud.inventory import Inventory
from dormouse.cloud.passwords import PasswordInventory
from dormouse.cloud.signing_keys import SigningKeys
from dormouse.cloud.sizes import Sizes
from dormouse.records.budgets import BudgetWarnings
from dormouse.records.deduplication import RECEIPTS, Receipts
from dormouse.records.environments import Records
from dormouse.records.machines import MachineRecords
from dormouse.records.power_history import PowerRecords
from dormouse.records.prices import PriceRecords
from dormouse.records.reconcile import ReconcileRecords
from dormouse.services.dependencies import Dependencies
from dormouse.settings import Settings
from local.host.http.requests import query_of

SETTINGS = Settings("0d0e5e00-0000-4000-8000-000000000001", "https://v.vault.azure.net", "https://r.table.core.windows.net")
COMPARE: dict[str, Callable[[str, str], bool]] = {
    "eq": operator.eq,
    "lt": operator.lt,
    "le": operator.le,
    "gt": operator.gt,
    "ge": operator.ge,
}
Key = tuple[str, str]


class Entity(TableEntity):
    """A row as the SDK returns it."""

    def __init__(self, content: Mapping[str, Any], etag: str, written_at: float) -> None:
        super().__init__(content)
        self._metadata = {"etag": etag, "timestamp": datetime.fromtimestamp(written_at, UTC)}


def failing(error: HttpResponseError, status: int) -> HttpResponseError:
    """An error as the SDK raises it for a response with this status."""
    error.status_code = status
    return error


class MemoryTable(TableClient):
    """One table in memory: rows by both keys, with a new ETag for every change."""

    def __init__(self, tables: "MemoryTables") -> None:
        self.rows: dict[Key, Entity] = {}
        self._tables = tables

    async def create_entity(self, entity: Any, **_: Any) -> Mapping[str, Any]:
        self._tables.answer()
        return self._apply(self.rows, ("create", entity))

    async def upsert_entity(self, entity: Any, *_: Any, **__: Any) -> Mapping[str, Any]:
        self._tables.answer()
        return self._apply(self.rows, ("upsert", entity))

    async def update_entity(self, entity: Any, *_: Any, etag: str | None = None, **__: Any) -> Mapping[str, Any]:
        self._tables.answer()
        return self._apply(self.rows, ("update", entity, {"etag": etag}))

    async def submit_transaction(self, operations: Any, **_: Any) -> list[Mapping[str, Any]]:
        self._tables.answer()
        rows = dict(self.rows)
        answers = [self._apply(rows, operation) for operation in operations]
        self.rows = rows
        return answers

    async def get_entity(self, partition_key: str, row_key: str, **_: Any) -> TableEntity:
        self._tables.answer()
        return self._row((partition_key, row_key))

    async def delete_entity(self, *keys: Any, etag: str | None = None, **_: Any) -> None:
        self._tables.answer()
        if etag and self._row(keys).metadata["etag"] != etag:
            raise failing(ResourceModifiedError("UpdateConditionNotSatisfied"), 412)
        self.rows.pop(keys, None)

    def list_entities(self, **_: Any) -> Any:
        return self.query_entities("PartitionKey ge @first", parameters={"first": ""})

    def query_entities(self, query_filter: str, *, parameters: Mapping[str, str] | None = None, **_: Any) -> Any:
        conditions = [condition.split(" ") for condition in query_filter.split(" and ")]
        given = parameters or {}

        async def found() -> AsyncIterator[TableEntity]:
            self._tables.answer()
            for key in sorted(self.rows):
                row = self.rows[key]
                if all(
                    column in row and COMPARE[comparison](row[column], given[value.removeprefix("@")])
                    for column, comparison, value in conditions
                ):
                    yield row

        return found()

    def _row(self, key: Key) -> Entity:
        if key not in self.rows:
            raise failing(ResourceNotFoundError("ResourceNotFound"), 404)
        return self.rows[key]

    def _apply(self, rows: dict[Key, Entity], operation: Sequence[Any]) -> Mapping[str, Any]:
        what, content, condition = (*operation, {})[:3]
        key = (content["PartitionKey"], content["RowKey"])
        if what == "create" and key in rows:
            raise failing(ResourceExistsError("EntityAlreadyExists"), 409)
        if what == "update" and key not in rows:
            raise failing(ResourceNotFoundError("ResourceNotFound"), 404)
        if what == "update" and rows[key].metadata["etag"] != condition["etag"]:
            raise failing(ResourceModifiedError("UpdateConditionNotSatisfied"), 412)
        rows[key] = Entity(content, self._tables.next_etag(), self._tables.now)
        return rows[key].metadata


class MemoryTables(DeploymentTables):
    """A table service in memory, in which `now` is the time of every change.

    While it is `away`, every request fails; while it is `closed`, every request is forbidden.
    """

    def __init__(self, now: float = 0.0) -> None:
        self.now, self.away, self.closed, self.asked = now, False, False, 0
        self._tables: dict[str, MemoryTable] = {}
        self._changes = 0

    def get_table_client(self, table_name: str) -> MemoryTable:
        return self._tables.setdefault(table_name, MemoryTable(self))

    async def create_table_if_not_exists(self, table_name: str) -> None:
        self.get_table_client(table_name)

    def answer(self) -> None:
        """Count a request; raise what the SDK raises if the service does not respond, or denies access."""
        self.asked += 1
        if self.away:
            raise ServiceRequestError("The connection was refused.")
        if self.closed:
            raise failing(HttpResponseError("AuthorizationPermissionMismatch"), 403)

    def next_etag(self) -> str:
        self._changes += 1
        return str(self._changes)

    def put(self, table: str, key: str, document: str, *, partition: str = "", written_at: float = 0.0) -> None:
        """Write a row as another release would have."""
        content = {"PartitionKey": partition or table, "RowKey": key, "Document": document}
        rows = self.get_table_client(table).rows
        rows[content["PartitionKey"], key] = Entity(content, self.next_etag(), written_at)

    def keys(self, table: str) -> set[str]:
        """The keys of a table's rows, whatever their partition."""
        return {key for _, key in self.get_table_client(table).rows}


@dataclass
class Orchestrations:
    """A durable client in memory: what runs, and which requests were made; while it is `away`, it raises.

    `statuses` has the states of orchestrations that are not simply running.
    """

    running: dict[str, Any] = field(default_factory=dict)
    statuses: dict[str, DurableOrchestrationStatus] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    terminated: list[str] = field(default_factory=list)
    purged: list[tuple[datetime, datetime]] = field(default_factory=list)
    away: bool = False

    async def start_new(self, orchestration_function_name: str, instance_id: str, client_input: Any = None) -> str:
        self._answer()
        self.running[instance_id] = client_input
        return instance_id

    async def get_status(self, instance_id: str, **shown: bool) -> DurableOrchestrationStatus:
        self.asked.append(instance_id)
        self._answer()
        if instance_id in self.statuses:
            return self.statuses[instance_id]
        if instance_id not in self.running:
            return DurableOrchestrationStatus()
        return self.status(instance_id, df.OrchestrationRuntimeStatus.Running)

    async def raise_event(self, instance_id: str, event_name: str, event_data: Any = None) -> None:
        self._answer()

    async def terminate(self, instance_id: str, reason: str) -> None:
        self._answer()
        self.terminated.append(instance_id)

    async def get_status_by(self, *, created_time_to: datetime, runtime_status: Any) -> list[DurableOrchestrationStatus]:
        self._answer()
        known = self.statuses.values()
        return [one for one in known if one.created_time <= created_time_to and one.runtime_status in runtime_status]

    async def purge_instance_history_by(
        self, created_time_from: datetime, created_time_to: datetime, runtime_status: Any
    ) -> PurgeHistoryResult:
        self.purged.append((created_time_from, created_time_to))
        self._answer()
        return PurgeHistoryResult(0)

    @staticmethod
    def status(instance_id: str, runtime: Any, custom: Any = None) -> DurableOrchestrationStatus:
        """The status of an orchestration that exists."""
        at = "2026-05-01T12:00:00Z"
        return DurableOrchestrationStatus("", instance_id, at, at, runtimeStatus=runtime.value, customStatus=custom)

    def _answer(self) -> None:
        if self.away:
            raise OSError("connection refused")


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What a service answers over HTTP."""

    status_code: int = 200
    content: Any = None

    def json(self) -> Any:
        return self.content

    def text(self) -> str:
        return self.content if isinstance(self.content, str) else json.dumps(self.content)

    async def read(self) -> bytes:
        return self.text().encode()


def stopped_clock(now: float) -> Clock:
    """A clock that always shows the same time (seconds since 1970)."""
    return Clock(origin=now, speed=0.0)


def reads_of(tables: MemoryTables, *, now: float = 0.0, settings: Settings = SETTINGS, **parts: Any) -> Dependencies:
    """The dependencies of routes over these tables; `parts` replace some of them."""
    clock = stopped_clock(now)
    cloud = Cloud(settings, clock)
    cloud.tables = tables
    made: dict[str, Any] = {
        "records": Records(tables),
        "inventory": Inventory(cloud),
        "environments": EnvironmentInventory(cloud),
        "survey": Survey(cloud),
        "prices": cloud.prices,
        "sizes": Sizes(cloud),
        "machines": MachineRecords(tables),
        "power": PowerRecords(tables),
        "price_records": PriceRecords(tables),
        "receipts": Receipts(tables),
        "budget_warnings": BudgetWarnings(tables, RECEIPTS),
        "tokens": Tokens(SigningKeys(cloud), settings.entra_authority_url, settings.entra_tenant_id, clock),
        "passwords": PasswordInventory(cloud),
        "images": ImageInventory(cloud),
        "reconciled": ReconcileRecords(tables),
        "settings": settings,
        "clock": clock,
        "rate_limit": RateLimit(settings.rate_limit),
    }
    return Dependencies(**{**made, **parts})


def request(query: str = "", body: bytes = b"", **headers: str) -> func.HttpRequest:
    """A stop request as Azure's host passes it on."""
    url = f"https://x.example/api/environments/ml1/stop{query}"
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    params = query_of(query.removeprefix("?"))
    return func.HttpRequest(method="POST", url=url, headers=given, params=params, route_params={"name": "ml1"}, body=body)
