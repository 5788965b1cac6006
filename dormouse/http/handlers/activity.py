"""Handlers of activity reports: by callers with a role, and signed by reporters that share a secret with the app."""

import azure.functions as func

from dormouse.chatops.verification import from_others, moment_in, require_present
from dormouse.http.parameters import DRY_RUN
from dormouse.http.requests import body_of, json_object, model_of
from dormouse.http.responses import answer
from dormouse.idle.outside.requests import ActivityRequest, SignedActivityRequest
from dormouse.services.context import Context
from dormouse.services.idle import activity


async def report_activity(req: func.HttpRequest, context: Context) -> func.HttpResponse:
    """Report until when machines are busy, or that they no longer are; a report never makes a machine idle."""
    asked = model_of(ActivityRequest, body_of(req))
    reporter = activity.reporter_of(context.caller)
    now = context.dependencies.now()
    return answer(await activity.report_activity(asked, reporter, now, context, dry_run=DRY_RUN.of(req)))


async def signed_activity(req: func.HttpRequest, context: Context) -> func.HttpResponse:
    """The same, signed, without a key or token; an old message is refused, and a repeated one changes nothing."""
    dependencies = context.dependencies
    body = from_others(req, dependencies.settings.activity_report_secrets)
    asked = model_of(SignedActivityRequest, json_object(body))
    at = moment_in(asked.at)
    require_present(at, dependencies.now())
    dependencies.rate_limit.check(f"reporter {asked.reporter}", dependencies.now())
    reporter = activity.signed_reporter(asked.reporter)
    return answer(await activity.report_activity(asked, reporter, at, context, dry_run=False))
