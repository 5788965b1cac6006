"""The world of the simulated Azure: its time, random draws, state and faults."""

import itertools
import json
import math
import random
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from local.azure.core import regions
from local.azure.core.faults import Faults
from local.azure.core.store import Document, Store
from local.azure.core.throttling import Throttle
from local.clock import Clock

HERE = Path(__file__).parent
FORMAT = {"version": 2}
RESOURCES, COUNTS = "resources", "counts"
SIGNALS, AGENTS = OF_MACHINES = ("signals", "agents")  # additional state of machines, under their IDs
PACE = "pace"
PERCENTILES = ((0.1, "p10"), (0.5, "p50"), (0.9, "p90"), (0.99, "p99"))
USUAL, SHORTEST = 0.9, 0.05
STATE = ("faults", "running", "app_roles", "messages", "_index", "_news")  # apart from documents, buckets and the time
SUBSCRIPTION = "0d0e5e00-0000-4000-8000-000000000001"
# Two more of the same tenant: in them are the machines that an estate puts there, and nothing else.
OTHER_SUBSCRIPTIONS = ("0d0e5e00-0000-4000-8000-000000000002", "0d0e5e00-0000-4000-8000-000000000003")
SUBSCRIPTIONS = frozenset((SUBSCRIPTION, *OTHER_SUBSCRIPTIONS))
TENANT = "0d0e5e00-0000-4000-8000-00000000000f"
NAMESPACE = uuid.UUID("8c7a4c1e-9f0b-5b52-8f6d-2f5b8f7f0a55")


class StateError(Exception):
    """The stored state cannot be read any more."""


