"""The interface described: an OpenAPI document made of the very table and models that requests meet, and a page of it."""

import functools
import inspect
import re
from collections.abc import Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import azure.functions as func

from dormouse.access.roles import LEAST, ON_OWN, REPORTER, Permission
from dormouse.errors import (
    CloudUnavailable,
    ConcurrentChange,
    ControlPlaneError,
    IdempotencyKeyReused,
    InvalidRequest,
    InvalidSpec,
    Misconfigured,
    NotAllowed,
    NotAuthenticated,
    RefusedByAzure,
    RequestTooLarge,
    RequestUnderWay,
    TooManyRequests,
    UnreadableRecord,
)
from dormouse.http.idempotency import GOOD_KEY, HEADER, REPLAYED
from dormouse.http.openapi.examples import EXAMPLES, FORMS
from dormouse.http.openapi.html import page_of
from dormouse.http.openapi.schemas import Schemas, models_in, name_of, schemas_of
from dormouse.http.parameters import DRY_RUN
from dormouse.http.problem_kinds import STATUS_OF
from dormouse.http.problems import CONTENT_TYPE, headers_of, problem_like
from dormouse.http.responses import answer
from dormouse.resources.compute.machines import ENVIRONMENT_NAME
from dormouse.services.context import Context
from dormouse.services.use_cases import Limit

if TYPE_CHECKING:
    from dormouse.http.route import Route

