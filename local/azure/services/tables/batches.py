"""Entity group transactions: a batch of changes to entities of one partition, carried out together or not at all.

https://learn.microsoft.com/rest/api/storageservices/performing-entity-group-transactions
"""

import email
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from email.message import Message
from email.parser import HeaderParser
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from multidict import CIMultiDict

from local.azure.core.requests import Request
from local.azure.core.responses import Answer, not_simulated
from local.azure.core.store import Document
from local.azure.core.world import World
from local.azure.services.tables import entities
from local.azure.services.tables.edm import TableRefused, invalid
from local.azure.services.tables.entities import TABLE, Place

MOST_OPERATIONS, LARGEST_BATCH = 100, 4 * 2**20
MULTIPART, HTTP = "multipart/mixed", "application/http"
CHANGES = ("POST", "PUT", "PATCH", "MERGE", "DELETE")


@dataclass(frozen=True, slots=True)
class Operation:
    """One change of a batch: the request that it would be alone, and its content ID."""

    request: Request
    number: str

    @property
    def table(self) -> str:
        """The table into which an entity is to be inserted, or "" for a change of an entity that the URL names."""
        named = TABLE.fullmatch(self.request.path) if self.request.method == "POST" else None
        return named["table"] if named else ""

    @property
    def place(self) -> Place:
        """The entity to change."""
        if self.table:
            return entities.place_of_new(self.table, self.request)
        place = entities.place_in(self.request.path)
        if place is None:
            raise not_simulated(f"{self.request.method} {self.request.path} in a batch")
        return place

    def done(self, world: World) -> Answer:
        """Carry it out, and return the response that it would get alone."""
        if self.table:
            return entities.insert(world, self.table, self.request)
        return entities.answer(world, self.request, self.place)


def answer(world: World, request: Request) -> Answer:
    """Carry out every operation of a batch, or none and say which one was refused."""
    if len(request.body) > LARGEST_BATCH:
        text = "The request body is too large and exceeds the maximum permissible limit."
        raise TableRefused(413, "RequestBodyTooLarge", text)
    operations = list(_operations(request))
    try:
        _check_number(operations)
        answers = _all_done(world, operations)
    except _OperationRefused as refused:
        operations, answers = [operations[refused.place]], [refused.answer]
    name = world.fresh_guid("batch")
    parts = [_part(operation, said) for operation, said in zip(operations, answers, strict=True)]
    changes = f"Content-Type: {MULTIPART}; boundary=changesetresponse_{name}\r\n\r\n".encode()
    changes += _joined(f"changesetresponse_{name}", parts)
    headers = {"Content-Type": f"{MULTIPART}; boundary=batchresponse_{name}"}
    return Answer(202, _joined(f"batchresponse_{name}", [changes]), headers)


class _OperationRefused(TableRefused):
    """The refusal of the operation at this index, which the message contains."""

    def __init__(self, place: int, refused: TableRefused) -> None:
        super().__init__(refused.status, refused.code, f"{place}:{refused.message}")
        self.place = place


def _all_done(world: World, operations: list[Operation]) -> list[Answer]:
    """Every response; after any failure the store is unchanged."""
    before: dict[Place, Document | None] = {}
    answers: list[Answer] = []
    try:
        for operation in operations:
            place = operation.place
            _check_place(place, before)
            before[place] = world.store.get(place.shelf, place.key)
            answers.append(operation.done(world))
    except Exception as error:
        for place, document in before.items():
            if document is None:
                world.store.delete(place.shelf, place.key)
            else:
                world.store.put(place.shelf, place.key, document)
        if isinstance(error, TableRefused):
            raise _OperationRefused(len(answers), error) from None
        raise
    return answers


def _check_number(operations: list[Operation]) -> None:
    if not operations:
        raise invalid("A batch needs operations.")
    if len(operations) > MOST_OPERATIONS:
        text = "The batch request operation exceeds the maximum 100 changes per change set."
        raise _OperationRefused(MOST_OPERATIONS - 1, invalid(text))


def _check_place(place: Place, others: Collection[Place]) -> None:
    if any((place.shelf, place.partition) != (other.shelf, other.partition) for other in others):
        text = "All commands in a batch must operate on same entity group."
        raise TableRefused(400, "CommandsInBatchActOnDifferentPartitions", text)
    if any(place.row == other.row for other in others):
        text = "The batch request contains multiple changes with same row key. An entity can appear only once in a batch request."
        raise TableRefused(400, "InvalidDuplicateRow", text)


def _operations(request: Request) -> Iterator[Operation]:
    parts = _parts(request)
    if len(parts) != 1 or parts[0].get_content_type() != MULTIPART:
        raise not_simulated("a batch of anything but one set of changes")
    for part in parts[0].get_payload():
        if not isinstance(part, Message) or part.get_content_type() != HTTP:
            raise invalid("A set of changes holds requests and nothing else.")
        yield Operation(_request_in(part, request), str(part.get("Content-ID", "")))


def _parts(request: Request) -> list[Message]:
    head = f"Content-Type: {request.headers.get('Content-Type', '')}\r\n\r\n".encode()
    message = email.message_from_bytes(head + request.body)
    if message.get_content_type() != MULTIPART or not message.is_multipart():
        raise invalid("A batch is multipart/mixed, with a boundary.")
    return [part for part in message.get_payload() if isinstance(part, Message)]


def _request_in(part: Message, batch: Request) -> Request:
    content: Any = part.get_payload(decode=True)
    head, _, body = content.partition(b"\r\n\r\n")
    line, _, lines = head.decode("latin-1").partition("\r\n")
    method, _, rest = line.partition(" ")
    if method not in CHANGES:
        raise not_simulated(f"{method or 'nothing'} in a set of changes")
    url = urlsplit(rest.rpartition(" ")[0])
    headers = CIMultiDict(HeaderParser().parsestr(lines).items())
    path = entities.readable(url.path)
    return replace(batch, method=method, path=path, query=dict(parse_qsl(url.query)), headers=headers, body=body)


def _part(operation: Operation, said: Answer) -> bytes:
    headers = {"Content-ID": operation.number, **said.headers} if operation.number else said.headers
    if said.body is not None:
        headers = {**headers, "Content-Type": f"application/json;odata={entities.level(operation.request)};charset=utf-8"}
    lines = [f"Content-Type: {HTTP}", "Content-Transfer-Encoding: binary", ""]
    lines += [f"HTTP/1.1 {said.status} {HTTPStatus(said.status).phrase}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + said.content


def _joined(boundary: str, parts: Iterable[bytes]) -> bytes:
    """The parts of a multipart body between their boundaries."""
    return b"".join(f"--{boundary}\r\n".encode() + part + b"\r\n" for part in parts) + f"--{boundary}--\r\n".encode()
