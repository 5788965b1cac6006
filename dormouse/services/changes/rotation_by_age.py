"""Rotation of passwords by their age: what is due, what was tried before, and one operation for each environment."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from dormouse import serialization
from dormouse.access.roles import Caller, Channel, Role
from dormouse.clock import DAY, moment_text
from dormouse.environments.operations import EnvironmentRecord
from dormouse.errors import ControlPlaneError
from dormouse.lifecycle import State
from dormouse.records.deduplication import ROTATIONS
from dormouse.records.table import Row
from dormouse.resources.naming import name_of
from dormouse.resources.registry import kind_of
from dormouse.services.changes.passwords import rotate
from dormouse.services.context import Context
from dormouse.services.dependencies import Dependencies
from dormouse.services.durable_client import DurableClient
from dormouse.services.operations import Started

log = logging.getLogger(__name__)

# A rotation runs a script in a machine: one that fails is tried again on another day, and not for ever.
TRIES, PAUSE = 3, DAY
MOST_AT_ONCE, ROWS = 20, 1000
TIMER = Caller("timer", Channel.TIMER, Role.OPERATOR)
NOTE = "It began because the password had existed since {since}, for more than {days} days (try {number} of {tries})."


@dataclass(frozen=True, slots=True)
class AgedPassword:
    """An environment with a password that is due, and since when that password has existed (seconds since 1970)."""

    record: EnvironmentRecord
    since: float


@dataclass(frozen=True, slots=True)
class RotationTries:
    """What was tried for a password that has existed `since` a moment: how often, and when last (seconds since 1970)."""

    since: float
    count: int
    last_at: float


async def rotate_aged(client: DurableClient, dependencies: Dependencies) -> None:
    """Begin to rotate the passwords that are older than the setting says, the oldest first, in environments that run.

    What is stopped waits for the first hour in which it runs. Raises CloudUnavailable or ReadRefused.
    """
    days = dependencies.settings.rotate_passwords_after_days
    if not days:
        return
    due = await _due(dependencies, dependencies.now() - days * DAY)
    seen = await dependencies.environments.observe_all([one.record for one in due])
    waiting, begun = [], 0
    for one in due:
        shown = seen.get(one.record.name)
        if shown is None or shown.state is not State.RUNNING:
            waiting.append(f"{one.record.name} is {shown.state if shown else State.UNKNOWN}")
        elif begun < MOST_AT_ONCE:
            begun += await _begin(one, client, dependencies)
    if waiting:
        log.info("Passwords of more than %s days wait until their machines run: %s.", days, ", ".join(waiting))
    # Longer than the tries for one password take: after that, a password that stayed counts as a new one.
    await dependencies.receipts.forget_older(ROTATIONS, dependencies.now() - days * DAY - (TRIES + 1) * PAUSE)


async def _due(dependencies: Dependencies, border: float) -> list[AgedPassword]:
    """The environments with a password from before a moment, the oldest first; an age that is not known is never due."""
    since, found, after = await dependencies.passwords.since(), list[AgedPassword](), ""
    while True:
        known, after = await dependencies.records.environments(limit=ROWS, after=after)
        found += _aged(list(known.readable.values()), since, border)
        if not after:
            return sorted(found, key=lambda one: (one.since, one.record.name))


def _aged(records: Sequence[EnvironmentRecord], since: Mapping[str, float], border: float) -> Iterator[AgedPassword]:
    for record in records:
        secrets = [name_of(one.id) for one in record.resources if kind_of(one).rotatable and not one.superseded]
        oldest = min((since[name] for name in secrets if name in since), default=border)
        if oldest < border:
            yield AgedPassword(record, oldest)


async def _begin(one: AgedPassword, client: DurableClient, dependencies: Dependencies) -> bool:
    """Begin the rotation of one environment, unless enough was tried; returns whether it was begun."""
    name, now = one.record.name, dependencies.now()
    row = await dependencies.receipts.read(ROTATIONS, name)
    try:
        tries = _next(one, _tries_in(row), now)
    except ValueError as error:  # of another release: it is not known what was tried
        log.warning("The password of %s is not rotated by its age: what was tried cannot be read: %s", name, error)
        return False
    if tries is None:
        return False
    context = Context(client, dependencies, TIMER)
    days = dependencies.settings.rotate_passwords_after_days
    note = NOTE.format(since=moment_text(one.since), days=days, number=tries.count, tries=TRIES)
    try:
        # Looked at first: what cannot begin now is no try.
        if isinstance(await rotate(name, context, dry_run=True), Started):
            return False
        if not await _claim(name, row, tries, dependencies):
            return False
        await rotate(name, context, dry_run=False, note=note)
    except ControlPlaneError as error:
        log.warning("The password of %s is not rotated by its age now: %s", name, error)
        return False
    return True


def _next(one: AgedPassword, before: RotationTries | None, now: float) -> RotationTries | None:
    """The next try for a password, or None if it has had enough of them, or one not long ago."""
    if before is None or before.since != one.since:
        return RotationTries(one.since, 1, now)
    if before.count >= TRIES or now - before.last_at < PAUSE:
        return None
    return RotationTries(one.since, before.count + 1, now)


def _tries_in(row: Row | None) -> RotationTries | None:
    return serialization.read_text(RotationTries, row.document) if row else None


async def _claim(name: str, row: Row | None, tries: RotationTries, dependencies: Dependencies) -> bool:
    """Write down a try before it begins; False if another run of the timer was faster."""
    document, now = serialization.text_of(tries), dependencies.now()
    if row is None:
        return await dependencies.receipts.take(ROTATIONS, name, document, now)
    return await dependencies.receipts.replace(ROTATIONS, row, document, now)
