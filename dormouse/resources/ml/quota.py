"""The quotas of Azure Machine Learning, which are apart from those of VMs: by region, in total and by VM family. Pure.

https://learn.microsoft.com/azure/machine-learning/how-to-manage-quotas, https://learn.microsoft.com/rest/api/azureml/usages/list
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

CLUSTERS = "clusters"
TOTALS = {"dedicated": "totalclusterdedicatedregionalvcpus", "low": "totalclusterlowpriorityregionalvcpus"}
FAMILIES = {"dedicated": "clusterdedicatedvcpus", "low": "clusterlowpriorityvcpus"}
# Each cluster has rows of its own with the names of the families.
OF_ONE_CLUSTER = "/computes/"


@dataclass(frozen=True, slots=True)
class FirstNode:
    """A node that a cluster needs to do anything: the VM family, as the list of VM sizes has it, and its vCPUs."""

    cluster: str
    family: str
    vcpus: int
    priority: str


@dataclass(frozen=True, slots=True)
class Shortfall:
    """A quota that does not admit what a cluster needs: its name, its numbers, and what is needed of it."""

    cluster: str
    name: str
    limit: int
    used: int
    needed: int


def shortfalls(rows: Sequence[Mapping[str, Any]], nodes: Sequence[FirstNode]) -> Iterator[Shortfall]:
    """The quotas that leave a cluster without any node, or that do not admit one more cluster.

    Nodes that are not there need no quota, so that only the limits count: a run waits until other clusters have given
    theirs back. A limit below 0 is none: so low-priority families have it, for which only their total counts.
    """
    by_name = {_plain(row["name"]["value"]): row for row in rows if OF_ONE_CLUSTER not in str(row["id"]).lower()}
    yield from _too_many(by_name, nodes)
    for node in nodes:
        for name in (TOTALS[node.priority], f"{_plain(node.family)}{FAMILIES[node.priority]}"):
            row = by_name.get(name)
            if row is not None and 0 <= row["limit"] < node.vcpus:
                yield Shortfall(node.cluster, _label(row), row["limit"], row["currentValue"], node.vcpus)


def _too_many(by_name: Mapping[str, Mapping[str, Any]], nodes: Sequence[FirstNode]) -> Iterator[Shortfall]:
    row = by_name.get(CLUSTERS)
    if nodes and row is not None and 0 <= row["limit"] < row["currentValue"] + len(nodes):
        yield Shortfall(nodes[0].cluster, _label(row), row["limit"], row["currentValue"], len(nodes))


def _label(row: Mapping[str, Any]) -> str:
    return str(row["name"].get("localizedValue") or row["name"]["value"])


def _plain(name: str) -> str:
    """A name as it is compared: lists write families as `standardNCASv3_T4Family` and as `Standard NCASv3_T4 Family`."""
    return "".join(letter for letter in name.lower() if letter.isalnum())
