"""Azure Resource Graph: the resources table, and the pages of query results."""

from itertools import takewhile
from typing import Any
from weakref import WeakKeyDictionary

from local.azure.core.responses import Answer, Refused, not_simulated
from local.azure.core.store import Document
from local.azure.core.world import SUBSCRIPTION, SUBSCRIPTIONS, TENANT, World
from local.azure.providers.compute import annotations
from local.azure.providers.kinds import (
    DATASTORE,
    GROUP,
    MACHINE,
    ML_COMPUTE,
    POOL,
    RECORDS,
    ROLE,
    ROLE_DEFINITION,
    ZONE_GROUP,
)
from local.azure.services import kusto
from local.azure.services.authorization import checks
from local.azure.services.kusto import Row
from local.azure.services.kusto_text import invalid

# Not in the table of resources: https://learn.microsoft.com/azure/governance/resource-graph/reference/supported-tables-resources
UNLISTED = frozenset(
    kind.lower() for kind in (GROUP, ROLE, ROLE_DEFINITION, ML_COMPUTE, DATASTORE, ZONE_GROUP, POOL, *RECORDS)
)
HEALTH = "healthresources"
# Subscriptions, management groups and resource groups; only the latter are simulated.
# https://learn.microsoft.com/azure/governance/resource-graph/reference/supported-tables-resources#resourcecontainers
CONTAINERS = "resourcecontainers"
OF_GROUPS = "microsoft.resources/subscriptions/resourcegroups"
PATH = "/providers/Microsoft.ResourceGraph/resources"
LARGEST_PAGE = 1000
CACHED_RESULTS = 8
UNKNOWN_QUESTIONS = ("managementGroups", "facets")
OPTIONS = {"resultFormat", "$top", "$skip", "$skipToken", "allowPartialScopes"}


class Table:
    """The resources table of one world: rows and results are computed once and cached until the index changes."""

    def __init__(self) -> None:
        self._version = -1
        self._rows: dict[str, tuple[Document, Row]] = {}
        self._answers: dict[str, list[Row]] = {}
        self._by_row: dict[str, dict[str, tuple[Row, list[Row]]]] = {}

    def ask(self, world: World, query: str, within: set[str]) -> list[Row]:
        """All result rows of a query about some subscriptions; raises refusals for what is not supported."""
        table, stages = kusto.read(query)
        # What it may read in the own subscription says nothing about others.
        everything = within == {SUBSCRIPTION} and checks.reads_everything(world)
        if table == HEALTH:
            rows = [row for row in annotations.rows(world) if row["subscriptionId"] in within]
            return _applied(stages, rows if everything else _readable(world, rows))
        documents, version = world.indexed()
        if table == CONTAINERS:
            return _applied(
                stages,
                [
                    _container(one)
                    for one in documents.values()
                    if one["type"] == GROUP
                    and _subscription_of(one) in within
                    and (everything or checks.may_read(world, OF_GROUPS, one["id"]))
                ],
            )
        if version != self._version:
            known = self._rows
            self._rows = {
                key: known[key] if key in known and known[key][0] is document else (document, _row(document))
                for key, document in documents.items()
                if _listed(document)
            }
            self._version, self._answers = version, {}
        if not everything and table == kusto.FIRST_TABLE:
            rows = [row for _, row in self._rows.values() if row["subscriptionId"] in within]
            return _applied(stages, _readable(world, rows))
        if query not in self._answers:
            if len(self._by_row) >= CACHED_RESULTS:
                self._answers.clear()
                self._by_row.clear()
            self._answers[query] = self._evaluated(query)
        return self._answers[query]

    def _evaluated(self, query: str) -> list[Row]:
        table, stages = kusto.read(query)
        if table != kusto.FIRST_TABLE:
            raise not_simulated(f"the table {table} of Resource Graph")
        first = list(takewhile(lambda stage: stage.by_row, stages))
        # Cached results are reused for unchanged rows: only changed rows are evaluated again.
        before, after = self._by_row.get(query, {}), {}
        for key, (_, row) in self._rows.items():
            if row["subscriptionId"] != SUBSCRIPTION:
                continue
            known = before.get(key)
            after[key] = known if known and known[0] is row else (row, _applied(first, [row]))
        self._by_row[query] = after
        return _applied(stages[len(first) :], [row for _, rows in after.values() for row in rows])


