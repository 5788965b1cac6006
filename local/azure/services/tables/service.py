"""Table Storage: tables, requests about entities, and queries with filters."""

import base64
import re
from itertools import islice

from local.azure.core.requests import Request
from local.azure.core.responses import Answer, not_simulated
from local.azure.core.store import Document
from local.azure.core.world import TENANT, World
from local.azure.services.tables import batches, entities
from local.azure.services.tables.edm import STRING, TableRefused, Value, invalid
from local.azure.services.tables.entities import NAME, TABLE, TABLES, Place
from local.azure.services.tables.filters import Filter, parsed

LARGEST_PAGE = 1000
AFTER_KEYS = "~"  # greater than every digit of a key in the store
ONE_TABLE = re.compile(r"/Tables\('(?P<table>[^']*)'\)")
NEXT = "x-ms-continuation-Next"
CHALLENGE = f"Bearer authorization_uri=https://login.microsoftonline.com/{TENANT}/oauth2/authorize resource_id=https://storage.azure.com"


def answer(world: World, request: Request) -> Answer:
    """Answer one request to the table service; raises Refused."""
    request.check_token("https://storage.azure.com", challenge=CHALLENGE)
    said = _answered(world, request)
    headers = {"x-ms-version": request.headers.get("x-ms-version", "2019-02-02")}
    if request.headers.get("x-ms-client-request-id"):
        headers["x-ms-client-request-id"] = request.headers["x-ms-client-request-id"]
    if said.body is not None:
        headers["Content-Type"] = f"application/json;odata={entities.level(request)};streaming=true;charset=utf-8"
    return Answer(said.status, said.body, {**headers, **said.headers})


def _answered(world: World, request: Request) -> Answer:
    if "comp" in request.query or "restype" in request.query:
        raise not_simulated("the properties and access policies of tables")
    path = entities.readable(request.path)
    if path == "/$batch" and request.method == "POST":
        return batches.answer(world, request)
    if path in ("/Tables", "/Tables()"):
        return _create_table(world, request) if request.method == "POST" else _list_tables(world, request)
    one = ONE_TABLE.fullmatch(path)
    if one and request.method == "DELETE":
        return _delete_table(world, one["table"])
    place = entities.place_in(path)
    if place:
        return entities.answer(world, request, place)
    table = TABLE.fullmatch(path)
    if table is None:
        raise not_simulated(f"{request.method} {path} of Table Storage")
    if request.method == "POST":
        return entities.insert(world, table["table"], request)
    if request.method == "GET":
        return _query(world, table["table"], request)
    raise not_simulated(f"{request.method} on a table")


def _create_table(world: World, request: Request) -> Answer:
    name = entities.body(request).get("TableName")
    if not isinstance(name, str) or not re.fullmatch(NAME, name) or name.lower() == "tables":
        text = "The specified resource name contains invalid characters, or its length is not within the permissible limits."
        raise TableRefused(400, "InvalidResourceName", text)
    if world.store.get(TABLES, name):
        raise TableRefused(409, "TableAlreadyExists", "The table specified already exists.")
    world.store.put(TABLES, name, {"name": name})
    shown = {"TableName": name}
    if entities.level(request) != "nometadata":
        shown = {"odata.metadata": f"{request.base}/$metadata#Tables/@Element", **shown}
    return entities.made(request, shown, {})


def _list_tables(world: World, request: Request) -> Answer:
    top = _top(request)
    rows = [{"TableName": Value(STRING, document["name"])} for _, document in world.store.items(TABLES)]
    wanted = parsed(request.query.get("$filter", ""))
    found = sorted(row["TableName"].json for row in rows if wanted.matches(row))
    after = request.query.get("NextTableName", "")
    page = [name for name in found if name >= after]
    headers = {f"{NEXT}TableName": page[top]} if len(page) > top else {}
    content: Document = {"value": [{"TableName": name} for name in page[:top]]}
    if entities.level(request) != "nometadata":
        content = {"odata.metadata": f"{request.base}/$metadata#Tables", **content}
    return Answer(200, content, headers)


def _delete_table(world: World, name: str) -> Answer:
    if world.store.get(TABLES, name) is None:
        raise entities.absent()
    for key, _ in world.store.items(entities.shelf(name)):
        world.store.delete(entities.shelf(name), key)
    world.store.delete(TABLES, name)
    return Answer(204)


def _query(world: World, table: str, request: Request) -> Answer:
    entities.check_table(world, table)
    wanted, top = parsed(request.query.get("$filter", "")), _top(request)
    after = [_decoded(request.query.get(f"Next{name}", "")) for name in ("PartitionKey", "RowKey")]
    first, last = _keys(table, wanted)
    rows = world.store.between(entities.shelf(table), max(first, Place(table, *after).key), last)
    found = list(islice((row for row in rows if wanted.matches(entities.all_values(row))), top + 1))
    headers = (
        {f"{NEXT}{name}": _encoded(found[top][name]) for name in ("PartitionKey", "RowKey")} if len(found) > top else {}
    )
    content: Document = {
        "value": [entities.shown(request, table, row, entities.selected(request), alone=False) for row in found[:top]]
    }
    if entities.level(request) != "nometadata":
        content = {"odata.metadata": f"{request.base}/$metadata#{table}", **content}
    return Answer(200, content, headers)


def _keys(table: str, wanted: Filter) -> tuple[str, str]:
    """The first and the last key in the store that an entity which matches a filter can have."""
    partitions = wanted.texts("PartitionKey", "eq")
    if not partitions:
        return "", AFTER_KEYS
    first = Place(table, partitions[0], max(wanted.texts("RowKey", "eq", "gt", "ge"), default="")).key
    ends = wanted.texts("RowKey", "eq", "lt", "le")
    return first, Place(table, partitions[0], min(ends)).key if ends else Place(table, partitions[0], "").key + AFTER_KEYS


def _top(request: Request) -> int:
    text = request.query.get("$top", str(LARGEST_PAGE))
    if not text.isdigit() or int(text) > LARGEST_PAGE:
        raise invalid(f"$top is no number from 0 to {LARGEST_PAGE}: {text}.")
    return int(text)


def _encoded(key: str) -> str:
    return base64.urlsafe_b64encode(key.encode()).decode()


def _decoded(token: str) -> str:
    try:
        return base64.urlsafe_b64decode(token).decode()
    except ValueError:
        raise invalid("The continuation token cannot be read.") from None
