"""Azure Monitor, only the batch query for the metrics of many machines, or of many workspaces of Azure ML.

https://learn.microsoft.com/rest/api/monitor/metrics-batch/batch
"""

import json
import re
from collections.abc import Callable
from functools import partial
from typing import Any

from local.azure.core.requests import Request
from local.azure.core.resource_ids import parse
from local.azure.core.responses import Answer, not_simulated
from local.azure.core.store import Document
from local.azure.core.world import SUBSCRIPTIONS, World
from local.azure.providers.kinds import ML_WORKSPACE
from local.azure.providers.ml import metrics as workspace_metrics
from local.azure.services.metric_queries import INTERVALS, NAMESPACE, Question, bad, question_of, series_of

SUFFIX = ".metrics.localhost"
AUDIENCE = "https://metrics.monitor.azure.com"
PATH = re.compile(r"/subscriptions/(?P<subscription>[^/]+)/metrics:getBatch", re.IGNORECASE)
VERSIONS = ("2023-10-01", "2024-02-01")
MOST_RESOURCES = 50
WORKSPACES = ML_WORKSPACE.lower()
Series = Callable[[World, Document, Question], list[str]]
SHORT = ("PT1M", "PT5M")  # where longer intervals begin is not recorded


def answer(world: World, region: str, request: Request) -> Answer:
    """Answer one query for the metrics of up to 50 machines or workspaces of a region; raises Refused."""
    request.check_token(AUDIENCE)
    match = PATH.fullmatch(request.path)
    if match is None or request.method != "POST":
        raise not_simulated(f"{request.method} {request.path} of Azure Monitor")
    query = {name.lower(): value for name, value in request.query.items()}
    if query.get("api-version") not in VERSIONS:
        raise bad(f"The api-version '{query.get('api-version', '')}' is not supported. Supported: {', '.join(VERSIONS)}.")
    world.throttle.metrics()
    kind, query, series = _series_asked(query)
    if query.get("interval") in INTERVALS.keys() - set(SHORT) or query.get("top"):
        raise not_simulated(
            f"{query.get('interval')} {query.get('top', '')} in questions to Azure Monitor".replace("  ", " ")
        )
    question = question_of(world, query, aligned=True)
    machines = _resources(world, match["subscription"], region, request.json(), kind)
    shown = [machine for machine in machines if not world.store.get("facts", omission_key(machine["id"]))]
    about = {"starttime": question.start, "endtime": question.end, "interval": question.interval, "namespace": kind}
    values = ",".join(
        f'{json.dumps({**about, "resourceregion": region, "resourceid": one["id"]})[:-1]}, "value":[{",".join(series(world, one, question))}]}}'
        for one in shown
    )
    return Answer(200, f'{{"values":[{values}]}}'.encode())


def _series_asked(query: dict[str, str]) -> tuple[str, dict[str, str], Series]:
    """The type whose metrics a query is about, the query without what is only served for it, and what answers it."""
    if query.get("metricnamespace", "").lower() != WORKSPACES or query.get("filter") != workspace_metrics.BY_CLUSTER:
        return NAMESPACE, query, series_of
    most = int(query.get("top") or workspace_metrics.USUAL_TOP)
    rest = {name: value for name, value in query.items() if name not in ("filter", "top")}
    return WORKSPACES, rest, partial(workspace_metrics.series_of, most=most)


def _resources(world: World, subscription: str, region: str, body: dict[str, Any], kind: str) -> list[Document]:
    asked = [str(identifier) for identifier in body.get("resourceids") or []]
    identifiers = list({identifier.lower(): identifier for identifier in asked}.values())
    if not 1 <= len(identifiers) <= MOST_RESOURCES:
        raise bad(f"The number of resource ids in a batch has to be from 1 to {MOST_RESOURCES}, and is {len(identifiers)}.")
    found = []
    for identifier in identifiers:
        rid, machine = parse(identifier), world.resource(identifier)
        mine = rid is not None and rid.subscription.lower() == subscription.lower() in SUBSCRIPTIONS
        if not mine or rid is None or rid.type.lower() != kind:
            raise bad(f"The resource {identifier} is not a {kind} of the subscription {subscription}.")
        if machine is None or machine["location"] != region:
            raise bad(f"The resource {identifier} was not found in the region {region}.")
        found.append(machine)
    return found


def omission_key(identifier: str) -> str:
    """The key of the state that says that a machine is omitted from responses, as Azure does for machines without data."""
    return f"metrics without {identifier.lower()}"
