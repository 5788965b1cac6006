"""The quotas of Azure Machine Learning: which of them leave a cluster without any node."""

from collections.abc import Sequence
from typing import Any

import pytest

from dormouse.resources.ml.quota import FirstNode, shortfalls

T4 = FirstNode("cluster-gpu", "standardNCASv3_T4Family", 4, "dedicated")
LOW = FirstNode("cluster-low", "standardNCASv3_T4Family", 4, "low")
TOTAL, LOW_TOTAL = "Total Cluster Dedicated Regional vCPUs", "Total Cluster LowPriority Regional vCPUs"
FAMILY = "Standard NCASv3_T4 Family Cluster Dedicated vCPUs"
LOW_FAMILY = "Standard NCASv3_T4 Family Cluster LowPriority vCPUs"


def row(name: str, limit: int, used: int = 0, of: str = "/subscriptions/s") -> dict[str, Any]:
    return {"id": f"{of}/usages/{name.replace(' ', '_')}", "name": {"value": name}, "limit": limit, "currentValue": used}


def rows(**limits: int) -> list[dict[str, Any]]:
    known = {"clusters": 200, "total": 300, "low_total": 100, "family": 24, "low_family": -1, **limits}
    names = {"clusters": "Clusters", "total": TOTAL, "low_total": LOW_TOTAL, "family": FAMILY, "low_family": LOW_FAMILY}
    return [row(names[name], limit) for name, limit in known.items()]


@pytest.mark.parametrize(
    ("limits", "nodes", "short"),
    [
        ({}, [T4, LOW], []),
        ({"family": 0}, [T4, LOW], [FAMILY]),
        ({"family": 3}, [T4], [FAMILY]),
        ({"family": 4}, [T4], []),
        ({"total": 0}, [T4, LOW], [TOTAL]),
        ({"low_total": 0}, [T4, LOW], [LOW_TOTAL]),
        ({"low_family": -1}, [LOW], []),
        ({"clusters": 1}, [T4, LOW], ["Clusters"]),
        ({"clusters": -1}, [T4, LOW], []),
    ],
)
def test_a_quota_falls_short_if_it_does_not_admit_one_node(
    limits: dict[str, int], nodes: Sequence[FirstNode], short: list[str]
) -> None:
    assert [one.name for one in shortfalls(rows(**limits), nodes)] == short


def test_nodes_of_other_clusters_are_given_back_and_count_for_nothing() -> None:
    assert not list(shortfalls([row(FAMILY, 4, used=4), row(TOTAL, 4, used=4)], [T4]))


def test_rows_of_single_clusters_are_not_taken_for_those_of_the_family() -> None:
    of_one = row(FAMILY, 0, of="/subscriptions/s/resourceGroups/g/providers/p/workspaces/w/computes/gpu")
    assert not list(shortfalls([*rows(), of_one], [T4]))


def test_a_quota_that_is_not_listed_refuses_nothing() -> None:
    assert not list(shortfalls([], [T4, LOW]))
