"""Sleep targets: what verdicts and decisions know about something that can be put to sleep. A VM is one of them."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Protocol, TypeAlias

from pydantic import Field

from dormouse.idle.clusters.ml_cluster import CLUSTER_ID, ComputeCluster, cluster_key
from dormouse.idle.clusters.node_pool import POOL_ID, NodePool, pool_key
from dormouse.lifecycle import State
from dormouse.resources.compute.machines import MACHINE_ID, VirtualMachine, key_of, lock_name_of
from dormouse.resources.plan import Resource

# Every kind of target, as histories hold it: only a pool has the field `cluster`, and only a cluster `workspace`.
Target: TypeAlias = Annotated[NodePool | ComputeCluster | VirtualMachine, Field(union_mode="left_to_right")]


class SleepTarget(Protocol):
    """Something that sweeps watch, stop and start: a VM, a cluster of nodes, or a pool of a cluster.

    Another kind of target needs a class with these properties in `Target`, the pattern of its IDs below, its entry in
    `dormouse.idle.sources.registry`, and in `activities.idle` how it is read and stopped. Verdicts and decisions stay as
    they are.
    """

    @property
    def id(self) -> str:
        """The resource ID."""

    @property
    def kind(self) -> str:
        """The kind of resource."""

    @property
    def name(self) -> str:
        """The name that users know."""

    @property
    def state(self) -> State:
        """The power state as Azure shows it."""

    @property
    def tags(self) -> Mapping[str, str]:
        """The tags, with names in lower case."""

    @property
    def region(self) -> str:
        """The Azure region."""

    @property
    def size(self) -> str:
        """What is billed by the hour."""

    @property
    def created(self) -> float:
        """When it was created, in seconds since 1970; 0.0 if unknown."""

    @property
    def environment(self) -> str:
        """The environment that it belongs to according to the records, or ""."""

    @property
    def provisioning(self) -> str:
        """The provisioning state in Azure's words, or ""."""

    @property
    def vm_id(self) -> str:
        """Azure's ID that distinguishes it from an earlier one with the same resource ID; "" if there is none."""

    @property
    def has_gpu(self) -> bool:
        """Whether evidence about GPUs is required."""

    @property
    def managed_by_others(self) -> bool:
        """Whether a service other than Dormouse starts and stops it."""

    @property
    def starts_by_itself(self) -> bool:
        """Whether Azure starts it when there is work for it, so that no schedule has to."""

    @property
    def interruptible(self) -> bool:
        """Whether the end of a lease stops it while it is in use."""

    @property
    def ephemeral_disk(self) -> bool:
        """Whether it would lose its data if it were stopped."""

    @property
    def can_hibernate(self) -> bool:
        """Whether it can be suspended to disk instead of stopped."""


def target_ids(resources: Iterable[Resource]) -> tuple[str, ...]:
    """The resource IDs of the sleep targets among these resources."""
    return tuple(one.id for one in resources if any(kind.fullmatch(one.id) for kind in (MACHINE_ID, CLUSTER_ID, POOL_ID)))


def target_key(identifier: str) -> str:
    """The key of a sleep target in the records; raises ValueError, with a hint, for any other ID."""
    if POOL_ID.fullmatch(identifier.strip()):
        return pool_key(identifier)
    return cluster_key(identifier) if CLUSTER_ID.fullmatch(identifier.strip()) else key_of(identifier)


def is_target_key(text: str) -> bool:
    """Whether a text can be the key of a sleep target."""
    parts = text.split(":")
    scope = "/subscriptions/{}/resourceGroups/{}/providers/Microsoft.{}"
    kinds = {
        3: "Compute/virtualMachines/{}",
        4: "MachineLearningServices/workspaces/{}/computes/{}",
        5: "ContainerService/managedClusters/{}/{}/{}",
    }
    try:
        return target_key((scope.replace("Microsoft.{}", f"Microsoft.{kinds[len(parts)]}")).format(*parts)) == text
    except (KeyError, ValueError):
        return False


def lock_of(target: Target, home: str) -> str:
    """The name of the lock of a sleep target; only VMs may belong to no environment."""
    return lock_name_of(target.id, target.environment, home) if isinstance(target, VirtualMachine) else target.environment
