"""Table Storage: tables, entities with tags of their versions, and the filters that clients ask with."""

import base64
import json
import re
from typing import Any
from urllib.parse import quote, unquote

from local.azure.answers import Answer, not_simulated
from local.azure.edm import DATETIME, STRING, SYSTEM, TYPE, TableRefused, Value, invalid, read_properties
from local.azure.filters import matches
from local.azure.requests import Request
from local.azure.store import Document
from local.azure.world import TENANT, World

TABLES = "tables"
LARGEST_PAGE, LARGEST_ENTITY, LONGEST_KEY = 1000, 2**20, 512
NAME = r"[A-Za-z][A-Za-z0-9]{2,62}"
KEYS = r"PartitionKey='(?P<partition>(?:[^']|'')*)',\s*RowKey='(?P<row>(?:[^']|'')*)'"
ENTITY = re.compile(rf"/(?P<table>{NAME})\({KEYS}\)")
ONE_TABLE = re.compile(r"/Tables\('(?P<table>[^']*)'\)")
TABLE = re.compile(rf"/(?P<table>{NAME})(?:\(\))?")
FORBIDDEN = re.compile(r"[/\\#?\x00-\x1f\x7f-\x9f]")
LEVEL = re.compile(r"odata=(?P<level>nometadata|minimalmetadata|fullmetadata)", re.IGNORECASE)
NEXT = "x-ms-continuation-Next"
CHALLENGE = f"Bearer authorization_uri=https://login.microsoftonline.com/{TENANT}/oauth2/authorize resource_id=https://storage.azure.com"


def answer(world: World, request: Request) -> Answer:
    """Answer one request to the table service; raises Refused."""
    request.check_token(world, "https://storage.azure.com", challenge=CHALLENGE)
    said = _answered(world, request)
    headers = {"x-ms-version": request.headers.get("x-ms-version", "2019-02-02")}
    if request.headers.get("x-ms-client-request-id"):
        headers["x-ms-client-request-id"] = request.headers["x-ms-client-request-id"]
    if said.body is not None:
        headers["Content-Type"] = f"application/json;odata={_level(request)};streaming=true;charset=utf-8"
    return Answer(said.status, said.body, {**headers, **said.headers})


def _answered(world: World, request: Request) -> Answer:
    if "comp" in request.query or "restype" in request.query:
        raise not_simulated("the properties and access policies of tables")
    # Quotes, commas, parentheses and equal signs of the address may be escaped; those within keys are, as two quotes.
    path = re.sub("%(?:27|28|29|2C|3D|20)", lambda match: unquote(match[0]), request.path, flags=re.IGNORECASE)
    if path in ("/Tables", "/Tables()"):
        return _create_table(world, request) if request.method == "POST" else _list_tables(world, request)
    one = ONE_TABLE.fullmatch(path)
    if one and request.method == "DELETE":
        return _delete_table(world, one["table"])
    entity = ENTITY.fullmatch(path)
    if entity:
        partition, row = (unquote(entity[name]).replace("''", "'") for name in ("partition", "row"))
        return _entity(world, request, entity["table"], partition, row)
    table = TABLE.fullmatch(path)
    if table is None:
        raise not_simulated(f"{request.method} {path} of Table Storage")
    if request.method == "POST":
        return _insert(world, table["table"], request)
    if request.method == "GET":
        return _query(world, table["table"], request)
    raise not_simulated(f"{request.method} on a table")


def _create_table(world: World, request: Request) -> Answer:
    name = _body(request).get("TableName")
    if not isinstance(name, str) or not re.fullmatch(NAME, name) or name.lower() == "tables":
        text = "The specified resource name contains invalid characters, or its length is not within the permissible limits."
        raise TableRefused(400, "InvalidResourceName", text)
    if world.store.get(TABLES, name):
        raise TableRefused(409, "TableAlreadyExists", "The table specified already exists.")
    world.store.put(TABLES, name, {"name": name})
    shown = {"TableName": name}
    if _level(request) != "nometadata":
        shown = {"odata.metadata": f"{request.base}/$metadata#Tables/@Element", **shown}
    return _made(request, shown, {})


