"""The answers of an API server that are no objects: Status, as https://kubernetes.io/docs/reference/kubernetes-api has it."""

from typing import Any

from local.azure.core.responses import Answer, Refused

REASONS = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    405: "MethodNotAllowed",
    409: "Conflict",
    415: "UnsupportedMediaType",
    422: "Invalid",
    501: "NotImplemented",
}


class Unreachable(Exception):
    """Nothing answers at the address of an API server: its cluster is stopped, or gone, or private."""


class StatusRefused(Refused):
    """A refusal of an API server."""

    def __init__(self, status: int, message: str, reason: str = "", details: Any = None) -> None:
        super().__init__(status, reason or REASONS[status], message)
        self._details = details

    @property
    def answer(self) -> Answer:
        """The refusal as a response."""
        body: dict[str, Any] = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure"}
        body |= {"message": self.message, "reason": self.code}
        if self._details:
            body["details"] = self._details
        return Answer(self.status, {**body, "code": self.status}, self.headers)


def missing(plural: str, group: str, name: str) -> StatusRefused:
    """The refusal for an object that does not exist."""
    full = f"{plural}.{group}" if group else plural
    details = {"name": name, **({"group": group} if group else {}), "kind": plural}
    return StatusRefused(404, f'{full} "{name}" not found', details=details)


def unknown_path() -> StatusRefused:
    """The refusal for a kind or an API that the server does not have."""
    return StatusRefused(404, "the server could not find the requested resource", details={})


def invalid(kind: str, group: str, name: str, causes: list[tuple[str, str, str]]) -> StatusRefused:
    """The refusal for an object that is not valid: each cause with its reason, its message and its field."""
    listed = [{"reason": reason, "message": message, "field": field} for reason, message, field in causes]
    text = ", ".join(f"{field}: {message}" for _, message, field in causes)
    said = text if len(causes) == 1 else f"[{text}]"
    full = f"{kind}.{group}" if group else kind
    details = {"name": name, **({"group": group} if group else {}), "kind": kind, "causes": listed}
    return StatusRefused(422, f'{full} "{name}" is invalid: {said}', details=details)


def success(plural: str, group: str, name: str, uid: str) -> dict[str, Any]:
    """The answer to a deletion that is done."""
    details = {"name": name, **({"group": group} if group else {}), "kind": plural, "uid": uid}
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}
