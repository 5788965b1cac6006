"""Table Storage: tables, entities with tags of their versions, and the filters that clients ask with."""

import re
from typing import Any
from urllib.parse import unquote

from local.azure.answers import Answer, Refused, not_simulated
from local.azure.filters import matches
from local.azure.requests import Request
from local.azure.store import Document
from local.azure.world import World

TABLES = "tables"
LARGEST_PAGE = 1000
ENTITY = re.compile(
    r"/(?P<table>[A-Za-z][A-Za-z0-9]{2,62})\(PartitionKey='(?P<partition>(?:[^']|'')*)',RowKey='(?P<row>(?:[^']|'')*)'\)"
)
TABLE = re.compile(r"/(?P<table>[A-Za-z][A-Za-z0-9]{2,62})(?P<query>\(\))?")


class TableRefused(Refused):
    """A refusal in the envelope of Table Storage."""

    @property
    def answer(self) -> Answer:
        """The refusal as an answer."""
        error = {"code": self.code, "message": {"lang": "en-US", "value": self.message}}
        return Answer(self.status, {"odata.error": error}, {"x-ms-error-code": self.code, **self.headers})


def answer(world: World, request: Request) -> Answer:
    """Answer one request to the table service; raises Refused."""
    request.check_token(world, "https://storage.azure.com")
    path = request.path
    if path == "/Tables" and request.method == "POST":
        return _create_table(world, str(request.json()["TableName"]))
    entity = ENTITY.fullmatch(path.replace("%27", "'").replace("%2C", ",").replace("%3D", "="))
    if entity:
        partition, row = (unquote(entity[name]).replace("''", "'") for name in ("partition", "row"))
        return _entity(world, request, entity["table"], partition, row)
    table = TABLE.fullmatch(path.replace("%28", "(").replace("%29", ")"))
    if table is None:
        raise not_simulated(f"{request.method} {path} of Table Storage")
    if request.method == "POST":
        return _insert(world, table["table"], request)
    return _query(world, table["table"], request)


def _create_table(world: World, name: str) -> Answer:
    if world.store.get(TABLES, name):
        raise TableRefused(409, "TableAlreadyExists", "The table specified already exists.")
    world.store.put(TABLES, name, {"name": name})
    return Answer(201, {"TableName": name})


def _insert(world: World, table: str, request: Request) -> Answer:
    _check_table(world, table)
    body = request.json()
    key = _key(str(body["PartitionKey"]), str(body["RowKey"]))
    if world.store.get(f"table {table}", key):
        raise TableRefused(409, "EntityAlreadyExists", "The specified entity already exists.")
    document = _write(world, table, key, body)
    return Answer(201, _shown(document), {"ETag": document["odata.etag"]})


def _entity(world: World, request: Request, table: str, partition: str, row: str) -> Answer:
    _check_table(world, table)
    key = _key(partition, row)
    existing = world.store.get(f"table {table}", key)
    match request.method:
        case "GET":
            if existing is None:
                raise TableRefused(404, "ResourceNotFound", "The specified resource does not exist.")
            return Answer(200, _shown(existing), {"ETag": existing["odata.etag"]})
        case "PUT" | "PATCH" | "MERGE":
            _check_match(existing, request.headers.get("If-Match", ""))
            body = {**request.json(), "PartitionKey": partition, "RowKey": row}
            before = existing if existing and request.method != "PUT" else {}
            document = _write(world, table, key, {**before, **body})
            return Answer(204, None, {"ETag": document["odata.etag"]})
        case "DELETE":
            _check_match(existing, request.headers.get("If-Match", "") or "*")
            world.store.delete(f"table {table}", key)
            return Answer(204)
    raise not_simulated(f"{request.method} on an entity")


def _query(world: World, table: str, request: Request) -> Answer:
    _check_table(world, table)
    wanted, top = request.query.get("$filter", ""), min(int(request.query.get("$top", LARGEST_PAGE)), LARGEST_PAGE)
    after = (request.query.get("NextPartitionKey", ""), request.query.get("NextRowKey", ""))
    rows = sorted((doc for _, doc in world.store.items(f"table {table}")), key=lambda d: (d["PartitionKey"], d["RowKey"]))
    found = [row for row in rows if (row["PartitionKey"], row["RowKey"]) >= after and matches(wanted, row)]
    headers = {}
    if len(found) > top:
        following = found[top]
        headers["x-ms-continuation-NextPartitionKey"] = following["PartitionKey"]
        headers["x-ms-continuation-NextRowKey"] = following["RowKey"]
    selected = [name for name in request.query.get("$select", "").split(",") if name]
    return Answer(200, {"value": [_shown(row, selected) for row in found[:top]]}, headers)


def _write(world: World, table: str, key: str, body: dict[str, Any]) -> Document:
    written = world.text()[:-6] + "Z"
    version = world.fresh_guid(table, key)
    document = {**body, "Timestamp": written, "odata.etag": f"W/\"datetime'{version}'\""}
    return world.store.put(f"table {table}", key, document)


def _check_table(world: World, table: str) -> None:
    if world.store.get(TABLES, table) is None:
        raise TableRefused(404, "TableNotFound", "The table specified does not exist.")


def _check_match(existing: Document | None, wanted: str) -> None:
    if not wanted:
        return
    if existing is None:
        raise TableRefused(404, "ResourceNotFound", "The specified resource does not exist.")
    if wanted not in ("*", existing["odata.etag"]):
        raise TableRefused(
            412, "UpdateConditionNotSatisfied", "The update condition specified in the request was not satisfied."
        )


def _shown(document: Document, selected: list[str] | None = None) -> Document:
    if not selected:
        return document
    return {name: document.get(name) for name in [*selected, "odata.etag"]}


def _key(partition: str, row: str) -> str:
    # Keys are compared with case; the shelf is not: the bytes say it all in lower case.
    return f"{partition.encode().hex()}/{row.encode().hex()}"
