"""Azure Resource Graph, as far as its language is needed: where, project, order by, over the table of resources."""

import re
from collections.abc import Callable
from typing import Any

from local.azure.answers import Answer, Refused, not_simulated
from local.azure.providers.kinds import GROUP, MACHINE
from local.azure.store import Document
from local.azure.world import SUBSCRIPTION, TENANT, World

Row = dict[str, Any]
Test = Callable[[Row], bool]

EQUALS = re.compile(r"^(?P<field>[\w.]+(?:\['[^']+'\])?) *(?P<operator>=~|==|!=|!~) *'(?P<value>[^']*)'$")
ONE_OF = re.compile(r"^(?P<field>[\w.]+(?:\['[^']+'\])?) *(?P<operator>in~|in) *\((?P<values>[^)]*)\)$")
NOT_EMPTY = re.compile(r"^isnotempty\((?P<field>[\w.]+(?:\['[^']+'\])?)\)$")
FIELD = re.compile(r"\w+|'[^']+'")
STAGES = ("where", "project", "order", "limit", "take")
# What the language knows besides, and this part of it does not.
REAL_STAGES = frozenset(
    {
        "extend",
        "summarize",
        "join",
        "union",
        "mv-expand",
        "mvexpand",
        "distinct",
        "count",
        "top",
        "parse",
        "sort",
        "project-away",
    }
)
UNLISTED = frozenset({GROUP.lower(), "microsoft.authorization/roleassignments"})


def answer(world: World, body: dict[str, Any]) -> Answer:
    """Answer one query; raises the refusal for what the query language, or this part of it, does not know."""
    headers = world.throttle.resource_graph()
    if SUBSCRIPTION not in [str(item).lower() for item in body.get("subscriptions", [SUBSCRIPTION])]:
        rows: list[Row] = []
    else:
        rows = _evaluated(world, str(body.get("query", "")))
    options = body.get("options") or {}
    top, skip = int(options.get("$top", 1000)), int(options.get("$skipToken") or 0)
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


def _evaluated(world: World, query: str) -> list[Row]:
    source, *stages = [part.strip() for part in query.split("|")]
    if source.partition(" ")[0].lower() in STAGES:
        source, stages = "resources", [source, *stages]  # a query without a table asks the first one
    if source.lower() != "resources":
        raise not_simulated(f"the table {source} of Resource Graph")
    rows = [_row(document) for document in world.indexed() if _listed(document)]
    for stage in stages:
        rows = _stage(rows, stage)
    return rows


def _stage(rows: list[Row], stage: str) -> list[Row]:
    verb, _, rest = stage.partition(" ")
    if verb == "where":
        tests = [_test(condition.strip()) for condition in rest.split(" and ")]
        return [row for row in rows if all(test(row) for test in tests)]
    if verb == "project":
        names = [name.strip() for name in rest.split(",")]
        return [{name: row.get(name) for name in names} for row in rows]
    if verb == "order" and rest.startswith("by "):
        name, *direction = rest.removeprefix("by ").split()
        return sorted(rows, key=lambda row: str(row.get(name)), reverse=direction != ["asc"])
    if verb in ("limit", "take") and rest.strip().isdigit():
        return rows[: int(rest)]
    if verb in REAL_STAGES:
        raise not_simulated(f"{verb} in queries of Resource Graph")
    raise _invalid(stage)


def _test(condition: str) -> Test:
    equals, one_of, not_empty = EQUALS.match(condition), ONE_OF.match(condition), NOT_EMPTY.match(condition)
    if not_empty:
        field = not_empty["field"]
        return lambda row: bool(_value(row, field))
    if equals:
        field, operator, value = equals["field"], equals["operator"], equals["value"]
        fold, negated = "~" in operator, operator.startswith("!")
        return lambda row: _same(_value(row, field), value, fold=fold) is not negated
    if one_of:
        field, fold = one_of["field"], one_of["operator"] == "in~"
        values = [item.strip().strip("'") for item in one_of["values"].split(",")]
        return lambda row: any(_same(_value(row, field), value, fold=fold) for value in values)
    raise _invalid(condition)


def _value(row: Row, field: str) -> Any:
    value: Any = row
    for part in FIELD.findall(field):
        value = value.get(part.strip("'")) if isinstance(value, dict) else None
    return value


def _same(value: Any, wanted: str, *, fold: bool) -> bool:
    text = "" if value is None else str(value)
    return text.lower() == wanted.lower() if fold else text == wanted


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
        "subscriptionId": SUBSCRIPTION,
        "managedBy": document.get("managedBy", ""),
        "sku": document.get("sku"),
        "tags": document.get("tags"),
        "identity": document.get("identity"),
        "properties": properties,
    }


def _listed(document: Document) -> bool:
    kind = document["type"].lower()
    return kind not in UNLISTED and "blobservices" not in kind


def _invalid(what: str) -> Refused:
    text = "Query is invalid. Please refer to the documentation for the Azure Resource Graph service and fix the error before retrying."
    details = [{"code": "InvalidQuery", "message": text}, {"code": "ParserFailure", "message": f"ParserFailure: {what}"}]
    return Refused(400, "BadRequest", "Please provide below info when asking for support.", details=details)
