"""The histories of running orchestrations, which are read from the store only after a start."""

from local.host.durable.answers import Replays
from local.host.durable.events import Event
from local.host.durable.rows import Instance
from local.host.durable.store import Store


class Histories:
    """What is kept in memory of instances, so that it is not read and parsed for every episode."""

    def __init__(self, store: Store, asks: Replays) -> None:
        """Keep nothing at first; `asks` forgets with this."""
        self._store, self._asks = store, asks
        self._kept: dict[str, tuple[str, list[Event]]] = {}

    def of(self, instance: Instance) -> list[Event]:
        """The events of an instance's execution, oldest first."""
        execution, history = self._kept.get(instance.id, ("", []))
        return history if execution == instance.execution else self._store.history(instance.id)

    def keep(self, instance: Instance, history: list[Event]) -> None:
        """Keep the history of an instance, as it was committed."""
        self._kept[instance.id] = (instance.execution, history)

    def forget(self, identifier: str) -> None:
        """Forget an instance that has ended, or whose stored history was changed."""
        self._kept.pop(identifier, None)
        self._asks.forget(identifier)
