"""The sources of evidence by kind of sleep target."""

from dormouse.idle.clusters.ml_cluster import ML_CLUSTER
from dormouse.idle.sources.activity import with_activity
from dormouse.idle.sources.compute_clusters import COMPUTE_CLUSTERS
from dormouse.idle.sources.node_pools import NODE_POOLS
from dormouse.idle.sources.source import EvidenceSource
from dormouse.idle.sources.virtual_machines import VIRTUAL_MACHINES
from dormouse.idle.targets import SleepTarget
from dormouse.resources.kubernetes.node_pools import NODE_POOL

SOURCES: dict[str, EvidenceSource] = {
    "virtual_machine": with_activity(VIRTUAL_MACHINES),
    ML_CLUSTER: with_activity(COMPUTE_CLUSTERS),
    NODE_POOL.name: with_activity(NODE_POOLS),
}


def source_of(target: SleepTarget) -> EvidenceSource:
    """The source of evidence for a sleep target; raises KeyError for a kind that has none."""
    return SOURCES[target.kind]
