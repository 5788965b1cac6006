"""An organisation's activity service, which says of machines whether they are in use: no part of Azure.

It checks the signature and the time of questions as such a service should, and answers as docs/outside-evidence.md says.
"""

import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

from local.azure.core.requests import Request
from local.azure.core.responses import Answer, not_simulated
from local.azure.core.world import SUBSCRIPTION, World

HOST = "activity.localhost"
# These protect only what runs on this computer.
SECRET, REPORT_SECRET = "local-activity-secret", "local-report-secret"
# Whose machines the app asks about: a resource group, that of an environment, and that of a hazard.
GROUP, GROUPS = "observed", ("observed", "rg-dormouse-observed", "activity-service-silent")
STATEMENTS, QUESTIONS, WHOLE, OLDEST = "activity statements", "activity questions", "activity answer", 300.0


def app_settings(url: str) -> dict[str, str]:
    """The settings by which the app asks this service, and takes activity reports."""
    below = f"/subscriptions/{SUBSCRIPTION}/resourceGroups"
    services = ", ".join(f"{below}/{group}={url}/busy" for group in GROUPS)
    return {"ACTIVITY_URL": services, "ACTIVITY_URL_SECRET": SECRET, "ACTIVITY_REPORT_SECRET": REPORT_SECRET}


def answer(world: World, request: Request) -> Answer:
    """Answer a question about machines: 401 unless it is signed, and not older than five minutes."""
    if (request.method, request.path) != ("POST", "/busy"):
        raise not_simulated(f"{request.method} {request.path} of an activity service")
    signature = f"sha256={hmac.new(SECRET.encode(), request.body, hashlib.sha256).hexdigest()}"
    given = next((value for name, value in request.headers.items() if name.lower() == "x-hub-signature-256"), "")
    if not hmac.compare_digest(given, signature):
        return Answer(401, {"error": "the question is not signed"})
    question = json.loads(request.body)
    if abs(world.seconds() - datetime.fromisoformat(question["at"]).timestamp()) > OLDEST:
        return Answer(401, {"error": "the question is old"})
    world.store.put(QUESTIONS, question["id"], {"machines": question["machines"]})
    whole = world.store.get("facts", WHOLE)
    if whole:
        text = str(whole["text"]).replace("ID", question["id"])
        headers = {"Location": whole["location"]} if whole.get("location") else {}
        return Answer(int(whole.get("status", 200)), text.encode(), headers)
    said = [_said(world, machine) for machine in question["machines"]]
    return Answer(200, {"id": question["id"], "machines": [one for one in said if one is not None]})


def _said(world: World, machine: str) -> dict[str, Any] | None:
    """What is said of a machine; None: nothing."""
    known = world.store.get(STATEMENTS, machine.lower())
    if known is None:
        return {"machine": machine, "state": "not_busy"}
    return {**known, "machine": machine} if "state" in known else None


def _state(world: World, request: Request) -> Answer:
    body = request.json()
    if "text" in body:
        world.store.put("facts", WHOLE, body)
    else:
        machine = str(body.pop("id"))
        world.store.put(STATEMENTS, machine.lower(), body)
    return Answer(204)


def _forget(world: World, _: Request) -> Answer:
    world.store.delete("facts", WHOLE)
    for kind in (STATEMENTS, QUESTIONS):
        for key, _document in list(world.store.items(kind)):
            world.store.delete(kind, key)
    return Answer(204)


def _asked(world: World, _: Request) -> Answer:
    return Answer(200, {"value": [question for _, question in world.store.items(QUESTIONS)]})


HANDLERS: dict[tuple[str, str], Callable[[World, Request], Answer]] = {
    ("PUT", "activity"): _state,
    ("GET", "activity"): _asked,
    ("DELETE", "activity"): _forget,
}
