"""Azure Monitor's query for the metrics of one resource, by Azure Resource Manager.

https://learn.microsoft.com/rest/api/monitor/metrics/list
"""

from urllib.parse import unquote_plus

from local.azure.core.requests import Request
from local.azure.core.resource_ids import ResourceId, parse
from local.azure.core.responses import Answer, Refused, not_simulated
from local.azure.core.store import Document
from local.azure.core.world import World
from local.azure.providers.common import found
from local.azure.providers.kinds import MACHINE
from local.azure.services.metric_queries import INTERVALS, Question, bad, question_of, series_of, text_of


def answer(world: World, rid: ResourceId, request: Request) -> Answer:
    """The values of metrics of a machine; a refusal of the query has no envelope, as recorded."""
    above = parse(rid.scope)
    if above is None or above.type.lower() != MACHINE.lower():
        raise not_simulated(f"metrics of {rid.scope or 'a subscription'}")
    machine = found(world, above)
    try:
        question = _question(world, request)
    except Refused as refused:
        if refused.code != "BadRequest":
            raise
        return Answer(refused.status, {"code": refused.code, "message": refused.message}, refused.headers)
    return Answer(200, _shown(world, machine, question).encode())


def _question(world: World, request: Request) -> Question:
    query = {name.lower(): value for name, value in request.query.items()}
    if not query.get("metricnames"):
        raise not_simulated("metrics without metricnames")
    start, _, end = unquote_plus(query.pop("timespan", "")).partition("/")
    if bool(start) != bool(end):
        raise bad(f"Invalid timespan '{start}': it has to be a start and an end, separated by '/'.")
    times = {"starttime": start.strip(), "endtime": end.strip()} if start else {}
    return question_of(world, {"metricnamespace": MACHINE, **query, **times}, aligned=False)


def _shown(world: World, machine: Document, question: Question) -> str:
    span = "/".join(text_of(moment) for moment in question.span)
    series = ",".join(series_of(world, machine, question))
    return (
        f'{{"cost":{_cost(question)},"timespan":"{span}","interval":"{question.interval}","value":[{series}],'
        f'"namespace":"{MACHINE}","resourceregion":"{machine["location"]}"}}'
    )


def _cost(question: Question) -> int:
    """The cost that Azure names: of queries by minutes, one less than their minutes; of queries by days nothing."""
    return len(question.minutes) - 1 if INTERVALS[question.interval] < INTERVALS["PT1H"] else 0
