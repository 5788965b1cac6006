"""Evaluation of what is on no page of machines: environments whose machine is gone, clusters, and GPU pools.

None of them is in Resource Graph, so all are found by the records of environments.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from activities.idle.clusters import read_clusters, with_node_evidence
from activities.idle.evaluate import Known, case_of, evaluated, rules_of, store_page
from activities.idle.outside import ask_activity
from activities.idle.pools import read_pools, with_pool_evidence
from activities.idle.stages import with_sleep
from dormouse.cloud.clients import Cloud
from dormouse.environments.operations import EnvironmentRecord
from dormouse.idle.clusters.gpu_work import with_watch
from dormouse.idle.clusters.ml_cluster import ComputeCluster
from dormouse.idle.clusters.node_pool import NodePool
from dormouse.idle.evaluation import with_answer, with_evidence
from dormouse.idle.evidence import Evaluation, Evidence
from dormouse.idle.report import SweepSummary
from dormouse.idle.sources.compute_clusters import with_free_since
from dormouse.idle.sweep import PageFound, PageRequest
from dormouse.lifecycle import State
from dormouse.records.documents import Documents
from dormouse.records.environments import Records
from dormouse.records.machines import MachineRecords
from dormouse.resources.compute.machines import (
    ENVIRONMENT_TAG,
    SCHEDULE_TAG,
    VirtualMachine,
    machine_ids,
    parts_of_machine_id,
)
from dormouse.resources.pipelines import PIPELINES_AGENT


async def evaluate_missing(request: PageRequest, cloud: Cloud) -> PageFound:
    """Evaluate the environments whose machine is on no page, so that their leases end as well, all clusters and GPU pools.

    The pages are read from the report of this sweep, which must have been written before.
    """
    records, fleet = Records(cloud.tables), MachineRecords(cloud.tables)
    read, known_environments = await asyncio.gather(
        asyncio.gather(*(fleet.report_page(number) for number in range(request.number))), records.all_environments()
    )
    pages = [page.content for page in read]
    seen = {line.id.lower() for page in pages if page is not None and page.sweep == request.sweep for line in page.rows}
    # A page that was not swept may contain any machine.
    complete = all(page is not None and page.sweep == request.sweep for page in pages)
    absent = [machine for record in known_environments for machine in _machines_of(record) if complete]
    missing = [machine for machine in absent if machine.id.lower() not in seen]
    agents = sum(resource.kind == PIPELINES_AGENT.name for record in known_environments for resource in record.resources)
    clusters, pools = await asyncio.gather(read_clusters(known_environments, cloud), read_pools(known_environments, cloud))
    if not missing and not clusters.found and not pools.found:
        return PageFound(SweepSummary(agents=agents))
    keys = [*(one.key for one in missing), *(one.key for one in clusters.found), *(one.key for one in pools.found)]
    remembered = await fleet.tracked_among(keys)
    environments = Documents({record.name: record for record in known_environments})
    known = Known(await rules_of(cloud), remembered=remembered, environments=environments)
    gone = [machine for machine in missing if machine.key in remembered.readable]
    cases = [with_evidence(case_of(machine, known, request.now), Evidence(), None, known.rules) for machine in gone]
    measured = await with_node_evidence(_cases(clusters.found, clusters.problems, known, request.now), cloud)
    cases += map(with_free_since, measured)
    of_pools = _cases(pools.found, pools.problems, known, request.now)
    cases += [with_watch(case) for case in await with_pool_evidence(of_pools, environments.readable, cloud)]
    activity = await ask_activity([case.machine for case in cases], cloud)
    asked = [with_answer(case, activity) for case in cases]
    found = list(map(evaluated, await with_sleep(asked, environments.readable, known.rules, cloud)))
    stored = await store_page(request, found, known, set(), cloud)
    return replace(stored, summary=replace(stored.summary, agents=agents))


def _cases(
    found: Sequence[ComputeCluster | NodePool], problems: Mapping[str, str], known: Known, now: float
) -> list[Evaluation]:
    """The evaluations without evidence of clusters or pools; one that does not exist counts only if a sweep has seen it."""
    cases = []
    for cluster in found:
        stored, seen = known.remembered.readable.get(cluster.key), cluster
        if cluster.state is State.ABSENT and stored is None:
            continue
        if cluster.state is State.UNKNOWN and stored is not None and stored.tracked.schedule:
            seen = replace(cluster, tags={SCHEDULE_TAG: stored.tracked.schedule})  # its tags are not known now
        case = with_evidence(case_of(seen, known, now), Evidence(), None, known.rules)
        parent = cluster.workspace if isinstance(cluster, ComputeCluster) else cluster.cluster
        unread = problems.get(parent.lower(), "")
        cases.append(replace(case, unreadable=case.unreadable or unread))
    return cases


def _machines_of(record: EnvironmentRecord) -> Iterator[VirtualMachine]:
    """Stand-ins for the machines of an environment, in case they do not exist."""
    for identifier in machine_ids(record.resources):
        subscription, group, name = parts_of_machine_id(identifier)
        tags = {ENVIRONMENT_TAG: record.name}
        yield VirtualMachine(identifier, name, subscription, group, record.region, "", State.ABSENT, tags=tags)
