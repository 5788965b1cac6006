"""Lists of resources of every type, in a group or in the subscription, as Azure Resource Manager keeps them.

https://learn.microsoft.com/rest/api/resources/resources/list
"""

import re

from local.azure.core.requests import Request
from local.azure.core.responses import Answer, not_simulated
from local.azure.core.store import Document
from local.azure.core.world import World
from local.azure.providers.kinds import GROUP

# The list does not say who created a resource.
SHOWN = ("id", "name", "type", "kind", "location", "managedBy", "sku", "identity", "zones", "tags")
TIMES = {"createdTime": "_created", "changedTime": "_changed"}
CONDITION = re.compile(r"\s*(?P<field>\w+)\s+eq\s+'(?P<value>[^']*)'\s*", re.IGNORECASE)
FIELDS = ("resourcetype", "name", "location", "resourcegroup", "tagname", "tagvalue")


def listed(world: World, scope: str, request: Request) -> Answer:
    """Every resource below a scope that has a location of its own (child resources are not listed) and meets the filter."""
    request.check_query("$filter", "$expand")
    conditions = conditions_of(request.query.get("$filter", ""), FIELDS)
    wanted = [name.strip() for name in request.query.get("$expand", "").split(",") if name.strip()]
    other = [name for name in wanted if name not in (*TIMES, "provisioningState")]
    if other:
        raise not_simulated(f"$expand={other[0]} of lists of resources")
    # A list that is filtered by a tag shows no tags.
    hidden = {"tags"} if "tagname" in conditions else set()
    tracked = (document for document in world.resources(below=f"{scope}/") if document.get("location"))
    found = [one for one in tracked if one["type"] != GROUP and _meets(one, conditions)]
    return Answer(200, {"value": [_shown(one, wanted, hidden) for one in found]})


def _shown(document: Document, wanted: list[str], hidden: set[str]) -> Document:
    seen = {name: document[name] for name in SHOWN if name not in hidden and document.get(name) is not None}
    seen |= {name: document[TIMES[name]] for name in wanted if name in TIMES and TIMES[name] in document}
    if "provisioningState" in wanted:
        seen["provisioningState"] = document["properties"].get("provisioningState", "Succeeded")
    return seen


def conditions_of(asked: str, fields: tuple[str, ...]) -> dict[str, str]:
    """The equalities of a filter, fields in lower case; raises a refusal for a filter with anything else."""
    conditions: dict[str, str] = {}
    for part in re.split(r"\s+and\s+", asked, flags=re.IGNORECASE) if asked else []:
        match = CONDITION.fullmatch(part)
        if match is None or match["field"].lower() not in fields:
            raise not_simulated(f"the filter {asked!r}")
        conditions[match["field"].lower()] = match["value"]
    return conditions


def tagged(document: Document, conditions: dict[str, str]) -> bool:
    """Whether a resource has the tag that a filter names: the case of names does not matter, that of values does.

    https://learn.microsoft.com/azure/azure-resource-manager/management/tag-resources
    """
    if "tagname" not in conditions:
        return True
    tags = {name.lower(): str(value) for name, value in (document.get("tags") or {}).items()}
    value = tags.get(conditions["tagname"].lower())
    return value is not None and value == conditions.get("tagvalue", value)


def _meets(document: Document, conditions: dict[str, str]) -> bool:
    facts = {
        "resourcetype": document["type"].lower(),
        "name": document["name"].lower(),
        "location": document["location"],
        "resourcegroup": document["id"].split("/")[4].lower(),
    }
    return tagged(document, conditions) and all(facts[n] == value.lower() for n, value in conditions.items() if n in facts)
