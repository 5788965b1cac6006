"""Handlers of snooze links: people who were warned keep the machine awake with one click, without a key."""

import html

import azure.functions as func

from dormouse.clock import moment_text
from dormouse.errors import MachineNotFound
from dormouse.idle.holds import SNOOZE
from dormouse.idle.snooze import read_link
from dormouse.services.context import Context
from dormouse.services.idle import keeping

OVER = ("This warning is over", "The machine is not about to be stopped because of it.", 404)


async def show_snooze(req: func.HttpRequest, context: Context) -> func.HttpResponse:
    """A page with one button: chats that only preview the link change nothing."""
    key, token = _link(req)
    try:
        machine = await keeping.warned_machine(key, token, context)
    except keeping.WarningOver:
        return _page(*OVER)
    name = key.rpartition(":")[2]
    text = machine.warning.text if machine.warning else ""
    return _page(f"Keep {name} awake?", text, button=f"Keep it awake for {SNOOZE // 60} hours")


async def snooze(req: func.HttpRequest, context: Context) -> func.HttpResponse:
    """Keep the machine of a warning awake for two hours; the link cannot be used again."""
    key, token = _link(req)
    try:
        machine = await keeping.snooze(key, token, context)
    except keeping.WarningOver:
        return _page(*OVER)
    assert machine.hold is not None
    name, until = key.rpartition(":")[2], moment_text(machine.hold.until)
    return _page("The machine stays awake", f"{name} is not stopped for being idle before {until}.")


def _link(req: func.HttpRequest) -> tuple[str, str]:
    try:
        return read_link(req.route_params["link"])
    except ValueError:
        raise MachineNotFound("This is not a snooze link.") from None


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
