"""What a sleep target is billed as, remembered so that the power history knows when it was resized or changed hands."""

from dataclasses import replace

from dormouse.environments.operations import EnvironmentRecord
from dormouse.idle.clusters.ml_cluster import ComputeCluster
from dormouse.idle.clusters.node_pool import NodePool
from dormouse.idle.targets import Target
from dormouse.idle.tracking import TrackedMachine
from dormouse.lifecycle import State
from dormouse.resources.billing.billed_as import BilledAs

# The price list has rows for low-priority nodes that do not say what they cost now; a size of this name has no price.
LOW_PRIORITY = " (low priority)"


def billed_as(target: Target, record: EnvironmentRecord | None) -> BilledAs | None:
    """What a target is billed as now; None if that is not known, or if all of its nodes are gone for now."""
    count, size, spot = 1, target.size, False
    if isinstance(target, ComputeCluster):
        count, size = target.counts.held, f"{size}{LOW_PRIORITY}" if target.low_priority else size
    elif isinstance(target, NodePool):
        count = target.count
    else:
        spot = target.spot
    if not target.size or target.state in (State.UNKNOWN, State.ABSENT) or (target.state is State.STOPPED and not count):
        return None
    owner = (record.name, record.owner, record.blueprint) if record else ("", "", "")
    return BilledAs(size, target.region, count, spot, *owner)


def with_billing(tracked: TrackedMachine, billed: BilledAs | None, now: float) -> TrackedMachine:
    """The tracked state with what the machine is billed as; what is not known now stays as it was."""
    if billed is None or tracked.billed == billed:
        return tracked
    return replace(tracked, billed=billed, billed_since=now if tracked.billed else tracked.billed_since)