VERSION = "1.0"
IN_PATH = re.compile(r"\{(\w+)\}")
PLACES: dict[str, dict[str, Any]] = {
    "environments/{name}": {"type": "string", "pattern": f"^(?!.*--){ENVIRONMENT_NAME.pattern}$", "examples": ["ml1"]},
}
DESCRIPTION = (
    "A control plane for GPU machines on Azure. Commands return 202 with the URL of an operation, which reports progress "
    "and outcome. Lists are paged: `next` is the URL of the next page. Errors are problems (RFC 9457) that list every fault "
    "at once. Every GET route also answers HEAD, and every path answers OPTIONS with its methods in `Allow`."
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
DRY_RUN_AS_MEMBER = {
    "type": "boolean",
    "default": False,
    "description": "As in the query: only show what would happen.",
    "examples": [True],
}
NOTHING_ELSE = {"type": "object", "properties": {DRY_RUN.name: DRY_RUN_AS_MEMBER}, "additionalProperties": False}
KEY = {"type": "string", "pattern": f"^{GOOD_KEY.pattern}$"}


async def get_description(req: func.HttpRequest, context: Context) -> func.HttpResponse:
    """This interface as an OpenAPI 3.1 document."""
    return answer(document(), HTTPStatus.OK, **{"Cache-Control": "public, max-age=300"})


async def get_page(req: func.HttpRequest, context: Context) -> func.HttpResponse:
    """This interface as a page for people."""
    headers = {
        "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
        "X-Content-Type-Options": "nosniff",
    }
    return func.HttpResponse(page_of(document()), mimetype="text/html", headers=headers)


@functools.cache
def document() -> dict[str, Any]:
    """The OpenAPI document, made once. https://spec.openapis.org/oas/v3.1.1"""
    from dormouse.http.routes import ROUTES  # the table holds this module's routes, too

    schemas, definitions = schemas_of(ROUTES)
    for route in ROUTES:
        if route.is_command and route.contract.body is not None:  # every command takes it, and reads it apart from its model
            for model in models_in(route.contract.body):
                definitions[name_of(model)]["properties"][DRY_RUN.name] = DRY_RUN_AS_MEMBER
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
    kinds = list(route.contract.raises)
    kinds += [NotAuthenticated, NotAllowed] if route.permission is not Permission.NOTHING else []
    kinds += [InvalidRequest] if route.permission is not Permission.NOTHING or route.contract.body else []
    kinds += [ConcurrentChange, IdempotencyKeyReused, RequestUnderWay] if route.is_command else []
    kinds += [TooManyRequests] if route.use_case.limit is not Limit.NONE else []
    kinds += [InvalidSpec] if any(hasattr(model, "model_validate") for model in models_in(route.contract.body)) else []
    kinds += [RequestTooLarge] if route.contract.body or route.contract.auth_header or route.is_command else []
    return list(dict.fromkeys([*kinds, UnreadableRecord, CloudUnavailable, RefusedByAzure, Misconfigured]))


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
    if route.permission in LEAST:
        own = " on what is theirs, operator on everything" if route.permission in ON_OWN else ""
        own += f", or the app role {REPORTER}" if route.permission is Permission.REPORT else ""
        described["description"] = f"Takes the role {LEAST[route.permission]}{own}."
    if route.contract.body is not None:
        content = {"schema": schemas(("takes", route.handler.__name__))}
        example = EXAMPLES.get(route.handler.__name__)
        content |= {"example": example} if example else {}
        described["requestBody"] = {"required": True, "content": {route.contract.media: content}}
    elif route.contract.media != "application/json":
        fields = {name: {"type": "string"} for name in FORMS[route.handler.__name__]}
        shape = {"type": "object", "properties": fields, "required": list(fields)}
        described["requestBody"] = {"required": True, "content": {route.contract.media: {"schema": shape}}}
    elif route.is_command:
        described["requestBody"] = {"required": False, "content": {route.contract.media: {"schema": NOTHING_ELSE}}}
    return described


def _parameters(route: "Route") -> list[dict[str, Any]]:
    known = next((schema for template, schema in PLACES.items() if route.template.startswith(template)), {"type": "string"})
    places = [{"name": name, "in": "path", "required": True, "schema": known} for name in IN_PATH.findall(route.template)]
    if route.contract.auth_header == "X-Slack-Signature":
        places.append({"name": "X-Slack-Request-Timestamp", "in": "header", "required": True, "schema": {"type": "string"}})
    again = {"name": HEADER, "in": "header", "required": False, "description": AGAIN, "schema": KEY}
    return (
        places
        + ([again] if route.is_command else [])
        + [
            {
                "name": each.name,
                "in": "query",
                "required": each.required,
                "description": each.meaning,
                "schema": dict(each.schema),
                # Several values of one parameter are separated by commas.
                **({"style": "form", "explode": False} if each.schema.get("type") == "array" else {}),
            }
            for each in route.contract.query
        ]
    )


def _security(route: "Route") -> list[dict[str, Any]]:
    if route.permission is not Permission.NOTHING:
        return [{"functionKey": []}, {"bearer": []}]
    return [{route.contract.auth_header: []}] if route.contract.auth_header else []


def _responses(route: "Route", schemas: Schemas) -> dict[str, Any]:
    responses: dict[str, Any] = {}
    for status in dict.fromkeys(reply.status for reply in route.contract.replies):
        responses[str(status)] = _success(route, status, schemas)
    errors = problems_of(route)
    for status in sorted({STATUS_OF[error].value for error in errors}):
        alike = [error for error in errors if STATUS_OF[error].value == status]
        known = responses.setdefault(str(status), {"description": HTTPStatus(status).phrase, "content": {}})
        known["content"][CONTENT_TYPE] = {"schema": schemas("problem"), "examples": _examples(alike)}
        known |= _described_headers(header for error in alike for header in headers_of(error))
        if status == HTTPStatus.UNAUTHORIZED and route.permission is not Permission.NOTHING:
            known["description"] += ". To a wrong function key the host answers so itself, without a body or headers."
    responses["500"]["description"] = (
        "The control plane is misconfigured, or an unexpected error occurred; its log says more."
    )
    return responses


def _success(route: "Route", status: int, schemas: Schemas) -> dict[str, Any]:
    content: dict[str, Any] = {}
    for media in dict.fromkeys(reply.media for reply in route.contract.replies if reply.status == status):
        alike = [reply for reply in route.contract.replies if (reply.status, reply.media) == (status, media)]
        kinds = [
            schemas(("reply", route.handler.__name__, route.contract.replies.index(reply))) for reply in alike if reply.kind
        ]
        schema = kinds[0] if len(kinds) == 1 else {"anyOf": kinds} if kinds else {"type": "string"}
        content[media] = {"schema": schema}
    headers = [REPLAYED] if route.is_command else []
    headers += [name for reply in route.contract.replies if reply.status == status for name in reply.headers]
    described = {"description": HTTPStatus(status).phrase, "content": content, **_described_headers(headers)}
    return {**described, "links": _links(route)} if status == HTTPStatus.ACCEPTED else described


def _links(route: "Route") -> dict[str, Any]:
    """Where what has been accepted can be watched, and taken back."""
    if route.template == "sweeps":
        return {"watch": {"operationId": "get_sweep", "parameters": {"id": "$response.body#/sweep"}}}
    known = {"parameters": {"id": "$response.body#/operation"}}
    watch = {"watch": {"operationId": "get_operation", **known}}
    builds = route.handler.__name__ == "put_environment"  # what builds can be taken back
    return {**watch, "cancel": {"operationId": "cancel_operation", **known}} if builds else watch


def _described_headers(names: Iterable[str]) -> dict[str, Any]:
    headers = {name: {"schema": {"type": "string"}} for name in names}
    return {"headers": headers} if headers else {}


def _examples(errors: Iterable[type[ControlPlaneError]]) -> dict[str, Any]:
    return {error.__name__: {"summary": inspect.getdoc(error), "value": problem_like(error)} for error in errors}
