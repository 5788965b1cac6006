"""Handlers of the routes below /blueprints, and the health probe."""

import azure.functions as func

from dormouse.blueprints.catalog import BLUEPRINTS, BlueprintDescription, describe_blueprint
from dormouse.clock import rfc3339
from dormouse.errors import InvalidRequest
from dormouse.http.parameters import AFTER, LIMIT, REGION, SIZE
from dormouse.http.responses import answer, page
from dormouse.resources.sizes.vm_sizes import find_size
from dormouse.services.apply import billing_of_blueprint
from dormouse.services.context import Context
from dormouse.services.costs.pricing import HourlyPrice, price_of
from dormouse.services.dependencies import Dependencies
from dormouse.services.views.blueprints import BlueprintList, BlueprintView, Health


async def list_blueprints(req: func.HttpRequest, context: Context) -> func.HttpResponse:
    """Every kind of environment that can be built; with `region`, what each costs there."""
    limit, after = LIMIT.of(req), AFTER.of(req)
    names = [name for name in sorted(BLUEPRINTS) if name > after]
    cards = [await _priced(describe_blueprint(name), req, context.dependencies) for name in names[:limit]]
    query = {"limit": str(limit), **{each.name: each.of(req) for each in (REGION, SIZE) if each.of(req)}}
    return page(BlueprintList, cards, "/api/blueprints", names[limit - 1] if len(names) > limit else "", query)


async def get_blueprint(req: func.HttpRequest, context: Context) -> func.HttpResponse:
    """One kind of environment: the JSON Schema of its parameters, its defaults; with `region` and `size`, what it costs."""
    return answer(await _priced(describe_blueprint(req.route_params["name"]), req, context.dependencies))


async def get_health(req: func.HttpRequest, context: Context) -> func.HttpResponse:
    """Health probe: whether the control plane is up, and its time."""
    return answer(Health("ok", rfc3339(context.dependencies.now())))


async def _priced(card: BlueprintDescription, req: func.HttpRequest, dependencies: Dependencies) -> BlueprintView:
    region, size = REGION.of(req), SIZE.of(req)
    try:
        size = find_size(size).name if size else ""
    except ValueError as error:
        raise InvalidRequest(str(error)) from None
    billed = billing_of_blueprint(card.name, size, dependencies.settings)
    cost = await price_of(region, billed, dependencies) if region else HourlyPrice()
    sizes = tuple(dict.fromkeys(query.size for query in billed.machines))
    return BlueprintView(
        card.name,
        card.summary,
        card.parameters,
        card.defaults,
        sizes,
        region or None,
        cost.running,
        billed.covers,
        cost.asleep,
        cost.unpriced,
        billed.by_use,
    )
