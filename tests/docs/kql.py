"""Kusto queries in documents: tables, columns, operators, functions, and the events of the log with their fields.

No Kusto engine reads them here: what is checked is every name.
"""

import re
from collections.abc import Iterator

from tests.docs.events import events

# https://learn.microsoft.com/azure/azure-monitor/reference/tables/apptraces and its neighbours
SHARED = {
    "TimeGenerated",
    "ItemCount",
    "OperationId",
    "OperationName",
    "AppRoleInstance",
    "Properties",
    "Type",
    "_ResourceId",
}
TABLES = {
    "AppTraces": {"Message", "SeverityLevel"},
    "AppRequests": {"Name", "Success", "ResultCode", "DurationMs", "Url"},
    "AppExceptions": {"ExceptionType", "OuterMessage", "InnermostMessage", "ProblemId", "SeverityLevel"},
    "AppDependencies": {"Name", "Target", "DependencyType", "ResultCode", "Success", "DurationMs", "Data"},
    "AzureDiagnostics": {"Category", "ResultSignature", "Resource", "requestUri_s", "CallerIPAddress"},
    "Usage": {"DataType", "Quantity", "IsBillable", "QuantityUnit"},
    # Azure Resource Graph: https://learn.microsoft.com/azure/governance/resource-graph/reference/supported-tables-resources
    "resources": {"id", "name", "type", "tags", "resourceGroup", "subscriptionId", "location", "properties"},
    "resourcecontainers": {"id", "name", "type", "tags", "resourceGroup", "subscriptionId", "location", "properties"},
    "authorizationresources": {"id", "name", "type", "properties"},
}
OPERATORS = {
    "where",
    "extend",
    "project",
    "summarize",
    "order",
    "sort",
    "take",
    "top",
    "mv-expand",
    "distinct",
    "count",
    "render",
}
OPERATORS |= {"join", "union", "limit"}
FUNCTIONS = {
    "parse_json",
    "tostring",
    "toint",
    "todouble",
    "tobool",
    "bin",
    "ago",
    "now",
    "sum",
    "sumif",
    "count",
    "countif",
    "max",
}
FUNCTIONS |= {"min", "avg", "percentile", "percentiles", "iff", "coalesce", "bag_keys", "array_length", "dcount", "make_set"}
FUNCTIONS |= {"arg_max", "startofmonth", "isempty", "isnotempty", "round", "extract", "tolower", "any", "take_any", "typeof"}
WORDS = {
    "and",
    "or",
    "not",
    "by",
    "asc",
    "desc",
    "in",
    "has",
    "contains",
    "startswith",
    "endswith",
    "to",
    "typeof",
    "string",
    "true",
}
WORDS |= {
    "false",
    "on",
    "kind",
    "inner",
    "leftouter",
    "with",
    "timechart",
    "barchart",
    "columnchart",
    "table",
    "has_any",
    "nulls",
}
WORDS |= {"last", "first", "dynamic", "matches", "regex", "between"}
TEXT = re.compile(r"'[^']*'|\"(?:\\.|[^\"\\])*\"")
NAME = re.compile(r"\.?[A-Za-z_][\w]*(?:-expand)?")
SPAN = re.compile(r"\b\d+(?:\.\d+)?(?:ms|d|h|m|s)?\b")
EVENT = re.compile(r'\\?"event\\?": \\?"([^"\\]+)')


def faults_of(query: str) -> Iterator[str]:
    """What is wrong with a query."""
    query = re.sub(r"//.*", "", query)
    named = EVENT.findall(query)
    unknown = [name for name in named if name not in events()]
    yield from (f"the app logs no event {name!r}" for name in unknown)
    bare = SPAN.sub(" ", TEXT.sub(" '' ", query))
    table, *rest = (part.strip() for part in bare.split("|"))
    if table not in TABLES:
        yield f"there is no table {table!r} that this check knows"
        return
    strange = [part for part in rest if not (operator := NAME.match(part)) or operator[0] not in OPERATORS]
    yield from (f"Kusto has no operator `{part}` that this check knows" for part in strange)
    if not unknown and not strange:
        fields = set.union(set(), *(events()[name] for name in named))
        yield from _unknown_names(rest, SHARED | TABLES[table], fields)


def _unknown_names(parts: list[str], columns: set[str], fields: set[str]) -> Iterator[str]:
    """Every name must be a column, a word of the language, or one that the query has defined before."""
    parsed: set[str] = set()
    for part in parts:
        made = set(re.findall(r"(\w+)\s*=(?![=~])", part))
        parsed |= set(re.findall(r"(\w+)\s*=\s*parse_json\(Message\)", part))
        known, before = columns | made, ""
        for word in NAME.findall(part):
            if word.startswith("."):
                if before in parsed and word[1:] not in fields:
                    yield f"the event has no field {word[1:]}"
            elif word not in known | OPERATORS | FUNCTIONS | WORDS:
                yield f"there is no column {word}"
            before = word
        columns = known
