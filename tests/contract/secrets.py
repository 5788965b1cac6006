"""Replays recorded requests to a vault, with the secrets that they need."""

import re
from typing import Any

from local.azure.core.responses import Answer
from local.azure.server import VAULT
from local.azure.services.secret_views import RETENTION
from tests.contract.azure import Azure
from tests.contract.recordings import Recording

SECRET = re.compile(r"/(?:deleted)?secrets/([^/?]+)")
VERSION = re.compile(r"(secrets/[^/]+/)[0-9a-f]{32}")
KEPT = re.compile(r'"recoverableDays": ?(\d+)|"(Customized)')
SET = "api-version=7.4"


def answer(azure: Azure, recording: Recording) -> Answer:
    """The response of the vault after the secrets of the recorded one have been set, and deleted where they were."""
    path, name = recording.path, SECRET.search(recording.path)
    if recording.status == 401:
        return azure.ask(VAULT, recording.method, path, recording.body, token=False)
    called = name[1] if name else "listed"
    _keep_for(azure, recording)
    made = [_set(azure, item, called) for item in _wanted(recording)]
    if made and _deleted(recording):
        for item in list(dict.fromkeys(made)):
            azure.ask(VAULT, "DELETE", f"/secrets/{item[0]}?{SET}")
        if _inner(recording) != "ObjectIsBeingDeleted":
            azure.pass_time(120)
    if made and VERSION.search(path):
        path = VERSION.sub(lambda match: match[1] + made[-1][1], path)
    path = re.sub(r"&?\$skiptoken=[^&]*", "", path)  # the content of a continuation token is the server's own
    return azure.ask(VAULT, recording.method, path, recording.body)


def _keep_for(azure: Azure, recording: Recording) -> None:
    """The vault keeps deleted secrets for as many days as the recorded one."""
    days = [int(match[1] or 7) for match in KEPT.finditer(recording.text)]
    azure.world.store.put("facts", RETENTION, {"days": days[0] if days else 90})


def _wanted(recording: Recording) -> list[dict[str, Any]]:
    """The secrets that were there: those in the response, or one where the request needs one."""
    answered = recording.answered if isinstance(recording.answered, dict) else {}
    if isinstance(answered.get("value"), list):
        # One more secret than those of a page with a link to the next.
        return [*answered["value"], *([{}] if answered.get("nextLink") else [])]
    if recording.status == 404 or (recording.method == "PUT" and recording.status < 300):
        return []
    return [answered if recording.status < 300 else {"attributes": {"enabled": _inner(recording) != "SecretDisabled"}}]


def _set(azure: Azure, like: dict[str, Any], called: str) -> tuple[str, str]:
    """Set a secret or a new version of it like a recorded one; returns its name and the version."""
    match = re.search(r"/secrets/([^/]+)", str(like.get("id") or ""))
    name = match[1] if match else called
    given = {name: like[name] for name in ("tags", "contentType") if like.get(name) is not None}
    attributes = {name: value for name, value in (like.get("attributes") or {}).items() if name in ("nbf", "exp", "enabled")}
    made = azure.ask(VAULT, "PUT", f"/secrets/{name}?{SET}", {"value": "v", **given, "attributes": attributes}).body
    return name, str(made["id"]).rpartition("/")[2]


def _deleted(recording: Recording) -> bool:
    inner = _inner(recording)
    if inner == "RequestNotAllowedOnNonDeletedObject":
        return False
    return "deletedsecrets" in recording.path or inner == "ObjectIsDeletedButRecoverable"


def _inner(recording: Recording) -> str:
    error = (recording.answered or {}).get("error") if isinstance(recording.answered, dict) else None
    return str(((error or {}).get("innererror") or {}).get("code") or "")
