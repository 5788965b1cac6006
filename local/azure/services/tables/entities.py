"""Entities, the rows of tables: inserted, read, changed and deleted; each version has its own ETag."""

import json
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote

from local.azure.core.requests import Request
from local.azure.core.responses import Answer, not_simulated
from local.azure.core.store import Document
from local.azure.core.world import World
from local.azure.services.tables.edm import DATETIME, STRING, SYSTEM, TYPE, TableRefused, Value, invalid, read_properties

TABLES = "tables"
LARGEST_ENTITY, LONGEST_KEY = 2**20, 512
NAME = r"[A-Za-z][A-Za-z0-9]{2,62}"
KEYS = r"PartitionKey='(?P<partition>(?:[^']|'')*)',\s*RowKey='(?P<row>(?:[^']|'')*)'"
ENTITY = re.compile(rf"/(?P<table>{NAME})\({KEYS}\)")
TABLE = re.compile(rf"/(?P<table>{NAME})(?:\(\))?")
FORBIDDEN = re.compile(r"[/\\#?\x00-\x1f\x7f-\x9f]")
LEVEL = re.compile(r"odata=(?P<level>nometadata|minimalmetadata|fullmetadata)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Place:
    """The address of an entity: its table and both of its keys."""

    table: str
    partition: str
    row: str

    @property
    def shelf(self) -> str:
        """The shelf of the table in the store."""
        return shelf(self.table)

    @property
    def key(self) -> str:
        """The key of the entity in the store; entity keys are case-sensitive, the store's are not, so their bytes are used."""
        return f"{self.partition.encode().hex()}/{self.row.encode().hex()}"


def readable(path: str) -> str:
    """A URL with quotes, commas, parentheses and equal signs unescaped; within keys they stay, as two quotes."""
    return re.sub("%(?:27|28|29|2C|3D|20)", lambda match: unquote(match[0]), path, flags=re.IGNORECASE)


def place_in(path: str) -> Place | None:
    """The entity that an unescaped URL names, or None."""
    named = ENTITY.fullmatch(path)
    if named is None:
        return None
    return Place(named["table"], *(unquote(named[name]).replace("''", "'") for name in ("partition", "row")))


def place_of_new(table: str, request: Request) -> Place:
    """The place into which the entity of a body is inserted; raises a refusal for invalid keys."""
    content = body(request)
    return Place(table, *(_checked_key(content.get(name)) for name in ("PartitionKey", "RowKey")))


def insert(world: World, table: str, request: Request) -> Answer:
    """Insert a new entity; raises a refusal if it exists."""
    check_table(world, table)
    place = place_of_new(table, request)
    if _existing(world, place):
        raise TableRefused(409, "EntityAlreadyExists", "The specified entity already exists.")
    document = _write(world, place, read_properties(body(request)))
    return made(request, shown(request, table, document), {"ETag": document["etag"]})


def answer(world: World, request: Request, place: Place) -> Answer:
    """Read, replace, merge or delete an entity."""
    check_table(world, place.table)
    existing, method = _existing(world, place), request.method
    if method == "POST":
        method = request.headers.get("X-HTTP-Method", "POST")
    match method:
        case "GET":
            if existing is None:
                raise absent()
            return Answer(200, shown(request, place.table, existing, selected(request)), {"ETag": existing["etag"]})
        case "PUT" | "PATCH" | "MERGE":
            _check_match(existing, request.headers.get("If-Match", ""))
            _checked_key(place.partition), _checked_key(place.row)
            given = read_properties(body(request))
            before = _values(existing) if existing and method != "PUT" else {}
            document = _write(world, place, {**before, **given})
            return Answer(204, None, {"ETag": document["etag"]})
        case "DELETE":
            if "If-Match" not in request.headers:
                text = "An HTTP header that's mandatory for this request is not specified."
                raise TableRefused(400, "MissingRequiredHeader", text)
            _check_match(existing, request.headers["If-Match"])
            world.store.delete(place.shelf, place.key)
            return Answer(204)
    raise not_simulated(f"{request.method} on an entity")


def write(world: World, place: Place, properties: dict[str, Any]) -> None:
    """Write an entity as another client would, whatever was there before."""
    _write(world, place, read_properties(properties))


def shown(
    request: Request, table: str, document: Document, names: list[str] | None = None, *, alone: bool = True
) -> Document:
    """An entity in a response: at the requested level of metadata, complete or with selected properties."""
    detail = level(request)
    content: Document = {}
    if detail != "nometadata":
        if alone:
            content["odata.metadata"] = f"{request.base}/$metadata#{table}/@Element"
        content["odata.etag"] = document["etag"]
    if detail == "fullmetadata":
        where = f"{table}(PartitionKey='{quote(document['PartitionKey'])}',RowKey='{quote(document['RowKey'])}')"
        content |= {"odata.type": f"records.{table}", "odata.id": f"{request.base}/{where}", "odata.editLink": where}
    values = all_values(document)
    for name in names or values:
        value = values.get(name)
        annotation = value.annotation if value else None
        if annotation and detail != "nometadata" and (name != "Timestamp" or detail == "fullmetadata"):
            content[name + TYPE] = annotation
        content[name] = value.json if value else None
    return content


def all_values(document: Document) -> dict[str, Value]:
    """Every property of an entity that can be queried, including the keys and system properties."""
    keys = {name: Value(DATETIME if name == "Timestamp" else STRING, document[name]) for name in SYSTEM}
    return {**keys, **_values(document)}


def made(request: Request, content: Document, headers: dict[str, str]) -> Answer:
    """The response to a creation: with or without the entity, as preferred."""
    if request.headers.get("Prefer", "").lower() == "return-no-content":
        return Answer(204, None, {**headers, "Preference-Applied": "return-no-content"})
    return Answer(201, content, headers)


def body(request: Request) -> dict[str, Any]:
    """The JSON object in a request; raises a refusal for anything else."""
    try:
        content = json.loads(request.body)
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise invalid("The request content cannot be read.")
    return content


def level(request: Request) -> str:
    """The requested level of metadata."""
    match = LEVEL.search(request.query.get("$format", "") or request.headers.get("Accept", ""))
    return match["level"].lower() if match else "minimalmetadata"


def selected(request: Request) -> list[str]:
    """The selected properties; none selected means all."""
    names = [name.strip() for name in request.query.get("$select", "").split(",")]
    return [] if "*" in names else [name for name in names if name]


def check_table(world: World, table: str) -> None:
    """Raise a refusal for a missing table."""
    if world.store.get(TABLES, table) is None:
        raise TableRefused(404, "TableNotFound", "The table specified does not exist.")


def shelf(table: str) -> str:
    """The shelf of a table, whose name is case-insensitive."""
    return f"table {table.lower()}"


def absent() -> TableRefused:
    """The refusal for a missing resource."""
    return TableRefused(404, "ResourceNotFound", "The specified resource does not exist.")


def _existing(world: World, place: Place) -> Document | None:
    return world.store.get(place.shelf, place.key)


def _write(world: World, place: Place, values: dict[str, Value]) -> Document:
    properties = {name: [value.kind, value.json] for name, value in values.items()}
    if len(json.dumps(properties, ensure_ascii=False).encode("utf-16-le", "surrogatepass")) > LARGEST_ENTITY:
        raise TableRefused(400, "EntityTooLarge", "The entity is larger than the maximum allowed size (1MB).")
    before = _existing(world, place)
    written = world.zulu()
    if before and before["Timestamp"] >= written:  # every version has a timestamp of its own
        written = before["Timestamp"][:-2] + str((int(before["Timestamp"][-2]) + 1) % 10) + "Z"
    etag = f"W/\"datetime'{quote(written, safe='')}'\""
    document = {
        "PartitionKey": place.partition,
        "RowKey": place.row,
        "Timestamp": written,
        "etag": etag,
        "properties": properties,
    }
    return world.store.put(place.shelf, place.key, document)


def _values(document: Document) -> dict[str, Value]:
    return {name: Value(kind, written) for name, (kind, written) in document["properties"].items()}


def _check_match(existing: Document | None, wanted: str) -> None:
    if not wanted:
        return
    if existing is None:
        raise absent()
    if wanted not in ("*", existing["etag"]):
        text = "The update condition specified in the request was not satisfied."
        raise TableRefused(412, "UpdateConditionNotSatisfied", text)


def _checked_key(key: Any) -> str:
    if key is None:
        raise TableRefused(400, "PropertiesNeedValue", "The values are not specified for all properties in the entity.")
    if not isinstance(key, str) or FORBIDDEN.search(key) or len(key) > LONGEST_KEY:
        raise invalid("A key must be text of at most 1 KiB, without /, \\, #, ? and control characters.")
    return key
