"""Handler of the route /costs."""

import azure.functions as func

from dormouse.http.cost_parameters import FROM, GROUP_BY, OF_BLUEPRINT, OF_ENVIRONMENT, OF_OWNER, TO, ZONE, cost_query_of
from dormouse.http.parameters import AFTER, LIMIT
from dormouse.http.responses import answer, following
from dormouse.services.context import Context
from dormouse.services.costs.report import show_costs

ASKED = tuple(each.name for each in (FROM, TO, ZONE, GROUP_BY, OF_ENVIRONMENT, OF_OWNER, OF_BLUEPRINT))


async def get_costs(req: func.HttpRequest, context: Context) -> func.HttpResponse:
    """What was spent and what sleep has saved, by environment, owner, blueprint, day or part, with a forecast."""
    limit, query = LIMIT.of(req), cost_query_of(req, context.dependencies.now())
    asked = {name: text for name, text in req.params.items() if name in ASKED}
    view, after = await show_costs(query, limit, AFTER.of(req), context)
    return answer(view(following("/api/costs", after, {**asked, "limit": str(limit)})))
