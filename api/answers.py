"""Answers: JSON out, and the address where an accepted command can be watched."""

import json
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlencode

import azure.functions as func

import wire

POLL_AGAIN_IN = "5"


def answer(content: Any, status: HTTPStatus = HTTPStatus.OK, **headers: str) -> func.HttpResponse:
    """Any value as JSON."""
    return func.HttpResponse(
        json.dumps(wire.encode(content)), status_code=status, headers=headers, mimetype="application/json"
    )


def accepted(operation: str) -> func.HttpResponse:
    """202: the command is on its way, and where to watch it."""
    location = quote(f"/api/operations/{operation}", safe="/:")
    headers = {"Location": location, "Retry-After": POLL_AGAIN_IN}
    body = json.dumps({"operation": operation, "href": location})
    return func.HttpResponse(body, status_code=HTTPStatus.ACCEPTED, headers=headers, mimetype="application/json")


def page(items: list[Any], path: str, after: str, query: dict[str, str]) -> func.HttpResponse:
    """One page of a list, and where the next one is."""
    following = f"{path}?{urlencode({**query, 'after': after})}" if after else None
    return answer({"value": [wire.encode(item) for item in items], "next": following})
