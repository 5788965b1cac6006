"""Microsoft.ContainerService: commands that Azure runs in a cluster, and what they have come to.

Recorded: 202 with the location of the result only; the result is 202 while it runs, then 200. An operation succeeds whatever
the exit code is. https://learn.microsoft.com/azure/aks/access-private-cluster, https://github.com/Azure/AKS/issues/2698
"""

import base64
import io
import zipfile
from typing import Any

import jwt

from local.azure.core import operations
from local.azure.core.requests import Request
from local.azure.core.resource_ids import ResourceId
from local.azure.core.responses import Answer
from local.azure.core.store import Document
from local.azure.core.world import World
from local.azure.kubernetes import clusters as running
from local.azure.kubernetes import commands
from local.azure.kubernetes.api.access import Person
from local.azure.kubernetes.objects import Server
from local.azure.kubernetes.scheduling import could_run
from local.azure.providers.containers import long_running
from local.azure.providers.containers.clusters import existing_cluster
from local.azure.providers.containers.credentials import SERVER_APPLICATION
from local.azure.providers.containers.errors import BareRefused
from local.azure.providers.containers.pools import check_running

LONGEST_OUTPUT = 512 * 1024
NO_TOKEN = (
    "AAD cluster needs the cluster token. Please specify the clusterToken, an access token for the resource "
    f"{SERVER_APPLICATION}."
)
UNSCHEDULABLE = "Failed to run command in managed cluster due to kubernetes failure. details: command pod was not scheduled"


def run_command(world: World, rid: ResourceId, request: Request) -> Answer:
    """Begin to run a command with kubectl, as the owner of the token; without Entra ID, as the administrator."""
    cluster, body = existing_cluster(world, rid), request.json()
    check_running(cluster, "running commands")
    if (cluster["properties"].get("apiServerAccessProfile") or {}).get("disableRunCommand"):
        raise BareRefused(400, "RunCommandDisabled", "Run command is disabled on this cluster.")
    person = _person(cluster, body, request)
    running.settle(world)
    server = Server(world, cluster, world.seconds())
    if not any(could_run({"spec": {}}, node) for node in server.listed("nodes")):
        raise BareRefused(400, "KubernetesPerformanceError", UNSCHEDULABLE)
    command = commands.parsed(str(body.get("command", "")), _files(str(body.get("context") or "")))
    code, output = commands.run(server, person, request, command)
    operation = long_running.begin(
        world,
        long_running.COMMAND,
        cluster,
        "POST",
        "aks command",
        result={"exitCode": code, "logs": output[:LONGEST_OUTPUT]},
    )
    return Answer(202, None, {"Location": _result_url(request, rid, operation["id"])})


def result(world: World, rid: ResourceId, request: Request) -> Answer:
    """What a command has come to."""
    operation = world.store.get(operations.SHELF, rid.name)
    if operation is None or operation["effect"] != long_running.COMMAND:
        raise BareRefused(404, "NotFound", f"The command result {rid.name} was not found.")
    if operation["status"] == "InProgress":
        cluster = ResourceId(rid.subscription, rid.group, rid.provider, rid.types[:1], rid.names[:1])
        headers = {"Location": _result_url(request, cluster, rid.name)}
        return Answer(202, {"id": rid.name, "properties": {"provisioningState": "Running"}}, headers)
    if operation["status"] == "Failed":
        failed = {"provisioningState": "Failed", "reason": operation["error"]["message"]}
        return Answer(200, {"id": rid.name, "properties": failed})
    times = {"startedAt": _seconds(world, operation["begun"]), "finishedAt": _seconds(world, operation["ends"])}
    ran = operation["result"]
    shown = {"provisioningState": "Succeeded", "exitCode": ran["exitCode"], **times, "logs": ran["logs"]}
    return Answer(200, {"id": rid.name, "properties": shown})


@operations.finisher(long_running.COMMAND)
def _ran(world: World, operation: Document) -> None:
    """Nothing is left to do: what a command has changed, it has changed."""


def _person(cluster: Document, body: dict[str, Any], request: Request) -> Person:
    if not (cluster["properties"].get("aadProfile") or {}).get("managed"):
        return Person("clusterAdmin", local=True)
    if not body.get("clusterToken"):
        raise BareRefused(400, "MissingAADClusterToken", NO_TOKEN)
    try:
        return Person(str(request.issuer.verify(str(body["clusterToken"]), SERVER_APPLICATION)["oid"]))
    except jwt.PyJWTError as error:
        raise BareRefused(400, "InvalidAADClusterToken", f"The cluster token is not valid: {error}.") from None


def _files(context: str) -> dict[str, bytes]:
    """The files in a zip file that is sent as base64."""
    if not context:
        return {}
    try:
        with zipfile.ZipFile(io.BytesIO(base64.b64decode(context))) as archive:
            return {name: archive.read(name) for name in archive.namelist()}
    except (ValueError, zipfile.BadZipFile):
        raise BareRefused(400, "InvalidParameter", "The context is no zip file in base64.") from None


def _result_url(request: Request, rid: ResourceId, identifier: str) -> str:
    return f"{request.base}{rid.text}/commandResults/{identifier}?api-version={request.version}"


def _seconds(world: World, moment: float) -> str:
    return world.text(moment)[:19] + "Z"
