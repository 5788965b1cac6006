"""How many nodes a cluster has, by what they do."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dormouse.lifecycle import State


@dataclass(frozen=True, slots=True)
class NodeCounts:
    """The nodes of a cluster: all that it holds, those that it wants, and those in each state.

    https://learn.microsoft.com/rest/api/azureml/compute/get
    """

    held: int = 0
    wanted: int = 0
    running: int = 0
    preparing: int = 0
    idle: int = 0
    leaving: int = 0

    @classmethod
    def of(cls, properties: Mapping[str, Any]) -> "NodeCounts":
        """The counts in the properties of a cluster; raises KeyError, TypeError or ValueError if one is missing."""
        states = properties["nodeStateCounts"]
        return cls(
            held=int(properties["currentNodeCount"]),
            wanted=int(properties["targetNodeCount"]),
            running=int(states["runningNodeCount"]),
            preparing=int(states["preparingNodeCount"]),
            idle=int(states["idleNodeCount"]),
            leaving=int(states["leavingNodeCount"]),
        )

    def state(self, provisioning: str) -> State:
        """The power state of a cluster with these nodes: it is stopped without nodes, and running with any that stays."""
        if provisioning.lower() == "deleting":
            return State.DELETING
        if provisioning.lower() == "creating":
            return State.CREATING
        if not self.held:
            return State.STARTING if self.wanted else State.STOPPED
        return State.STOPPING if self.leaving >= self.held else State.RUNNING

    @property
    def numbers(self) -> dict[str, float]:
        """The counts as measurements."""
        named = {"running": self.running, "preparing": self.preparing, "idle": self.idle}
        return {"nodes": self.held, **{f"nodes_{name}": count for name, count in named.items()}}
