"""The world of the simulated Azure: its time, its chance, what it knows, what it was told to spoil."""

import itertools
import json
import math
import random
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from local.azure.core.faults import Faults
from local.azure.core.store import Document, Store
from local.azure.core.throttling import Throttle
from local.clock import Clock

HERE = Path(__file__).parent
TRIAL_REGIONS = {"centraluseuap", "eastus2euap"}
FORMAT = {"version": 2}
RESOURCES, COUNTS = "resources", "counts"
SIGNALS, AGENTS = OF_MACHINES = ("signals", "agents")  # what is kept of machines besides, under their ids
STATE = ("faults", "running", "app_roles", "messages", "_index", "_news")  # besides documents, buckets and the time
SUBSCRIPTION = "0d0e5e00-0000-4000-8000-000000000001"
TENANT = "0d0e5e00-0000-4000-8000-00000000000f"
NAMESPACE = uuid.UUID("8c7a4c1e-9f0b-5b52-8f6d-2f5b8f7f0a55")


class StateError(Exception):
    """What was remembered cannot be read any more."""


class World:
    """Everything that all services of the simulated Azure share."""

    def __init__(self, store: Store, *, speed: float, seed: int, origin: float | None = None) -> None:
        """Go on in the time that the store remembers, or begin a new one: at this origin, or now."""
        self.store = store
        self._check_format(store)
        remembered = store.get("facts", "clock") or store.put(
            "facts", "clock", {"origin": Clock(origin=origin).origin, "speed": speed}
        )
        self.clock = Clock(float(remembered["speed"]), float(remembered["origin"]))
        self.faults = Faults()
        self.calls: dict[str, int] = {}
        # Long operations that have not ended: everything that happens later.
        self.running = {key for key, document in store.items("operations") if document["status"] == "InProgress"}
        self._numbers = itertools.count()
        # What was written since the agents looked last.
        self.stirred: set[str] = set()
        # What was posted to webhooks, newest last.
        self.app_roles: list[str] = []  # what the managed identity is to applications
        self.messages: deque[dict[str, Any]] = deque(maxlen=10_000)
        self.pending_agents: Callable[[], int] = lambda: 0
        # What was there when the simulation started has long been indexed.
        self._index: dict[str, Document] = dict(store.items(RESOURCES))
        self._index_version = 0
        self._news: deque[tuple[float, str, Document | None]] = deque()
        self._seed = seed
        figures = json.loads((HERE / "durations.json").read_text())
        self._durations: dict[str, dict[str, float]] = figures["operations"] | figures["assumed"]["operations"]
        self.catalogue: dict[str, Any] = json.loads((HERE / "catalogue.json").read_text())["sizes"]
        # Regions for early trials are offered no machines, and take everything else.
        self.regions = TRIAL_REGIONS | {region for facts in self.catalogue.values() for region in facts["usd_per_hour"]}
        self.throttle = Throttle(self.seconds)

    @staticmethod
    def _check_format(store: Store) -> None:
        known = store.get("facts", "format")
        if known != FORMAT and store.get("facts", "clock"):
            raise StateError("what the simulated Azure remembers was written by another version; delete it (make clean)")
        store.put("facts", "format", FORMAT)

    def seconds(self) -> float:
        """The present moment, in simulated seconds since 1970."""
        return self.clock.seconds()

    def set_clock(self, seconds: float) -> None:
        """Continue at this simulated moment; raises ValueError at real speed."""
        self.clock.set(seconds)
        self.store.put("facts", "clock", {"origin": self.clock.origin, "speed": self.clock.speed})

    def text(self, seconds: float | None = None) -> str:
        """A moment (this one by default) as Azure writes it."""
        moment = datetime.fromtimestamp(self.seconds() if seconds is None else seconds, UTC)
        return moment.strftime("%Y-%m-%dT%H:%M:%S.%f") + "0+00:00"

    def zulu(self, seconds: float | None = None) -> str:
        """A moment (this one by default) as storage and authorization write it: seven digits and a Z."""
        return self.text(seconds).removesuffix("+00:00") + "Z"

    def fresh_guid(self, *what: str) -> str:
        """A GUID that is another one every time."""
        return self.guid(*what, str(self.seconds()), str(next(self._numbers)))

    def guid(self, *what: str) -> str:
        """A GUID that is always the same for the same thing."""
        return str(uuid.uuid5(NAMESPACE, "|".join(what).lower()))

    def draw(self, operation: str, subject: str) -> float:
        """How long an operation takes, in seconds: drawn between the recorded percentiles, the same in every run."""
        count = self._count(f"{operation}|{subject}")
        chance = random.Random(f"{self._seed}|{operation}|{_short(subject)}|{count}").random()  # noqa: S311 - no secret
        return _quantile(self._durations[operation], chance)

    def resource(self, identifier: str) -> Document | None:
        """The resource of this id, or None."""
        return self.store.get(RESOURCES, identifier)

    def keep(self, document: Document) -> Document:
        """Write a resource under its id."""
        self._tell_index(document["id"].lower(), document)
        self.stirred.add(document["id"].lower())
        return self.store.put(RESOURCES, document["id"], document)

    def adopt(self, documents: Iterable[Document]) -> None:
        """Write many resources at once that have been there for long: Resource Graph knows them."""
        known = {document["id"].lower(): document for document in documents}
        self.store.put_all(RESOURCES, known)
        # What the index had still to hear of them is older than this.
        self._news = deque(news for news in self._news if news[1] not in known)
        self._index.update(known)
        self._index_version += 1
        self.stirred.update(known)

    def forget(self, identifier: str) -> None:
        """Remove a resource and everything below it."""
        below = identifier.lower() + "/"
        for key, _ in self.store.items(RESOURCES):
            if key == identifier.lower() or key.startswith(below):
                self._tell_index(key, None)
                for shelf in (RESOURCES, *OF_MACHINES):
                    self.store.delete(shelf, key)

    def resources(self, kind: str = "", below: str = "") -> Iterator[Document]:
        """Every resource of a type, below an id."""
        kind, below = kind.lower(), below.lower()
        for key, document in self.store.items(RESOURCES):
            if key.startswith(below) and (not kind or document["type"].lower() == kind):
                yield document

    def indexed(self) -> tuple[dict[str, Document], int]:
        """Every resource as Resource Graph knows it, and the number of this state: it is late, and tells changes in their order."""
        now = self.seconds()
        while self._news and self._news[0][0] <= now:
            _, key, document = self._news.popleft()
            self._index_version += 1
            if document is None:
                self._index.pop(key, None)
            else:
                self._index[key] = document
        return self._index, self._index_version

    def state(self) -> dict[str, Any]:
        """Everything that is so at this moment, except the time."""
        held = {name: getattr(self, name) for name in STATE}
        return {**held, "documents": self.store.everything(), "buckets": self.throttle.buckets}

    def restore(self, state: dict[str, Any], seconds: float) -> None:
        """Make everything what it was in this state, at this simulated moment; the state becomes the world's own."""
        for name in STATE:
            setattr(self, name, state[name])
        self.store.replace_everything(state["documents"])
        self.throttle.buckets = state["buckets"]
        self.set_clock(seconds)
        # A version that Resource Graph has not had yet, for it keeps answers by version.
        self._index_version += 1
        self.stirred.update(self._index)

    def index_everything(self) -> None:
        """Let Resource Graph catch up at once."""
        self._news.clear()
        self._index = dict(self.store.items(RESOURCES))
        self._index_version += 1

    def _tell_index(self, key: str, document: Document | None) -> None:
        late = self.seconds() + self.draw("graph lag", "news")
        self._news.append((max(late, self._news[-1][0] if self._news else 0.0), key, document))

    def _count(self, what: str) -> int:
        known = self.store.get(COUNTS, what) or {"count": 0}
        self.store.put(COUNTS, what, {"count": known["count"] + 1})
        return int(known["count"])


def visible(document: Document) -> Document:
    """A resource as callers see it: what begins with an underscore is the simulation's own business."""
    return {name: value for name, value in document.items() if not name.startswith("_")}


def _quantile(figures: dict[str, float], chance: float) -> float:
    low, middle, high = (math.log(max(figures[name], 0.05)) for name in ("p10", "p50", "p90"))
    if chance < 0.5:
        share = max(chance - 0.1, 0.0) / 0.4
        return math.exp(low + (middle - low) * share)
    share = min(chance - 0.5, 0.4) / 0.4
    return math.exp(middle + (high - middle) * share)


def _short(identifier: str) -> str:
    return identifier.rsplit("/", 1)[-1].lower()