def _readable(world: World, rows: list[Row]) -> list[Row]:
    return [row for row in rows if checks.may_read(world, row["type"], row["id"])]


def _applied(stages: list[kusto.Stage], rows: list[Row]) -> list[Row]:
    for stage in stages:
        rows = stage.apply(rows)
    return rows


TABLES: WeakKeyDictionary[World, Table] = WeakKeyDictionary()


def answer(world: World, body: dict[str, Any]) -> Answer:
    """Answer one query; raises refusals for invalid or unsupported queries."""
    headers = world.throttle.resource_graph()
    options = body.get("options") or {}
    unknown = [name for name in UNKNOWN_QUESTIONS if body.get(name)] + sorted(options.keys() - OPTIONS)
    if unknown or options.get("resultFormat", "objectArray") != "objectArray":
        raise not_simulated(f"{', '.join(unknown) or options['resultFormat']} of Resource Graph")
    top = int(options.get("$top", LARGEST_PAGE))
    skip = int(options.get("$skipToken") or options.get("$skip") or 0)
    if not 1 <= top <= LARGEST_PAGE or skip < 0:
        raise invalid(f"$top is {top} and $skip is {skip}")
    query = str(body.get("query", ""))
    kusto.read(query)
    asked = _subscriptions(body.get("subscriptions") or [SUBSCRIPTION])
    hidden = world.faults.striking("hide", "POST", PATH, body=query.encode())
    rows = [] if hidden else TABLES.setdefault(world, Table()).ask(world, query, asked)
    page = rows[skip : skip + top]
    said: dict[str, Any] = {
        "totalRecords": len(rows),
        "count": len(page),
        "data": page,
        "facets": [],
        "resultTruncated": "false",
    }
    if skip + top < len(rows):
        said["$skipToken"] = str(skip + top)
    return Answer(200, said, headers)


def _subscriptions(asked: list[Any]) -> set[str]:
    """The existing ones of some subscriptions; raises the refusal for a query about none of them.

    Its message: https://github.com/Azure/aztfexport/issues/475. The code of the detail is from memory, not recorded.
    """
    found = {str(item).lower() for item in asked} & SUBSCRIPTIONS
    if found:
        return found
    given = ",".join(str(item) for item in asked)
    text = f"There must be at least one subscription that is eligible to contain resources. Given: '{given}'."
    details = [{"code": "NoValidSubscriptionsInQueryRequest", "message": text}]
    raise Refused(400, "BadRequest", "Please provide below info when asking for support.", details=details)


def _subscription_of(document: Document) -> str:
    """The subscription of a resource or group."""
    return str(document["id"].split("/")[2]).lower()


def _row(document: Document) -> Row:
    properties = dict(document["properties"])
    if document["type"] == MACHINE and document["_power"] not in ("creating", "starting", "deallocating", "stopping"):
        code = f"PowerState/{document['_power']}"
        status = {"code": code, "displayStatus": f"VM {document['_power']}", "level": "Info"}
        properties["extended"] = {"instanceView": {"powerState": status}}
    return {
        "id": document["id"],
        "name": document["name"],
        "type": document["type"].lower(),
        "tenantId": TENANT,
        "kind": document.get("kind", ""),
        "location": document.get("location", ""),
        "resourceGroup": document["id"].split("/")[4].lower(),
        "subscriptionId": _subscription_of(document),
        "managedBy": document.get("managedBy", ""),
        "sku": document.get("sku"),
        "plan": document.get("plan"),
        "properties": properties,
        "tags": document.get("tags"),
        "identity": document.get("identity"),
        "zones": document.get("zones"),
        "extendedLocation": document.get("extendedLocation"),
    }


def _container(document: Document) -> Row:
    """The row of a resource group: its type is another one than in Resource Manager's own answers."""
    return {
        "id": document["id"],
        "name": document["name"],
        "type": OF_GROUPS,
        "tenantId": TENANT,
        "location": document.get("location", ""),
        "resourceGroup": document["name"].lower(),
        "subscriptionId": _subscription_of(document),
        "managedBy": document.get("managedBy", ""),
        "properties": document.get("properties", {}),
        "tags": document.get("tags"),
    }


def _listed(document: Document) -> bool:
    kind = document["type"].lower()
    return kind not in UNLISTED and "blobservices" not in kind
