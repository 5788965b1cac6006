"""What ML clusters and GPU pools have in common as sleep targets: nodes that come with work, and nothing of a VM."""

from dormouse.resources.sizes.vm_sizes import has_gpu


class NodeGroup:
    """The answers that are the same for everything whose nodes Azure adds and removes."""

    __slots__ = ()

    environment: str
    size: str

    @property
    def claimed(self) -> str:
        """The environment that it belongs to: only those of environments are watched."""
        return self.environment

    @property
    def vm_id(self) -> str:
        """Azure gives it no ID that distinguishes it from an earlier one with the same resource ID."""
        return ""

    @property
    def has_gpu(self) -> bool:
        """Whether its size has a GPU."""
        return has_gpu(self.size)

    @property
    def managed_by_others(self) -> bool:
        """Whether a service other than Dormouse starts and stops it."""
        return False

    @property
    def ephemeral_disk(self) -> bool:
        """Whether it would lose its data if it were stopped: what runs on nodes keeps its data elsewhere."""
        return False

    @property
    def can_hibernate(self) -> bool:
        """Whether it can be suspended to disk instead of stopped."""
        return False

    @property
    def starts_by_itself(self) -> bool:
        """Whether work brings its nodes, by Azure or by the next sweep. No schedule starts it."""
        return True

    @property
    def interruptible(self) -> bool:
        """Whether the end of a lease stops it while it is in use."""
        return False

    @property
    def spot(self) -> bool:
        """Whether its price is that of Spot VMs: low-priority nodes have prices of their own."""
        return False
