"""Responses and refusals of the simulated Azure."""

import json
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

JSON = "application/json; charset=utf-8"


@dataclass(slots=True)
class Answer:
    """One HTTP response."""

    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def content(self) -> bytes:
        """The body as bytes; None is an empty body, and bytes are sent unchanged."""
        if isinstance(self.body, bytes):
            return self.body
        return b"" if self.body is None else json.dumps(self.body).encode()


class Refused(Exception):
    """Azure refuses: status, code and message, in the envelope of Azure Resource Manager."""

    def __init__(self, status: int, code: str, message: str, *, headers: dict[str, str] | None = None, **more: Any) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status, self.code, self.message = status, code, message
        self.headers, self.more = headers or {}, more

    @property
    def answer(self) -> Answer:
        """The refusal as a response."""
        return Answer(self.status, {"error": self.error}, self.headers)

    @property
    def error(self) -> dict[str, Any]:
        """The error alone, as it appears in the envelope and in a failed operation."""
        return {"code": self.code, "message": self.message, **self.more}


class BareRefused(Refused):
    """Azure refuses, without the envelope of Resource Manager, as some resource providers do."""

    @property
    def answer(self) -> Answer:
        """The refusal as a response."""
        return Answer(self.status, self.error, self.headers)


def not_simulated(what: str) -> Refused:
    """The 501 response to a request that is not simulated."""
    return Refused(HTTPStatus.NOT_IMPLEMENTED, "NotSimulated", f"The simulated Azure does not support {what}.")
