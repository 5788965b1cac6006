"""The quota of Azure ML: per subscription and region, apart from that of VMs.

https://learn.microsoft.com/rest/api/azureml/usages/list has the shape, with a row for each cluster. Low-priority families
report the limit -1: only their total counts. https://learn.microsoft.com/azure/machine-learning/how-to-manage-quotas:
unprovisioned nodes count there; in measurements (2026-08-15) they do not, and so they do not here.
"""

import re
from collections.abc import Iterator
from typing import Any

from local.azure.core import regions
from local.azure.core.responses import Answer, Refused
from local.azure.core.store import Document
from local.azure.core.world import SUBSCRIPTION, World
from local.azure.providers.common import canonical, check_location
from local.azure.providers.compute.catalogue import LIMITS
from local.azure.providers.kinds import ML_COMPUTE

PATH = re.compile(
    r"/subscriptions/[^/]+/providers/Microsoft\.MachineLearningServices/locations/(?P<region>[^/]+)/usages", re.IGNORECASE
)
CLUSTERS, DEDICATED = "Clusters", "Total Cluster Dedicated Regional vCPUs"
LOW_PRIORITY = "Total Cluster LowPriority Regional vCPUs"
# As the page on quotas gives them for a new subscription; families of GPUs often have 0.
LIMIT_OF = {CLUSTERS: 200, DEDICATED: 300, LOW_PRIORITY: 100}
FAMILY_LIMIT = 300
LOW = "LowPriority"
PROVIDER = "Microsoft.MachineLearningServices"


def usages(world: World, region: str) -> Answer:
    """The vCPUs that clusters use in a region, in total, by family, and by cluster."""
    check_location("locations/usages", region)
    if not regions.exists(canonical(region)):
        raise Refused(400, "BadRequest", f"The location {region} does not exist.")
    root, clusters = f"/subscriptions/{SUBSCRIPTION}/usages", list(_clusters(world, region))
    rows = [
        _row(root, "totalCores", CLUSTERS, len(clusters), limit_of(world, region, CLUSTERS)),
        _row(root, "dedicatedCores", DEDICATED, _used(world, region, low=False), limit_of(world, region, DEDICATED)),
        _row(root, "lowPriorityCores", LOW_PRIORITY, _used(world, region, low=True), limit_of(world, region, LOW_PRIORITY)),
    ]
    families = sorted({facts["family"] for facts in world.catalogue.values()})
    rows += [
        _of_family(world, region, one, low=low, at=root[: -len("/usages")]) for one in families for low in (False, True)
    ]
    for cluster in clusters:
        row = _of_family(world, region, _facts(world, cluster)["family"], low=_is_low(cluster), at=cluster["id"])
        rows.append({**row, "currentValue": _cores(world, cluster), "type": f"{PROVIDER}/workspaces/computes/usages"})
    return Answer(200, {"value": rows})


def limit_of(world: World, region: str, name: str) -> int:
    """A limit by the name of its row; less than 0: no limit."""
    stored = world.store.get(LIMITS, f"{canonical(region)}/{name}")
    if stored:
        return int(stored["limit"])
    return -1 if name not in LIMIT_OF and LOW in name else LIMIT_OF.get(name, FAMILY_LIMIT)


def room(world: World, cluster: Document, nodes: int) -> bool:
    """Whether the quota allows a cluster one more node than these."""
    region, low, facts = cluster["location"], _is_low(cluster), _facts(world, cluster)
    others = [one for one in _clusters(world, region) if one["id"] != cluster["id"] and _is_low(one) is low]
    kin = [one for one in others if _facts(world, one)["family"] == facts["family"]]
    own = (nodes + 1) * facts["vcpus"]
    total, family = (LOW_PRIORITY if low else DEDICATED), row_name(facts["family"], low=low)
    return all(
        limit < 0 or own + sum(_cores(world, one) for one in among) <= limit
        for limit, among in ((limit_of(world, region, total), others), (limit_of(world, region, family), kin))
    )


def check_creation(world: World, region: str, size: str, priority: str) -> None:
    """Raise the refusal of a cluster whose family has no quota for one node (reported in public issues: no code is documented)."""
    facts = world.catalogue.get(size)
    name = row_name(facts["family"], low=priority == LOW) if facts else ""
    limit = limit_of(world, region, name) if facts else -1
    if facts and 0 <= limit < facts["vcpus"]:
        text = (
            f"The specified subscription has a {name.removesuffix(' vCPUs')} vCPU quota of {limit} and cannot accomodate for at "
            f"least 1 requested managed compute nodes which maps to {facts['vcpus']} vCPUs."
        )
        raise Refused(400, "BadRequest", text)


def row_name(family: str, *, low: bool) -> str:
    """The name of the row of a family."""
    short = re.sub(r"^standard\s*|\s*family$", "", family, flags=re.IGNORECASE)
    return f"Standard {short} Family Cluster {LOW if low else 'Dedicated'} vCPUs"


def _of_family(world: World, region: str, family: str, *, low: bool, at: str) -> dict[str, Any]:
    name = row_name(family, low=low)
    kin = [one for one in _clusters(world, region) if _facts(world, one)["family"] == family and _is_low(one) is low]
    identifier = f"{at}/usages/{name.replace(' ', '_')}"
    return _row(identifier, "vmFamily", name, sum(_cores(world, one) for one in kin), limit_of(world, region, name))


def _row(identifier: str, kind: str, name: str, used: int, limit: int) -> dict[str, Any]:
    return {
        "id": identifier,
        "type": f"{PROVIDER}/{kind}/usages",
        "currentValue": used,
        "limit": limit,
        "name": {"localizedValue": name, "value": name},
        "unit": "Count",
    }


def _used(world: World, region: str, *, low: bool) -> int:
    return sum(_cores(world, one) for one in _clusters(world, region) if _is_low(one) is low)


def _clusters(world: World, region: str) -> Iterator[Document]:
    return (one for one in world.resources(ML_COMPUTE) if one["location"] == canonical(region))


def _is_low(cluster: Document) -> bool:
    return bool(cluster["properties"]["properties"]["vmPriority"] == LOW)


def _facts(world: World, cluster: Document) -> dict[str, Any]:
    size = str(cluster["properties"]["properties"]["vmSize"]).lower()
    known = ((name, facts) for name, facts in world.catalogue.items() if name.lower() == size)
    return next((facts for _, facts in known), {"family": "", "vcpus": 0})


def _cores(world: World, cluster: Document) -> int:
    """The vCPUs of the nodes that a cluster had when it was last looked at."""
    stored = world.store.get("ml nodes", cluster["id"])
    return len(stored["nodes"]) * int(_facts(world, cluster)["vcpus"]) if stored else 0
