"""What an activity service is asked, and how its answer is read: whatever cannot be read means "not known", never "idle"."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from dormouse.clock import rfc3339
from dormouse.idle.outside.reports import LONGEST_REASON
from dormouse.text.plain_text import plain

VERSION = 1
BUSY, NOT_BUSY, UNKNOWN = "busy", "not_busy", "unknown"
SAID_NOTHING = "{service} said nothing about it"
UNREADABLE = "what {service} said about it cannot be read ({why})"
DOES_NOT_KNOW = "{service} does not know whether it is in use"


@dataclass(frozen=True, slots=True)
class ServiceAnswer:
    """What an activity service says of a machine: busy until a moment (0.0: not busy) and why, or why that is `unknown`.

    `failed` says that the service is at fault: it did not answer, or not readably. Without a `service`, none is asked.
    """

    service: str = ""
    until: float = 0.0
    reason: str = ""
    unknown: str = ""
    failed: bool = False


def question_of(identifier: str, machines: Sequence[str], now: float) -> bytes:
    """The body of a question about some machines, by resource ID; the answer must name the question's identifier."""
    return json.dumps({"version": VERSION, "id": identifier, "at": rfc3339(now), "machines": list(machines)}).encode()


def answers_in(
    content: bytes, question: str, machines: Sequence[str], service: str, now: float, longest: float
) -> dict[str, ServiceAnswer]:
    """What a service says of each machine, by ID in lower case; raises ValueError if the answer as a whole is unreadable.

    A machine is busy for at most `longest` seconds from now, until the service is asked again.
    """
    answer = _object_in(content)
    if answer.get("id") != question:
        raise ValueError("it does not name the id of the question")
    items = answer.get("machines")
    if not isinstance(items, list):
        raise ValueError("machines is not a list")
    said: dict[str, list[ServiceAnswer]] = {}
    for item in items:
        if not isinstance(item, Mapping) or not isinstance(item.get("machine"), str):
            raise ValueError("an entry of machines does not name its machine")
        said.setdefault(item["machine"].lower(), []).append(_answer_of(item, service, now, longest))
    nothing = ServiceAnswer(service, unknown=SAID_NOTHING.format(service=service), failed=True)
    return {machine.lower(): _decisive(said.get(machine.lower(), [nothing])) for machine in machines}


def unanswered(machines: Iterable[str], service: str, why: str) -> dict[str, ServiceAnswer]:
    """The answers about machines, by ID in lower case, of a service that gave none, and why."""
    return {machine.lower(): ServiceAnswer(service, unknown=f"{service} {why}", failed=True) for machine in machines}


def _answer_of(item: Mapping[str, Any], service: str, now: float, longest: float) -> ServiceAnswer:
    state = item.get("state")
    if state == NOT_BUSY and item.get("busy_until") is None:
        return ServiceAnswer(service)
    if state == UNKNOWN:
        return ServiceAnswer(service, unknown=DOES_NOT_KNOW.format(service=service))
    try:
        if state != BUSY:
            raise ValueError("its state is none of busy, not_busy and unknown, or contradicts busy_until")
        until = _moment_in(item.get("busy_until"))
        if until <= now:
            raise ValueError("busy_until has passed")
    except ValueError as error:
        return ServiceAnswer(service, unknown=UNREADABLE.format(service=service, why=error), failed=True)
    reason = item.get("reason")
    return ServiceAnswer(
        service, min(until, now + longest), plain(reason)[:LONGEST_REASON] if isinstance(reason, str) else ""
    )


def _decisive(said: Sequence[ServiceAnswer]) -> ServiceAnswer:
    """Of several answers about one machine: a busy one, else one that is not known, else that it is not busy."""
    return max(said, key=lambda one: (bool(one.until), one.until, one.failed, bool(one.unknown)))


def _moment_in(value: Any) -> float:
    if not isinstance(value, str):
        raise ValueError("busy_until is not a text")
    try:
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is None:
            raise ValueError("no time zone")
        return moment.timestamp()
    except (ValueError, OverflowError):
        raise ValueError("busy_until is no RFC 3339 moment with a time zone") from None


def _object_in(content: bytes) -> dict[str, Any]:
    try:
        found = json.loads(content, object_pairs_hook=_without_repetition)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except ValueError as error:
        raise ValueError(f"it is not JSON: {plain(str(error))[:LONGEST_REASON]}") from None
    if not isinstance(found, dict):
        raise ValueError("it is no JSON object")
    return found


def _without_repetition(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key is repeated")
    return found
