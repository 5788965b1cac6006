"""Successful responses: their content, checked against the shape that a command relies on."""

import json
from dataclasses import dataclass
from typing import Any

import httpx

from dormouse_cli.errors import ServerError
from dormouse_cli.network.front_ends import foreign_response
from dormouse_cli.network.http_errors import response_error, retry_after
from dormouse_cli.output import sanitize_json, sanitize_lines, to_json
from dormouse_cli.shapes import PAGE_LINKS, Shape, misfit

UNEXPECTED_SHAPE = "The control plane's response does not have the expected structure; is this version of dormouse current?"
TOO_DEEP = "The control plane's response is nested too deeply to be read."


@dataclass(frozen=True, slots=True)
class Response:
    """A successful response: the JSON content, the sanitized text, and for a 202 the seconds until the first poll."""

    content: Any
    text: str
    accepted: bool = False
    retry_after: float = 0.0

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The rows of a page; raises ServerError if the content is not a page of objects."""
        rows = self.fields(PAGE_LINKS).get("value")
        if isinstance(rows, list) and None not in rows:
            return rows
        raise ServerError(UNEXPECTED_SHAPE)

    def fields(self, shape: Shape) -> dict[str, Any]:
        """The content, which is an object of this shape; raises ServerError if it is not."""
        fault = misfit(self.content, shape)
        if isinstance(self.content, dict) and not fault:
            return self.content
        raise ServerError(UNEXPECTED_SHAPE, *([f"  {fault}"] if fault else []))


def document_text(content: Any, *, indent: int | None = None) -> str:
    """A response as a JSON document; raises ServerError if it is nested too deeply."""
    try:
        return to_json(content, indent=indent)
    except RecursionError:
        raise ServerError(TOO_DEEP) from None


def parse_response(response: httpx.Response, text: str, url: str) -> Response:
    """The response as JSON or CSV; raises the CommandError that its status or its problem means."""
    content_type = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if not response.is_success:
        raise response_error(response, text, content_type, url)
    if content_type == "text/csv":
        return Response(text, sanitize_lines(text))
    if content_type != "application/json" and not content_type.endswith("+json"):
        raise foreign_response(response, text, content_type, url, None)
    try:
        content = json.loads(text)
    except RecursionError:
        raise ServerError(TOO_DEEP) from None
    except ValueError:
        raise foreign_response(response, text, "invalid JSON", url, None) from None
    accepted = response.status_code == httpx.codes.ACCEPTED
    return Response(content, sanitize_json(text), accepted, retry_after(response) or 0.0)
