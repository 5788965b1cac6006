"""Leaps of simulated time, and what is in the task hub of a sandbox."""

import contextlib
import sqlite3
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from local.azure.core.store import Store
from local.sandbox import Ground

# What grows with the messages that wait for instances, and is empty when nothing runs.
WAITING = ("inbox", "activities", "timers")
TEXTS = ("id", "name", "input", "output", "custom_status", "parent")
STRAY = "FROM history WHERE instance NOT IN (SELECT id FROM instances)"


def leap(ground: Ground, seconds: float) -> None:
    """Stop both processes for so many simulated seconds, which pass at once; not at real speed."""
    ground.stop()
    azure = Store(ground.home / "azure.sqlite")
    clock = azure.get("facts", "clock")
    if clock is None:
        raise ValueError("the simulated Azure has never run")
    origin = float(clock["origin"]) - seconds / (float(clock["speed"]) - 1)
    azure.put("facts", "clock", {**clock, "origin": origin})
    azure.close()
    with hub_of(ground) as hub:
        hub.execute("UPDATE facts SET value = ? WHERE name = 'clock origin'", (repr(origin),))
    ground.clock.origin = origin
    ground.host.environment = {**ground.host.environment, "CLOCK_ORIGIN": repr(origin)}
    ground.start()


@contextlib.contextmanager
def hub_of(ground: Ground) -> Iterator[sqlite3.Connection]:
    """The database of the host, in one transaction; the host may run."""
    with contextlib.closing(sqlite3.connect(ground.home / "host" / "host.sqlite", timeout=60)) as hub, hub:
        yield hub


@dataclass(frozen=True, slots=True)
class HubSize:
    """The task hub at one moment.

    `instances` by orchestrator and status; `events` in their histories, and `stray` ones that belong to no instance;
    messages, calls and timers that wait; entities; the bytes of all texts. Payloads are included: Azure keeps large ones as
    blobs, which it deletes with their instance (Azure/durabletask, AzureTableTrackingStore.cs).
    """

    instances: Counter[tuple[str, str]]
    events: int
    stray: int
    waiting: int
    entities: int
    bytes: int

    @classmethod
    def of(cls, ground: Ground) -> "HubSize":
        """Measure the hub of a sandbox."""
        with hub_of(ground) as hub:
            kinds = Counter(hub.execute("SELECT name, status FROM instances").fetchall())
            events, text = hub.execute("SELECT count(*), total(length(event)) FROM history").fetchone()
            (stray,) = hub.execute(f"SELECT count(*) {STRAY}").fetchone()
            text += hub.execute(
                f"SELECT {' + '.join(f'total(length({name}))' for name in TEXTS)} FROM instances"
            ).fetchone()[0]
            *waiting, entities = (
                hub.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in (*WAITING, "entities")
            )
        return cls(kinds, events, stray, sum(waiting), entities, int(text))

    @property
    def count(self) -> int:
        """The number of all instances."""
        return self.instances.total()
