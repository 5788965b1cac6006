"""Handlers of what the dashboard shows, and of who the caller is."""

from dataclasses import replace

import azure.functions as func

from dormouse.http.evidence_parameters import MACHINE_ID, MINUTES
from dormouse.http.list_parameters import OVERVIEW_LIST, as_query, selection_of
from dormouse.http.parameters import AFTER, LIMIT
from dormouse.http.responses import answer, following
from dormouse.services.context import Context
from dormouse.services.overview.evidence import show_evidence
from dormouse.services.overview.overview import show_overview
from dormouse.services.views.rights import Me


async def get_overview(req: func.HttpRequest, context: Context) -> func.HttpResponse:
    """Environments and machines with verdict, reason and next steps, what runs, and what was done last."""
    limit, selection = LIMIT.of(req), selection_of(req, OVERVIEW_LIST)
    view, after = await show_overview(limit, AFTER.of(req), context, selection)
    query = {**as_query(req, OVERVIEW_LIST), LIMIT.name: str(limit)}
    return answer(replace(view, next=following("/api/overview", after, query)))


async def get_evidence(req: func.HttpRequest, context: Context) -> func.HttpResponse:
    """What the agent of a machine has reported, minute by minute."""
    return answer(await show_evidence(MACHINE_ID.of(req), MINUTES.of(req), context))


async def get_me(req: func.HttpRequest, context: Context) -> func.HttpResponse:
    """Who the caller is for the control plane, and what the role permits."""
    return answer(Me.of(context.caller))
