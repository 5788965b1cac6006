"""Objects of the Kubernetes API as resources of a plan: each has its manifest as body, and its path in the API as ID."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from dormouse.resources.kinds import (
    Change,
    Difference,
    Observed,
    ResourceKind,
)
from dormouse.resources.kubernetes.pods import Manifest
from dormouse.resources.naming import name_of
from dormouse.resources.plan import Resource

# Where the API keeps objects of a kind, and whether they are in a namespace.
# https://kubernetes.io/docs/reference/using-api/api-concepts
COLLECTIONS: Mapping[str, tuple[str, str]] = {
    "Namespace": ("api/v1", "namespaces"),
    "ConfigMap": ("api/v1", "configmaps"),
    "Secret": ("api/v1", "secrets"),
    "ServiceAccount": ("api/v1", "serviceaccounts"),
    "Deployment": ("apis/apps/v1", "deployments"),
    "DaemonSet": ("apis/apps/v1", "daemonsets"),
    "Job": ("apis/batch/v1", "jobs"),
}
IN_API = re.compile(r"/(?=apis?/)")
QUANTITY = re.compile(r"(?P<number>\d+(?:\.\d+)?)(?P<unit>m|k|Ki|Mi|Gi|Ti|)")
UNITS = {
    "": 1.0,
    "m": 0.001,
    "k": 1000.0,
    **{unit: 1024.0 ** (power + 1) for power, unit in enumerate(("Ki", "Mi", "Gi", "Ti"))},
}
# Of what a cluster would not answer: its API server does not run, or cannot be reached from here.
UNSEEN = "unseen"


def path_of(manifest: Mapping[str, Any]) -> str:
    """The path of an object in the API, without a slash at its start; raises KeyError for a kind that is not used here."""
    root, plural = COLLECTIONS[manifest["kind"]]
    metadata = manifest["metadata"]
    within = f"namespaces/{metadata['namespace']}/" if "namespace" in metadata else ""
    return f"{root}/{within}{plural}/{metadata['name']}"


def kubernetes_object(cluster: Resource, name: str, manifest: Manifest, needs: Sequence[Resource] = ()) -> Resource:
    """An object of a cluster; it goes with the cluster."""
    return _object(KUBERNETES_OBJECT, cluster, name, manifest, needs)


def kubernetes_secret(
    cluster: Resource, name: str, manifest: Manifest, values: Mapping[str, tuple[str, str]], needs: Sequence[Resource]
) -> Resource:
    """A secret of a cluster: of each value, the name of a secret in the key vault, and the text in which `{}` is its value.

    What is in the key vault is read when it is put, and nothing else holds it.
    """
    templates = {key: {"secret": secret, "text": text} for key, (secret, text) in values.items()}
    found = _object(KUBERNETES_SECRET, cluster, name, manifest, needs)
    return replace(found, body={"manifest": manifest, "values": templates})


def _object(kind: ResourceKind, cluster: Resource, name: str, manifest: Manifest, needs: Sequence[Resource]) -> Resource:
    settings = {key: value for key, value in cluster.settings.items() if key in ("private", "environment")}
    wanted = dict.fromkeys((cluster.name, *(one.name for one in needs)))
    path = f"{cluster.id}/{path_of(manifest)}"
    return Resource(name, kind.name, path, manifest, settings, needs=tuple(wanted), contained_in=cluster.name)


def api_path(resource: Resource) -> str:
    """The path of a resource in the API of its cluster, without a slash at its start."""
    return resource.id[len(cluster_id(resource)) + 1 :]


def cluster_id(resource: Resource) -> str:
    """The resource ID of the cluster of an object."""
    return IN_API.split(resource.id, maxsplit=1)[0]


def is_private(resource: Resource) -> bool:
    """Whether the API server of its cluster can be reached from its own network only."""
    return resource.settings.get("private") == "true"


def _drift(resource: Resource, observed: Observed) -> Change:
    """An object is put again if a value of its manifest is another one; what others have added is theirs."""
    if observed.get(UNSEEN):
        return Change.of(())
    return Change.of(_differences(resource.name, resource.body, observed))


def _differences(path: str, planned: Any, shown: Any) -> Iterator[Difference]:
    if isinstance(planned, Mapping):
        found = shown if isinstance(shown, Mapping) else {}
        for key, value in planned.items():
            yield from _differences(f"{path}.{key}", value, found.get(key))
    elif isinstance(planned, list):
        found_items = shown if isinstance(shown, list) else []
        if len(found_items) != len(planned):
            yield Difference(path, f"{len(found_items)} entries", f"{len(planned)} entries")
            return
        for place, (item, other) in enumerate(zip(planned, found_items, strict=True)):
            yield from _differences(f"{path}[{place}]", item, other)
    elif planned != shown and _quantity(planned) != _quantity(shown):
        yield Difference(path, str(shown), str(planned))


def _quantity(value: Any) -> Any:
    """The number of a quantity: the API writes those that it was given in another way (`1024Gi` as `1Ti`).

    https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity
    """
    found = QUANTITY.fullmatch(str(value))
    return float(found["number"]) * UNITS[found["unit"]] if found else value


def _secret_drift(resource: Resource, observed: Observed) -> Change:
    """A secret is put again if it has other keys; its values never leave the cluster."""
    if observed.get(UNSEEN):
        return Change.of(())
    wanted, shown = sorted(resource.body["values"]), sorted(observed.get("keys") or [])
    return Change.of([Difference(f"{resource.name}.keys", ", ".join(shown), ", ".join(wanted))] if wanted != shown else ())


def _label(resource: Resource) -> str:
    return f"{api_path(resource)} of the cluster {name_of(cluster_id(resource))}"


def _ready_after(resource: Resource) -> bool:
    return "/deployments/" in resource.id and not resource.superseded


KUBERNETES_OBJECT = ResourceKind(
    "kubernetes_object",
    diff=_drift,
    label=_label,
    needs_power=True,
    probed=_ready_after,
    scripted_field="runner",
)
KUBERNETES_SECRET = ResourceKind(
    "kubernetes_secret",
    diff=_secret_drift,
    label=_label,
    needs_power=True,
    scripted_field="runner",
    checks=("runner_secrets_are_usable",),
)