def _list_tables(world: World, request: Request) -> Answer:
    top = _top(request)
    rows = [{"TableName": Value(STRING, document["name"])} for _, document in world.store.items(TABLES)]
    found = sorted(row["TableName"].json for row in rows if matches(request.query.get("$filter", ""), row))
    after = request.query.get("NextTableName", "")
    page = [name for name in found if name >= after]
    headers = {f"{NEXT}TableName": page[top]} if len(page) > top else {}
    content: Document = {"value": [{"TableName": name} for name in page[:top]]}
    if _level(request) != "nometadata":
        content = {"odata.metadata": f"{request.base}/$metadata#Tables", **content}
    return Answer(200, content, headers)


def _delete_table(world: World, name: str) -> Answer:
    if world.store.get(TABLES, name) is None:
        raise _absent()
    for key, _ in world.store.items(f"table {name.lower()}"):
        world.store.delete(f"table {name.lower()}", key)
    world.store.delete(TABLES, name)
    return Answer(204)


def _insert(world: World, table: str, request: Request) -> Answer:
    _check_table(world, table)
    body = _body(request)
    partition, row = (_checked_key(body.get(name)) for name in ("PartitionKey", "RowKey"))
    if _row(world, table, partition, row):
        raise TableRefused(409, "EntityAlreadyExists", "The specified entity already exists.")
    document = _write(world, table, partition, row, read_properties(body))
    return _made(request, _shown(request, table, document), {"ETag": document["etag"]})


def _entity(world: World, request: Request, table: str, partition: str, row: str) -> Answer:
    _check_table(world, table)
    existing, method = _row(world, table, partition, row), request.method
    if method == "POST":
        method = request.headers.get("X-HTTP-Method", "POST")
    match method:
        case "GET":
            if existing is None:
                raise _absent()
            return Answer(200, _shown(request, table, existing, _selected(request)), {"ETag": existing["etag"]})
        case "PUT" | "PATCH" | "MERGE":
            _check_match(existing, request.headers.get("If-Match", ""))
            _checked_key(partition), _checked_key(row)
            given = read_properties(_body(request))
            before = _values(existing) if existing and method != "PUT" else {}
            document = _write(world, table, partition, row, {**before, **given})
            return Answer(204, None, {"ETag": document["etag"]})
        case "DELETE":
            if "If-Match" not in request.headers:
                text = "An HTTP header that's mandatory for this request is not specified."
                raise TableRefused(400, "MissingRequiredHeader", text)
            _check_match(existing, request.headers["If-Match"])
            world.store.delete(f"table {table.lower()}", _key(partition, row))
            return Answer(204)
    raise not_simulated(f"{request.method} on an entity")


def _query(world: World, table: str, request: Request) -> Answer:
    _check_table(world, table)
    wanted, top = request.query.get("$filter", ""), _top(request)
    after = tuple(_decoded(request.query.get(f"Next{name}", "")) for name in ("PartitionKey", "RowKey"))
    rows = [document for _, document in world.store.items(f"table {table.lower()}")]
    rows.sort(key=lambda row: (row["PartitionKey"], row["RowKey"]))
    found = [row for row in rows if (row["PartitionKey"], row["RowKey"]) >= after and matches(wanted, _all_values(row))]
    headers = (
        {f"{NEXT}{name}": _encoded(found[top][name]) for name in ("PartitionKey", "RowKey")} if len(found) > top else {}
    )
    content: Document = {"value": [_shown(request, table, row, _selected(request), alone=False) for row in found[:top]]}
    if _level(request) != "nometadata":
        content = {"odata.metadata": f"{request.base}/$metadata#{table}", **content}
    return Answer(200, content, headers)


def _write(world: World, table: str, partition: str, row: str, values: dict[str, Value]) -> Document:
    properties = {name: [value.kind, value.json] for name, value in values.items()}
    if len(json.dumps(properties)) > LARGEST_ENTITY:
        raise TableRefused(400, "EntityTooLarge", "The entity is larger than the maximum allowed size (1MB).")
    before = _row(world, table, partition, row)
    written = world.zulu()
    if before and before["Timestamp"] >= written:  # every version has a moment of its own
        written = before["Timestamp"][:-2] + str((int(before["Timestamp"][-2]) + 1) % 10) + "Z"
    etag = f"W/\"datetime'{quote(written, safe='')}'\""
    document = {"PartitionKey": partition, "RowKey": row, "Timestamp": written, "etag": etag, "properties": properties}
    return world.store.put(f"table {table.lower()}", _key(partition, row), document)


