"""The interface described: an OpenAPI document made of the very table and models that requests meet, and a page of it."""

import functools
import inspect
import re
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import azure.functions as func

from api.answers import answer
from api.page import page_of
from api.problems import CONTENT_TYPE, STATUS_OF, Problem, headers_of, problem_like
from api.reads import Reads
from api.repeating import GOOD_KEY, HEADER
from api.starting import Client
from environments.errors import (
    CloudUnavailable,
    ControlPlaneError,
    IdempotencyKeyReused,
    InvalidRequest,
    InvalidSpec,
    NotAllowed,
    NotAuthenticated,
    RequestTooLarge,
    RequestUnderWay,
    TooManyRequests,
)
from environments.fleet import NAME
from environments.roles import LEAST, Caller, Right

if TYPE_CHECKING:
    from api.route import Route

VERSION = "1.0"
REFERENCE = "#/components/schemas/{model}"
IN_PATH = re.compile(r"\{(\w+)\}")
PLACES: dict[str, dict[str, Any]] = {
    "environments/{name}": {"type": "string", "pattern": f"^{NAME.pattern}$", "examples": ["ml1"]},
}
EXAMPLES: dict[str, Any] = {
    "put_environment": {"blueprint": "workstation", "region": "polandcentral"},
    "hold_environment": {"for": "2h", "reason": "a long run"},
    "extend_environment": {"for": "8h", "then": "stop"},
    "generic_message": {"id": "0f8c3b1e-5d0f", "at": "2026-05-01T12:00:00Z", "user": "alice", "text": "start ml1"},
    "post_sweep": {"dry_run": True},
}
DESCRIPTION = (
    "A control plane for GPU machines on Azure. Commands answer 202 with the address of an operation, which says what came "
    "of them. Lists are paged: `next` is the address of the page after. Whatever is wrong is told as a problem (RFC 9457), "
    "every fault at once."
)
PROOFS: dict[str, dict[str, Any]] = {
    "functionKey": {"type": "apiKey", "in": "header", "name": "x-functions-key"},
    "bearer": {"type": "http", "scheme": "bearer", "description": "A token of Microsoft Entra for ENTRA_AUDIENCE."},
    "Authorization": {
        "type": "apiKey",
        "in": "header",
        "name": "Authorization",
        "description": "Machines: a bearer token of their own managed identity. Teams: the HMAC of an outgoing webhook.",
    },
    "X-Slack-Signature": {
        "type": "apiKey",
        "in": "header",
        "name": "X-Slack-Signature",
        "description": "With X-Slack-Request-Timestamp, as Slack signs.",
    },
    "X-Hub-Signature-256": {
        "type": "apiKey",
        "in": "header",
        "name": "X-Hub-Signature-256",
        "description": "sha256= and the HMAC of the body, in hexadecimal.",
    },
}
AGAIN = "The same command with the same key is done once, and answered alike for a day."
KEY = {"type": "string", "pattern": f"^{GOOD_KEY.pattern}$"}
Schemas = Callable[[Any], dict[str, Any]]


async def get_description(req: func.HttpRequest, client: Client, reads: Reads, caller: Caller) -> func.HttpResponse:
    """This interface as an OpenAPI 3.1 document."""
    return answer(document(), HTTPStatus.OK, **{"Cache-Control": "public, max-age=300"})


async def get_page(req: func.HttpRequest, client: Client, reads: Reads, caller: Caller) -> func.HttpResponse:
    """This interface as a page for people."""
    headers = {
        "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
        "X-Content-Type-Options": "nosniff",
    }
    return func.HttpResponse(page_of(document()), mimetype="text/html", headers=headers)


@functools.cache
def document() -> dict[str, Any]:
    """The OpenAPI document, made once. https://spec.openapis.org/oas/v3.1.1"""
    from api.routes import ROUTES  # the table holds this module's routes, too

    schemas, definitions = _schemas(ROUTES)
    paths: dict[str, dict[str, Any]] = {}
    for route in ROUTES:
        paths.setdefault(f"/api/{route.template}", {})[route.method.lower()] = _operation(route, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Dormouse", "version": VERSION, "description": DESCRIPTION, "license": {"name": "MIT"}},
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {"schemas": definitions, "securitySchemes": PROOFS},
    }


def problems_of(route: "Route") -> list[type[ControlPlaneError]]:
    """Everything that a route may refuse, each as the error that it raises."""
    kinds = list(route.no)
    kinds += [NotAuthenticated, NotAllowed] if route.right is not Right.NOTHING else []
    kinds += [InvalidRequest] if route.query or route.takes or route.commands else []
    kinds += [IdempotencyKeyReused, RequestUnderWay] if route.commands else []
    kinds += [TooManyRequests] if route.costly else []
    kinds += [InvalidSpec] if route.takes and inspect.isclass(route.takes) and hasattr(route.takes, "model_validate") else []
    kinds += [RequestTooLarge] if route.takes or route.proof else []
    return list(dict.fromkeys([*kinds, CloudUnavailable]))


