"""Handlers of what the dashboard shows, and of who the caller is."""

from dataclasses import replace

import azure.functions as func

from dormouse.http.overview_parameters import MACHINE_ID, MINUTES, ROW_VERDICT, SEARCH, SORT
from dormouse.http.parameters import AFTER, LIMIT
from dormouse.http.responses import answer, following
from dormouse.services.context import Context
from dormouse.services.overview.evidence import show_evidence
from dormouse.services.overview.overview import Asked, show_overview
from dormouse.services.overview.rows import Order
from dormouse.services.views.rights import Me


async def get_overview(req: func.HttpRequest, context: Context) -> func.HttpResponse:
    """Environments and machines with verdict, reason and next steps, what runs, and what was done last."""
    order, limit, search, verdict = SORT.of(req), LIMIT.of(req), SEARCH.of(req), ROW_VERDICT.of(req)
    view, after = await show_overview(Asked(search, verdict, Order(order), limit, AFTER.of(req)), context)
    given = {SEARCH.name: search, ROW_VERDICT.name: verdict, SORT.name: order, LIMIT.name: str(limit)}
    more = following("/api/overview", after, {name: value for name, value in given.items() if value})
    return answer(replace(view, next=more))


async def get_evidence(req: func.HttpRequest, context: Context) -> func.HttpResponse:
    """What the agent of a machine has reported, minute by minute."""
    return answer(await show_evidence(MACHINE_ID.of(req), MINUTES.of(req), context))


async def get_me(req: func.HttpRequest, context: Context) -> func.HttpResponse:
    """Who the caller is for the control plane, and what the role permits."""
    return answer(Me.of(context.caller))
