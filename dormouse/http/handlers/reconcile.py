"""Handler of the route /reconcile."""

import azure.functions as func

from dormouse.http.parameters import AFTER, LIMIT
from dormouse.http.responses import page
from dormouse.services.context import Context
from dormouse.services.reconcile.findings import show_findings
from dormouse.services.views.reconcile import FindingList
from dormouse.services.views.schema import moment


async def list_findings(req: func.HttpRequest, context: Context) -> func.HttpResponse:
    """What exists without a record or is recorded and gone, as the last pass of reconciliation saw it."""
    limit = LIMIT.of(req)
    found = await show_findings(limit, AFTER.of(req), context)
    policy = context.dependencies.settings.reconcile
    query = {"limit": str(limit)}
    more = {"as_of": moment(found.as_of), "policy": policy}
    return page(FindingList, found.views, "/api/reconcile", found.after, query, problems=found.problems, **more)
