"""The durable state of the host in one SQLite file: instances, histories, messages, pending work, timers.

Every change of an instance is one transaction, so a host killed at any moment continues from the last complete step.
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from local.clock import Clock
from local.host.durable.events import Event
from local.host.durable.rows import Alarm, Entity, Instance, Message, Work

SCHEMA = """
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS instances (
    id TEXT PRIMARY KEY, execution TEXT NOT NULL, name TEXT NOT NULL, status TEXT NOT NULL,
    input TEXT, output TEXT, custom_status TEXT, created TEXT NOT NULL, updated TEXT NOT NULL, parent TEXT,
    version TEXT
);
CREATE TABLE IF NOT EXISTS history (
    instance TEXT NOT NULL, number INTEGER NOT NULL, event TEXT NOT NULL, PRIMARY KEY (instance, number)
);
CREATE TABLE IF NOT EXISTS inbox (
    number INTEGER PRIMARY KEY AUTOINCREMENT, instance TEXT NOT NULL, execution TEXT, event TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS inbox_by_instance ON inbox (instance);
CREATE TABLE IF NOT EXISTS activities (
    number INTEGER PRIMARY KEY AUTOINCREMENT, instance TEXT NOT NULL, execution TEXT NOT NULL,
    task INTEGER NOT NULL, name TEXT NOT NULL, input TEXT
);
CREATE TABLE IF NOT EXISTS timers (
    number INTEGER PRIMARY KEY AUTOINCREMENT, instance TEXT NOT NULL, execution TEXT NOT NULL,
    task INTEGER NOT NULL, fire_at TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS timers_by_time ON timers (fire_at);
CREATE TABLE IF NOT EXISTS entities (id TEXT PRIMARY KEY, state TEXT, updated TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS schedules (name TEXT PRIMARY KEY, status TEXT NOT NULL);
"""


class Store:
    """The host's durable store."""

    def __init__(self, path: Path | str) -> None:
        """Open or create the file; ":memory:" keeps nothing after the end."""
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=60)
        self._db.executescript(f"PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; {SCHEMA}")
        if "version" not in {row[1] for row in self._db.execute("PRAGMA table_info(instances)")}:
            self._db.execute("ALTER TABLE instances ADD COLUMN version TEXT")  # a file of an earlier release

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Run the block in one transaction."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise

    def fact(self, name: str, default: str) -> str:
        """A fact about the host that survives restarts; the first value is kept."""
        self._db.execute("INSERT OR IGNORE INTO facts VALUES (?, ?)", (name, default))
        return str(self._db.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()[0])

    def clock(self, speed: float, origin: float | None = None) -> Clock:
        """The clock that the host has used since its first start, when it began with these values."""
        fresh = Clock(speed, origin)
        began, ran = self.fact("clock origin", repr(fresh.origin)), self.fact("clock speed", repr(fresh.speed))
        return Clock(float(ran), float(began))

    def change_clock(self, clock: Clock) -> None:
        """Use this clock from the next start on."""
        values = {"clock origin": repr(clock.origin), "clock speed": repr(clock.speed)}
        self._db.executemany("INSERT OR REPLACE INTO facts VALUES (?, ?)", values.items())

    def instance(self, identifier: str) -> Instance | None:
        """The instance with this ID, or None."""
        row = self._db.execute("SELECT * FROM instances WHERE id = ?", (identifier,)).fetchone()
        return Instance(*row) if row else None

    def instances(self) -> list[Instance]:
        """Every instance, oldest first."""
        return [Instance(*row) for row in self._db.execute("SELECT * FROM instances ORDER BY created, id")]

    def save(self, instance: Instance) -> None:
        """Write the state of an instance."""
        values = tuple(getattr(instance, name) for name in Instance.__slots__)
        self._db.execute(f"INSERT OR REPLACE INTO instances VALUES ({', '.join('?' * len(values))})", values)

    def history(self, identifier: str) -> list[Event]:
        """The events of an instance, oldest first."""
        rows = self._db.execute("SELECT event FROM history WHERE instance = ? ORDER BY number", (identifier,))
        return [json.loads(row[0]) for row in rows]

    def append(self, identifier: str, start: int, events: Iterable[Event]) -> None:
        """Append to a history whose length is `start`."""
        rows = [(identifier, start + place, json.dumps(item)) for place, item in enumerate(events)]
        self._db.executemany("INSERT INTO history VALUES (?, ?, ?)", rows)

    def forget_history(self, identifier: str) -> None:
        """Delete a history."""
        self._db.execute("DELETE FROM history WHERE instance = ?", (identifier,))

    def send(self, identifier: str, execution: str | None, item: Event) -> None:
        """Put a message into an instance's inbox; with an execution ID, only for that execution."""
        self._db.execute(
            "INSERT INTO inbox (instance, execution, event) VALUES (?, ?, ?)", (identifier, execution, json.dumps(item))
        )

    def inbox(self, identifier: str) -> list[Message]:
        """The messages of an instance, oldest first."""
        rows = self._db.execute(
            "SELECT number, execution, event FROM inbox WHERE instance = ? ORDER BY number", (identifier,)
        )
        return [Message(number, execution, json.loads(item)) for number, execution, item in rows]

    def take(self, messages: Iterable[Message]) -> None:
        """Remove processed messages."""
        self._db.executemany("DELETE FROM inbox WHERE number = ?", [(message.number,) for message in messages])

    def with_messages(self) -> list[str]:
        """The instances with messages."""
        return [row[0] for row in self._db.execute("SELECT DISTINCT instance FROM inbox ORDER BY number")]

    def schedule_work(self, instance: Instance, task: int, name: str, given: str | None) -> Work:
        """Store an activity to call."""
        cursor = self._db.execute(
            "INSERT INTO activities (instance, execution, task, name, input) VALUES (?, ?, ?, ?, ?)",
            (instance.id, instance.execution, task, name, given),
        )
        return Work(cursor.lastrowid or 0, instance.id, instance.execution, task, name, given)

    def finish_work(self, work: Work) -> bool:
        """Remove an activity; False if it was removed before."""
        return self._db.execute("DELETE FROM activities WHERE number = ?", (work.number,)).rowcount == 1

    def work(self) -> list[Work]:
        """Every activity to call, oldest first."""
        return [Work(*row) for row in self._db.execute("SELECT * FROM activities ORDER BY number")]

    def set_alarm(self, instance: Instance, task: int, fire_at: str) -> Alarm:
        """Store a durable timer."""
        cursor = self._db.execute(
            "INSERT INTO timers (instance, execution, task, fire_at) VALUES (?, ?, ?, ?)",
            (instance.id, instance.execution, task, fire_at),
        )
        return Alarm(cursor.lastrowid or 0, instance.id, instance.execution, task, fire_at)

    def strike_alarm(self, alarm: Alarm) -> bool:
        """Remove a timer; False if it was removed before."""
        return self._db.execute("DELETE FROM timers WHERE number = ?", (alarm.number,)).rowcount == 1

    def next_alarm(self) -> Alarm | None:
        """The durable timer that fires first, or None."""
        row = self._db.execute("SELECT * FROM timers ORDER BY fire_at, number LIMIT 1").fetchone()
        return Alarm(*row) if row else None

    def cancel_alarms(self, instance: Instance, tasks: Iterable[int]) -> None:
        """Delete timers of an instance that it no longer waits for."""
        rows = [(instance.id, instance.execution, task) for task in tasks]
        self._db.executemany("DELETE FROM timers WHERE instance = ? AND execution = ? AND task = ?", rows)

    def cancel_all_alarms(self, identifier: str) -> None:
        """Delete every timer of an instance."""
        self._db.execute("DELETE FROM timers WHERE instance = ?", (identifier,))

    def entity(self, identifier: str) -> Entity | None:
        """The entity with this ID, or None."""
        row = self._db.execute("SELECT * FROM entities WHERE id = ?", (identifier,)).fetchone()
        return Entity(*row) if row else None

    def entities(self) -> list[Entity]:
        """Every existing entity, by ID."""
        return [Entity(*row) for row in self._db.execute("SELECT * FROM entities ORDER BY id")]

    def save_entity(self, entity: Entity) -> None:
        """Write the state of an entity."""
        values = (entity.id, entity.state, entity.updated)
        self._db.execute("INSERT OR REPLACE INTO entities VALUES (?, ?, ?)", values)

    def delete_entity(self, identifier: str) -> None:
        """Delete an entity."""
        self._db.execute("DELETE FROM entities WHERE id = ?", (identifier,))

    def drop_work(self, identifier: str) -> None:
        """Delete the pending work of an instance."""
        for table in ("activities", "timers", "inbox"):
            self._db.execute(f"DELETE FROM {table} WHERE instance = ?", (identifier,))

    def purge(self, identifier: str) -> None:
        """Delete an instance with everything that belongs to it."""
        self.drop_work(identifier)
        self.forget_history(identifier)
        self._db.execute("DELETE FROM instances WHERE id = ?", (identifier,))

    def schedule_status(self, name: str) -> dict[str, Any] | None:
        """When a timer trigger last ran and runs next."""
        row = self._db.execute("SELECT status FROM schedules WHERE name = ?", (name,)).fetchone()
        return json.loads(row[0]) if row else None

    def save_schedule_status(self, name: str, status: dict[str, Any]) -> None:
        """Store when a timer trigger last ran and runs next."""
        self._db.execute("INSERT OR REPLACE INTO schedules VALUES (?, ?)", (name, json.dumps(status)))
