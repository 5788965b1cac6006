"""Snooze links: whoever was warned keeps the machine awake with one click, and needs no key for it."""

import html
from dataclasses import replace

import azure.functions as func

from dormouse.access.roles import Caller
from dormouse.clock import moment_text
from dormouse.errors import EnvironmentBusy, MachineNotFound
from dormouse.http.handlers.machines import require_staying_machine
from dormouse.idle.holds import SNOOZE, HoldRequest, with_hold
from dormouse.idle.snooze import opens, read_link
from dormouse.idle.tracking import TrackedMachine
from dormouse.services.dependencies import Dependencies
from dormouse.services.durable_client import Client
from dormouse.text.durations import duration_text

BY_LINK = "somebody with the snooze link"
OVER = ("This warning is over", "Nothing is about to be stopped by it any more.", 404)


class _OverError(Exception):
    """The warning is over."""


async def show_snooze(
    req: func.HttpRequest, client: Client, dependencies: Dependencies, caller: Caller
) -> func.HttpResponse:
    """A page with one button: what only looks at links (chats do) changes nothing."""
    key, token = _link(req)
    memory = await dependencies.machines.tracked(key)
    if memory is None or not opens(memory, token):
        return _page(*OVER)
    name = key.rpartition(":")[2]
    text = memory.warning.text if memory.warning else ""
    return _page(f"Keep {name} awake?", text, button=f"Keep it awake for {SNOOZE // 60} hours")


async def snooze(req: func.HttpRequest, client: Client, dependencies: Dependencies, caller: Caller) -> func.HttpResponse:
    """Keep the machine of a warning awake for two hours; the link is worth nothing after that."""
    key, token = _link(req)
    now, longest = dependencies.now(), dependencies.settings.longest_hold_minutes
    asked = HoldRequest.model_validate({"for": duration_text(SNOOZE), "reason": "snoozed"})

    def snoozed(memory: TrackedMachine | None) -> TrackedMachine:
        if memory is None or not opens(memory, token):
            raise _OverError
        return replace(with_hold(memory, asked, BY_LINK, now, longest), warning=None)

    try:
        await require_staying_machine(key, client, dependencies)
        memory = await dependencies.machines.change_tracked(key, snoozed)
    except (_OverError, EnvironmentBusy):  # what is being deleted cannot be kept awake
        return _page(*OVER)
    assert memory.hold is not None
    return _page("It stays awake", f"{key.rpartition(':')[2]} is left alone until {moment_text(memory.hold.until)}.")


def _link(req: func.HttpRequest) -> tuple[str, str]:
    try:
        return read_link(req.route_params["link"])
    except ValueError:
        raise MachineNotFound("This is no snooze link.") from None


def _page(title: str, text: str, status: int = 200, *, button: str = "") -> func.HttpResponse:
    form = f'<form method="post"><button>{html.escape(button)}</button></form>' if button else ""
    body = (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><meta name="robots" content="noindex">'
        f"<title>{html.escape(title)}</title><h1>{html.escape(title)}</h1><p>{html.escape(text)}</p>{form}</html>"
    )
    headers = {
        "Content-Security-Policy": "default-src 'none'; form-action 'self'; frame-ancestors 'none'",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
    }
    return func.HttpResponse(body, status_code=status, mimetype="text/html", headers=headers)