def _shown(
    request: Request, table: str, document: Document, selected: list[str] | None = None, *, alone: bool = True
) -> Document:
    level = _level(request)
    shown: Document = {}
    if level != "nometadata":
        if alone:
            shown["odata.metadata"] = f"{request.base}/$metadata#{table}/@Element"
        shown["odata.etag"] = document["etag"]
    if level == "fullmetadata":
        where = f"{table}(PartitionKey='{quote(document['PartitionKey'])}',RowKey='{quote(document['RowKey'])}')"
        shown |= {"odata.type": f"records.{table}", "odata.id": f"{request.base}/{where}", "odata.editLink": where}
    values = _all_values(document)
    for name in selected or values:
        value = values.get(name)
        annotation = value.annotation if value else None
        if annotation and level != "nometadata" and (name != "Timestamp" or level == "fullmetadata"):
            shown[name + TYPE] = annotation
        shown[name] = value.json if value else None
    return shown


def _values(document: Document) -> dict[str, Value]:
    return {name: Value(kind, written) for name, (kind, written) in document["properties"].items()}


def _all_values(document: Document) -> dict[str, Value]:
    keys = {name: Value(DATETIME if name == "Timestamp" else STRING, document[name]) for name in SYSTEM}
    return {**keys, **_values(document)}


def _made(request: Request, shown: Document, headers: dict[str, str]) -> Answer:
    if request.headers.get("Prefer", "").lower() == "return-no-content":
        return Answer(204, None, {**headers, "Preference-Applied": "return-no-content"})
    return Answer(201, shown, headers)


def _body(request: Request) -> dict[str, Any]:
    try:
        content = json.loads(request.body)
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise invalid("The request content cannot be read.")
    return content


def _level(request: Request) -> str:
    match = LEVEL.search(request.query.get("$format", "") or request.headers.get("Accept", ""))
    return match["level"].lower() if match else "minimalmetadata"


def _top(request: Request) -> int:
    text = request.query.get("$top", str(LARGEST_PAGE))
    if not text.isdigit():
        raise invalid(f"$top is no number: {text}.")
    return min(int(text), LARGEST_PAGE)


def _selected(request: Request) -> list[str]:
    names = [name.strip() for name in request.query.get("$select", "").split(",")]
    return [] if "*" in names else [name for name in names if name]


def _check_table(world: World, table: str) -> None:
    if world.store.get(TABLES, table) is None:
        raise TableRefused(404, "TableNotFound", "The table specified does not exist.")


def _check_match(existing: Document | None, wanted: str) -> None:
    if not wanted:
        return
    if existing is None:
        raise _absent()
    if wanted not in ("*", existing["etag"]):
        text = "The update condition specified in the request was not satisfied."
        raise TableRefused(412, "UpdateConditionNotSatisfied", text)


def _checked_key(key: Any) -> str:
    if key is None:
        raise TableRefused(400, "PropertiesNeedValue", "The values are not specified for all properties in the entity.")
    if not isinstance(key, str) or FORBIDDEN.search(key) or len(key) > LONGEST_KEY:
        raise invalid("A key must be text of at most 1 KiB, without /, \\, #, ? and control characters.")
    return key


def _absent() -> TableRefused:
    return TableRefused(404, "ResourceNotFound", "The specified resource does not exist.")


def _row(world: World, table: str, partition: str, row: str) -> Document | None:
    return world.store.get(f"table {table.lower()}", _key(partition, row))


def _key(partition: str, row: str) -> str:
    # Keys are compared with case; the shelf is not: the bytes say it all in lower case.
    return f"{partition.encode().hex()}/{row.encode().hex()}"


def _encoded(key: str) -> str:
    return base64.urlsafe_b64encode(key.encode()).decode()


def _decoded(token: str) -> str:
    try:
        return base64.urlsafe_b64decode(token).decode()
    except ValueError:
        raise invalid("The continuation token cannot be read.") from None
