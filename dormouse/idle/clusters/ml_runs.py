"""Runs of Azure ML, which Resource Manager calls jobs: which of them are work on a cluster, and why one waits."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from dormouse.clock import MINUTE, minutes_text, moment_text
from dormouse.idle.clusters.ml_cluster import ComputeCluster
from dormouse.text.limits import clipped

MOST_RUNS = 2000
LONGEST_NAME = 60  # characters
# https://learn.microsoft.com/rest/api/azureml/jobs/list: only these end a job; every other word is work that goes on.
ENDED = frozenset({"completed", "failed", "canceled"})
RUNNING = frozenset({"running", "finalizing", "cancelrequested"})
# A command that names no cluster runs on serverless compute; a pipeline may start steps on any cluster.
SERVERLESS = "command"
# What a cluster and its runs report while there is no quota for a node, as public issues quote it.
NO_CORES = "ClusterCoreQuotaReached"
LOW_PRIORITY_TOTAL, DEDICATED_TOTAL = "lowPriorityCores/usages", "dedicatedCores/usages"


@dataclass(frozen=True, slots=True)
class Run:
    """A run: its status in Azure's words, the cluster that it names (in lower case, "": none), and when it was submitted."""

    name: str
    status: str
    cluster: str
    submitted: float
    kind: str = SERVERLESS

    @property
    def ended(self) -> bool:
        """Whether it is certain that it has ended."""
        return self.status.lower() in ENDED

    @property
    def waits(self) -> bool:
        """Whether it has not begun, or may not have."""
        return not self.ended and self.status.lower() not in RUNNING

    def concerns(self, cluster: ComputeCluster) -> bool:
        """Whether it runs on a cluster, or may start something there."""
        if self.cluster:
            return self.cluster == cluster.id.lower()
        return self.kind.lower() != SERVERLESS


def run_in(item: Mapping[str, Any]) -> Run:
    """The run that a job in a response is; raises KeyError, TypeError or ValueError."""
    properties = item["properties"]
    return Run(
        name=clipped(" ".join(str(properties.get("displayName") or item["name"]).split()), LONGEST_NAME),
        status=str(properties["status"]),
        cluster=str(properties.get("computeId") or "").lower(),
        submitted=datetime.fromisoformat(str(item["systemData"]["createdAt"])).timestamp(),
        kind=str(properties["jobType"]),
    )


def work_on(cluster: ComputeCluster, runs: Iterable[Run], window: int, now: float) -> tuple[str, ...]:
    """What runs or waits on a cluster, in phrases, and what was submitted to it in the last minutes of the window."""
    phrases = []
    for run in runs:
        if not run.concerns(cluster):
            continue
        if not run.ended:
            phrases.append(f"its run {run.name} is {run.status}")
        elif now - run.submitted < window * MINUTE:
            phrases.append(f"its run {run.name} was submitted {minutes_text(now - run.submitted)} ago")
    return tuple(phrases)


def waiting_on(cluster: ComputeCluster, runs: Iterable[Run]) -> Run | None:
    """The run that has waited longest for a cluster, if none runs on it."""
    there = [run for run in runs if run.cluster == cluster.id.lower() and not run.ended]
    if not there or not all(run.waits for run in there):
        return None
    return min(there, key=lambda run: run.submitted)


def why_blocked(cluster: ComputeCluster, waiting: Run, usages: Sequence[Mapping[str, Any]]) -> str:
    """Why a run that waits for a cluster gets no node, as a sentence; "" if no lasting reason is known.

    A limit less than 0 says nothing: low-priority families have none of their own, and their total decides.
    """
    total = LOW_PRIORITY_TOTAL if cluster.low_priority else DEDICATED_TOTAL
    for row in usages:
        own = str(row.get("id", "")).lower().startswith(f"{cluster.id.lower()}/usages")
        if (own or str(row.get("type", "")).lower().endswith(total.lower())) and row.get("limit") == 0:
            quota = str((row.get("name") or {}).get("value", "of its size"))
            return _blocked(waiting, f"the Azure ML quota {quota!r} in {cluster.region} is 0; request more in the portal")
    if NO_CORES in cluster.errors:
        return _blocked(waiting, f"Azure reports {NO_CORES}: the Azure ML quota in {cluster.region} allows no further node")
    return ""


def _blocked(waiting: Run, why: str) -> str:
    return f"Its run {waiting.name} has waited since {moment_text(waiting.submitted)}, because {why}."
