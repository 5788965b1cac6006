"""Azure Monitor, only the batch query for the metrics of many machines.

https://learn.microsoft.com/rest/api/monitor/metrics-batch/batch
"""

import json
import re
from typing import Any

from local.azure.core.requests import Request
from local.azure.core.resource_ids import parse
from local.azure.core.responses import Answer, not_simulated
from local.azure.core.store import Document
from local.azure.core.world import SUBSCRIPTION, World
from local.azure.services.metric_queries import INTERVALS, NAMESPACE, Question, bad, question_of, series_of

SUFFIX = ".metrics.localhost"
AUDIENCE = "https://metrics.monitor.azure.com"
PATH = re.compile(r"/subscriptions/(?P<subscription>[^/]+)/metrics:getBatch", re.IGNORECASE)
VERSIONS = ("2023-10-01", "2024-02-01")
MOST_RESOURCES = 50
SHORT = ("PT1M", "PT5M")  # where longer intervals begin is not recorded


def answer(world: World, region: str, request: Request) -> Answer:
    """Answer one query for the metrics of up to 50 machines of a region; raises Refused."""
    request.check_token(AUDIENCE)
    match = PATH.fullmatch(request.path)
    if match is None or request.method != "POST":
        raise not_simulated(f"{request.method} {request.path} of Azure Monitor")
    query = {name.lower(): value for name, value in request.query.items()}
    if query.get("api-version") not in VERSIONS:
        raise bad(f"The api-version '{query.get('api-version', '')}' is not supported. Supported: {', '.join(VERSIONS)}.")
    world.throttle.metrics()
    if query.get("interval") in INTERVALS.keys() - set(SHORT) or query.get("top"):
        raise not_simulated(
            f"{query.get('interval')} {query.get('top', '')} in questions to Azure Monitor".replace("  ", " ")
        )
    question = question_of(world, query, aligned=True)
    machines = _machines(world, match["subscription"], region, request.json())
    shown = [machine for machine in machines if not world.store.get("facts", omission_key(machine["id"]))]
    values = ",".join(_shown(world, machine, question, region) for machine in shown)
    return Answer(200, f'{{"values":[{values}]}}'.encode())


def _machines(world: World, subscription: str, region: str, body: dict[str, Any]) -> list[Document]:
    asked = [str(identifier) for identifier in body.get("resourceids") or []]
    identifiers = list({identifier.lower(): identifier for identifier in asked}.values())
    if not 1 <= len(identifiers) <= MOST_RESOURCES:
        raise bad(f"The number of resource ids in a batch has to be from 1 to {MOST_RESOURCES}, and is {len(identifiers)}.")
    found = []
    for identifier in identifiers:
        rid, machine = parse(identifier), world.resource(identifier)
        mine = rid is not None and rid.subscription.lower() == subscription.lower() == SUBSCRIPTION
        if not mine or rid is None or rid.type.lower() != NAMESPACE:
            raise bad(f"The resource {identifier} is not a {NAMESPACE} of the subscription {subscription}.")
        if machine is None or machine["location"] != region:
            raise bad(f"The resource {identifier} was not found in the region {region}.")
        found.append(machine)
    return found


def _shown(world: World, machine: Document, question: Question, region: str) -> str:
    about = {"starttime": question.start, "endtime": question.end, "interval": question.interval, "namespace": NAMESPACE}
    about |= {"resourceregion": region, "resourceid": machine["id"]}
    return f'{json.dumps(about)[:-1]}, "value":[{",".join(series_of(world, machine, question))}]}}'


def omission_key(identifier: str) -> str:
    """The key of the state that says that a machine is omitted from responses, as Azure does for machines without data."""
    return f"metrics without {identifier.lower()}"
