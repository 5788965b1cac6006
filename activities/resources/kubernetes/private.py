"""Clusters whose API server is in their own network: commands that Azure runs in them.

https://learn.microsoft.com/azure/aks/access-private-cluster
"""

import base64
import io
import json
import shlex
import zipfile
from collections.abc import Mapping
from typing import Any

from dormouse.cloud.clients import Cloud
from dormouse.cloud.kubernetes.access import cluster_token
from dormouse.cloud.plain_requests import send
from dormouse.environments.answers import Answer, Checked, Done, Pending, Refused
from dormouse.environments.results import Check, HealthCheckResult, Refusal, RefusalReason
from dormouse.resources.kubernetes.clusters import API_VERSION
from dormouse.resources.kubernetes.objects import api_path, cluster_id
from dormouse.resources.naming import name_of
from dormouse.resources.plan import Resource

FILE = "manifest.json"
APPLY = f"kubectl apply --server-side --force-conflicts --field-manager=dormouse -f {FILE}"
PAUSE = 20.0
# What a role that has not reached the cluster yet looks like in the output of kubectl.
NOT_YET = ("forbidden", "unauthorized", "not found")


async def run_in_cluster(cluster: str, command: str, cloud: Cloud, files: Mapping[str, Any] | None = None) -> Answer:
    """Start a command in a cluster, with the right of the control plane's identity, and JSON files beside it."""
    body = {"command": command, "clusterToken": await cluster_token(cloud)}
    if files:
        body["context"] = zipped(files)
    answer, _ = await send(cloud, "POST", f"{cluster}/runCommand", API_VERSION, body)
    return answer


async def apply_by_command(resource: Resource, manifest: Mapping[str, Any], cloud: Cloud) -> Answer:
    """Start applying a manifest; it is in the request only, and its values are not in the output."""
    return await run_in_cluster(cluster_id(resource), APPLY, cloud, {FILE: manifest})


def read_command(resource: Resource, body: Any) -> Answer:
    """What a command has come to: Azure calls it a success whatever its exit code is.

    https://learn.microsoft.com/rest/api/aks/managed-clusters/run-command
    """
    code, logs = result_of(body)
    if code == 0:
        return Done()
    if any(words in logs.lower() for words in NOT_YET):
        return Pending(PAUSE, detail="The roles of the control plane have not reached the cluster yet.")
    detail = f"kubectl ended with the exit code {code}: {' '.join(logs.split())[:500]}"
    return Refused(Refusal(RefusalReason.FAILED_LATE, detail))


def result_of(body: Any) -> tuple[int, str]:
    """The exit code of a command, -1 for one that did not run, and its output."""
    properties = (body.get("properties") if isinstance(body, Mapping) else None) or {}
    if "exitCode" not in properties:
        return -1, str(properties.get("reason") or properties.get("provisioningState") or "it did not run")
    return int(properties["exitCode"]), str(properties.get("logs") or "")


async def command_health(resource: Resource, cloud: Cloud) -> Answer:
    """Start asking for the pods of a deployment that are available, and for those that are wanted."""
    return await count_available(cluster_id(resource), api_path(resource).split("/")[4], name_of(resource.id), cloud)


async def count_available(cluster: str, space: str, name: str, cloud: Cloud) -> Answer:
    """Start asking how many pods of a deployment are available, and how many are wanted."""
    path = "jsonpath={.status.availableReplicas}/{.spec.replicas}"
    command = shlex.join(["kubectl", "--namespace", space, "get", f"deployment/{name}", "--output", path])
    return await run_in_cluster(cluster, command, cloud)


def read_command_health(resource: Resource, body: Any) -> Checked:
    """Whether as many are available as are wanted."""
    available, wanted, words = available_in(body)
    result = Check.PASSED if wanted is not None and available >= wanted else Check.WAITING
    return Checked((HealthCheckResult(name_of(resource.id), result, words),))


def available_in(body: Any) -> tuple[int, int | None, str]:
    """How many pods are available and how many are wanted (None: not known), and a text about it."""
    code, logs = result_of(body)
    available, _, wanted = logs.strip().rpartition("\n")[2].partition("/")
    if code or not wanted.isdigit():
        return 0, None, f"not known: {' '.join(logs.split())[:200]}"
    return int(available or 0), int(wanted), f"{available or 0} of {wanted} available"


def zipped(files: Mapping[str, Any]) -> str:
    """A zip archive of JSON files, in base64, as the context of a command."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, json.dumps(content))
    return base64.b64encode(held.getvalue()).decode()
