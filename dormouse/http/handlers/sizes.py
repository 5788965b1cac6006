"""Handler of the route /sizes."""

import azure.functions as func

from dormouse.http.parameters import AFTER, GPU, LIMIT, MAX_PRICE, SIZES_REGION
from dormouse.http.responses import page
from dormouse.services import sizes
from dormouse.services.context import Context
from dormouse.services.views.sizes import SizeList


async def list_sizes(req: func.HttpRequest, context: Context) -> func.HttpResponse:
    """The VM sizes in a region, cheapest first: GPU, memory, prices, zones, and the quota that is left."""
    query = sizes.SizeQuery(SIZES_REGION.of(req), GPU.of(req), MAX_PRICE.of(req))
    limit = LIMIT.of(req)
    found = await sizes.list_sizes(query, limit, AFTER.of(req), context)
    asked = {name: text for name, text in req.params.items() if name in (SIZES_REGION.name, GPU.name, MAX_PRICE.name)}
    asked["limit"] = str(limit)
    return page(SizeList, found.views, "/api/sizes", found.after, asked, problems=found.problems)