class World:
    """The state that all services of the simulated Azure share."""

    def __init__(self, store: Store, *, speed: float, seed: int, origin: float | None = None, tails: bool = False) -> None:
        """Continue at the stored simulated time, or begin at this origin, or now."""
        self.store = store
        self._check_format(store)
        remembered = store.get("facts", "clock") or store.put(
            "facts", "clock", {"origin": Clock(origin=origin).origin, "speed": speed}
        )
        self.clock = Clock(float(remembered["speed"]), float(remembered["origin"]))
        self.faults = Faults()
        self.calls: dict[str, int] = {}
        # The actions that requests to Resource Manager have needed, and whether every one was allowed.
        self.checked: dict[str, bool] = {}
        # Long-running operations that have not ended: everything that happens later.
        self.running = {key for key, document in store.items("operations") if document["status"] == "InProgress"}
        self._numbers = itertools.count()
        # Resources written since the agents last checked.
        self.changed: set[str] = set()
        # Messages posted to webhooks, newest last.
        self.app_roles: list[str] = []  # the app roles of the managed identity
        self.authority = ""  # the certificate of the authority, in PEM, that clients are told to trust
        self.messages: deque[dict[str, Any]] = deque(maxlen=10_000)
        self.pending_agents: Callable[[], int] = lambda: 0
        # Resources that existed when the simulation started have long been indexed.
        self._index: dict[str, Document] = dict(store.items(RESOURCES))
        self._index_version = 0
        self._news: deque[tuple[float, str, Document | None]] = deque()
        self._seed, self._tails = seed, tails
        figures = json.loads((HERE / "durations.json").read_text())
        self.durations: dict[str, dict[str, float]] = figures["operations"] | figures["assumed"]["operations"]
        self.catalogue: dict[str, Any] = json.loads((HERE / "catalogue.json").read_text())["sizes"]
        self.fees: list[list[Any]] = json.loads((HERE / "fees.json").read_text())["rows"]
        # The regions whose offer of machines is known. Early-access regions offer none, but everything else.
        self.offering = regions.TRIAL | {region for facts in self.catalogue.values() for region in facts["usd_per_hour"]}
        self.throttle = Throttle(self.seconds)

    @staticmethod
    def _check_format(store: Store) -> None:
        known = store.get("facts", "format")
        if known != FORMAT and store.get("facts", "clock"):
            raise StateError("the state of the simulated Azure was written by another version; delete it (make clean)")
        store.put("facts", "format", FORMAT)

    def seconds(self) -> float:
        """The present time, in simulated seconds since 1970."""
        return self.clock.seconds()

    def set_clock(self, seconds: float) -> None:
        """Continue at this simulated time; raises ValueError at real speed."""
        self.clock.set(seconds)
        self._keep_clock()

    def change_speed(self, speed: float) -> None:
        """Let simulated time pass at another speed from now on; raises ValueError if it is real speed."""
        self.clock.change_speed(speed)
        self._keep_clock()

    def _keep_clock(self) -> None:
        self.store.put("facts", "clock", {"origin": self.clock.origin, "speed": self.clock.speed})

    def text(self, seconds: float | None = None) -> str:
        """A time (now by default) as Azure writes it."""
        moment = datetime.fromtimestamp(self.seconds() if seconds is None else seconds, UTC)
        return moment.strftime("%Y-%m-%dT%H:%M:%S.%f") + "0+00:00"

    def zulu(self, seconds: float | None = None) -> str:
        """A time (now by default) as storage and authorization write it: seven digits and a Z."""
        return self.text(seconds).removesuffix("+00:00") + "Z"

    def fresh_guid(self, *what: str) -> str:
        """A new GUID on every call."""
        return self.guid(*what, str(self.seconds()), str(next(self._numbers)))

    def guid(self, *what: str) -> str:
        """A GUID derived from its arguments."""
        return str(uuid.uuid5(NAMESPACE, "|".join(what).lower()))

    def draw(self, operation: str, subject: str) -> float:
        """The duration of an operation in seconds: drawn between the recorded percentiles, the same in every run.

        Beyond the 90th percentile it is drawn only in a world with tails. `PACE` sets where all durations are from then on.
        """
        chance, pace = self.chance(operation, subject), self.store.get("facts", PACE)
        share = float(pace["share"]) if pace else chance if self._tails else min(chance, USUAL)
        return _quantile(self.durations[operation], share)

    def chance(self, what: str, subject: str) -> float:
        """A random number from 0 to 1: another one on every call, and the same ones in every run."""
        count = self._count(f"{what}|{subject}")
        return random.Random(f"{self._seed}|{what}|{_short(subject)}|{count}").random()  # noqa: S311 - no secret

    def resource(self, identifier: str) -> Document | None:
        """The resource with this ID, or None."""
        return self.store.get(RESOURCES, identifier)

    def keep(self, document: Document) -> Document:
        """Write a resource under its ID, with the times of its creation and of this change."""
        known, now = self.resource(document["id"]) or document, self.zulu()
        document = {**document, "_created": known.get("_created", now), "_changed": now}
        self._tell_index(document["id"].lower(), document)
        self.changed.add(document["id"].lower())
        return self.store.put(RESOURCES, document["id"], document)

    def adopt(self, documents: Iterable[Document]) -> None:
        """Write many resources at once as if they had existed for long: Resource Graph lists them."""
        known = {document["id"].lower(): document for document in documents}
        self.store.put_all(RESOURCES, known)
        # Their pending index entries are older than this.
        self._news = deque(news for news in self._news if news[1] not in known)
        self._index.update(known)
        self._index_version += 1
        self.changed.update(known)

    def forget(self, identifier: str) -> None:
        """Remove a resource and everything below it."""
        below = identifier.lower() + "/"
        for key, _ in self.store.items(RESOURCES):
            if key == identifier.lower() or key.startswith(below):
                self._tell_index(key, None)
                for shelf in (RESOURCES, *OF_MACHINES):
                    self.store.delete(shelf, key)

    def resources(self, kind: str = "", below: str = "") -> Iterator[Document]:
        """Every resource of a type, below an ID."""
        kind, below = kind.lower(), below.lower()
        for key, document in self.store.items(RESOURCES):
            if key.startswith(below) and (not kind or document["type"].lower() == kind):
                yield document

    def indexed(self) -> tuple[dict[str, Document], int]:
        """Every resource as Resource Graph lists it, and the number of this state: it lags, and applies changes in order."""
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
        """The complete state at this moment, except the time."""
        held = {name: getattr(self, name) for name in STATE}
        return {**held, "documents": self.store.everything(), "buckets": self.throttle.buckets}

    def restore(self, state: dict[str, Any], seconds: float) -> None:
        """Restore this state at this simulated time; the world takes ownership of the state."""
        for name in STATE:
            setattr(self, name, state[name])
        self.store.replace_everything(state["documents"])
        self.throttle.buckets = state["buckets"]
        self.set_clock(seconds)
        # A version that Resource Graph has not used yet, because it caches responses by version.
        self._index_version += 1
        self.changed.update(self._index)

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
    """A resource as callers see it, without the internal properties (those that begin with an underscore)."""
    return {name: value for name, value in document.items() if not name.startswith("_")}


def _quantile(figures: dict[str, float], share: float) -> float:
    """The duration that this share of all recorded ones did not exceed, between the percentiles that are known."""
    known = [(place, figures[name]) for place, name in PERCENTILES if name in figures]
    inside = min(max(share, known[0][0]), known[-1][0])
    for (low, shorter), (high, longer) in pairwise(known):
        if inside <= high:
            bottom, top = math.log(max(shorter, SHORTEST)), math.log(max(longer, SHORTEST))
            return math.exp(bottom + (top - bottom) * (inside - low) / (high - low))
    return max(known[-1][1], SHORTEST)


def _short(identifier: str) -> str:
    return identifier.rsplit("/", 1)[-1].lower()