def _operation(route: "Route", schemas: Schemas) -> dict[str, Any]:
    words = inspect.getdoc(route.handler) or ""
    described: dict[str, Any] = {
        "operationId": route.handler.__name__,
        "summary": words.partition("\n")[0],
        "tags": [route.template.partition("/")[0]],
        "parameters": _parameters(route),
        "responses": _responses(route, schemas),
        "security": _security(route),
    }
    if route.right in LEAST:
        own = " on what is theirs, operator on everything" if route.right is Right.OWN else ""
        described["description"] = f"Takes the role {LEAST[route.right]}{own}."
    if route.takes is not None:
        content = {"schema": schemas(("takes", route.handler.__name__))}
        example = EXAMPLES.get(route.handler.__name__)
        content |= {"example": example} if example else {}
        required = route.handler.__name__ != "post_sweep"
        described["requestBody"] = {"required": required, "content": {route.media: content}}
    elif route.media != "application/json":
        described["requestBody"] = {"required": True, "content": {route.media: {"schema": {"type": "object"}}}}
    return described


def _parameters(route: "Route") -> list[dict[str, Any]]:
    known = next((schema for template, schema in PLACES.items() if route.template.startswith(template)), {"type": "string"})
    places = [{"name": name, "in": "path", "required": True, "schema": known} for name in IN_PATH.findall(route.template)]
    again = {"name": HEADER, "in": "header", "required": False, "description": AGAIN, "schema": KEY}
    return (
        places
        + ([again] if route.commands else [])
        + [
            {"name": each.name, "in": "query", "required": False, "description": each.meaning, "schema": dict(each.schema)}
            for each in route.query
        ]
    )


def _security(route: "Route") -> list[dict[str, Any]]:
    if route.right is not Right.NOTHING:
        return [{"functionKey": []}, {"bearer": []}]
    return [{route.proof: []}] if route.proof else []


def _responses(route: "Route", schemas: Schemas) -> dict[str, Any]:
    responses: dict[str, Any] = {}
    for status in dict.fromkeys(reply.status for reply in route.replies):
        responses[str(status)] = _success(route, status, schemas)
    errors = problems_of(route)
    for status in sorted({STATUS_OF[error].value for error in errors}):
        alike = [error for error in errors if STATUS_OF[error].value == status]
        known = responses.setdefault(str(status), {"description": HTTPStatus(status).phrase, "content": {}})
        known["content"][CONTENT_TYPE] = {"schema": schemas("problem"), "examples": _examples(alike)}
        known |= _described_headers(header for error in alike for header in headers_of(error))
    broken = {"schema": schemas("problem")}
    responses["500"] = {"description": "What nobody expected; it has been logged.", "content": {CONTENT_TYPE: broken}}
    return responses


def _success(route: "Route", status: int, schemas: Schemas) -> dict[str, Any]:
    content: dict[str, Any] = {}
    for media in dict.fromkeys(reply.media for reply in route.replies if reply.status == status):
        alike = [reply for reply in route.replies if (reply.status, reply.media) == (status, media)]
        kinds = [schemas(("reply", route.handler.__name__, route.replies.index(reply))) for reply in alike if reply.kind]
        schema = kinds[0] if len(kinds) == 1 else {"anyOf": kinds} if kinds else {"type": "string"}
        content[media] = {"schema": schema}
    described: dict[str, Any] = {"description": HTTPStatus(status).phrase, "content": content}
    if status != HTTPStatus.ACCEPTED:
        return described
    return {**described, **_described_headers(("Location", "Retry-After")), "links": _links(route)}


def _links(route: "Route") -> dict[str, Any]:
    """Where what has been accepted can be watched, and taken back."""
    if route.template == "sweeps":
        return {"watch": {"operationId": "get_sweep", "parameters": {"id": "$response.body#/sweep"}}}
    known = {"parameters": {"id": "$response.body#/operation"}}
    return {"watch": {"operationId": "get_operation", **known}, "cancel": {"operationId": "cancel_operation", **known}}


def _described_headers(names: Iterable[str]) -> dict[str, Any]:
    headers = {name: {"schema": {"type": "string"}} for name in names}
    return {"headers": headers} if headers else {}


def _examples(errors: Iterable[type[ControlPlaneError]]) -> dict[str, Any]:
    return {error.__name__: {"summary": inspect.getdoc(error), "value": problem_like(error)} for error in errors}


def _schemas(routes: Iterable["Route"]) -> tuple[Schemas, dict[str, Any]]:
    """The JSON Schema of everything that is taken or answered: once by name, and from everywhere by reference."""
    from pydantic import TypeAdapter

    inputs: list[tuple[Any, Any, TypeAdapter[Any]]] = [("problem", "validation", TypeAdapter(Problem))]
    for route in routes:
        name = route.handler.__name__
        if route.takes is not None:
            inputs.append((("takes", name), "validation", TypeAdapter(route.takes)))
        inputs += [
            (("reply", name, number), "serialization", TypeAdapter(reply.kind))
            for number, reply in enumerate(route.replies)
            if reply.kind is not None
        ]
    found, shared = TypeAdapter.json_schemas(inputs, ref_template=REFERENCE)
    by_key = {key: schema for (key, _), schema in found.items()}
    return by_key.__getitem__, shared.get("$defs", {})
