"""Microsoft.ContainerService: how to reach the API server of a cluster, as `az aks get-credentials` asks for it.

The files have the form that https://learn.microsoft.com/azure/aks/enable-authentication-microsoft-entra-id shows: with Entra
ID, a program that gets tokens and no secret; without it, a static token. Recorded are only the names of the files.
"""

import base64
from urllib.parse import urlsplit

import yaml

from local.azure.core.requests import Request
from local.azure.core.resource_ids import ResourceId
from local.azure.core.responses import Answer, not_simulated
from local.azure.core.store import Document
from local.azure.core.world import TENANT, World
from local.azure.providers.common import Body
from local.azure.providers.containers.clusters import existing_cluster
from local.azure.providers.containers.errors import BareRefused
from local.azure.providers.containers.pools import check_running

SERVER_APPLICATION = "6dae42f8-4368-4678-94ff-3960e28e3630"  # the audience of tokens for every AKS cluster
CLIENT_APPLICATION = "80faf920-1908-4b52-b5ef-a8e7bedfc67a"
HOST = "localhost"  # the only name that every resolver knows, which kubectl needs
NO_STATIC = (
    "Getting static credential isn't allowed because this cluster is set to disable local accounts. Please refer to "
    "https://aka.ms/aks-disable-local-accounts for more information"
)


def user_credential(world: World, rid: ResourceId, request: Request) -> Answer:
    """The credential of the cluster's users."""
    cluster = _checked(world, rid, request)
    return _files(world, cluster, "clusterUser", request)


def admin_credential(world: World, rid: ResourceId, request: Request) -> Answer:
    """The credential of the local administrator; refused where local accounts are disabled.

    https://learn.microsoft.com/azure/aks/manage-local-accounts-managed-azure-ad
    """
    cluster = _checked(world, rid, request)
    if cluster["properties"].get("disableLocalAccounts"):
        raise BareRefused(400, "BadRequest", NO_STATIC)
    return _files(world, cluster, "clusterAdmin", request)


def static_token(world: World, cluster: Document, name: str) -> str:
    """The token of a local account of a cluster, or "" where local accounts are disabled."""
    if cluster["properties"].get("disableLocalAccounts"):
        return ""
    return world.guid("static token", name, cluster["properties"]["resourceUID"]).replace("-", "")


def _checked(world: World, rid: ResourceId, request: Request) -> Document:
    cluster = existing_cluster(world, rid)
    check_running(cluster, "listing credentials")
    if request.query.get("format", "exec") != "exec" or request.query.get("server-fqdn"):
        raise not_simulated("a credential in another format than exec, or for another name of the server")
    return cluster


def _files(world: World, cluster: Document, name: str, request: Request) -> Answer:
    port, uid = urlsplit(request.base).port or 443, cluster["properties"]["resourceUID"]
    user = f"{name}_{cluster['id'].split('/')[4]}_{cluster['name']}"
    place = {
        "certificate-authority-data": base64.b64encode(world.authority.encode()).decode(),
        "server": f"https://{HOST}:{port}/kubernetes/{uid}",
    }
    entra = name == "clusterUser" and (cluster["properties"].get("aadProfile") or {}).get("managed")
    known = {"exec": _program()} if entra else {"token": static_token(world, cluster, name)}
    content: Body = {
        "apiVersion": "v1",
        "clusters": [{"cluster": place, "name": cluster["name"]}],
        "contexts": [{"context": {"cluster": cluster["name"], "user": user}, "name": cluster["name"]}],
        "current-context": cluster["name"],
        "kind": "Config",
        "preferences": {},
        "users": [{"name": user, "user": known}],
    }
    value = base64.b64encode(yaml.safe_dump(content).encode()).decode()
    return Answer(200, {"kubeconfigs": [{"name": name, "value": value}]})


def _program() -> Body:
    arguments = ["get-token", "--environment", "AzurePublicCloud", "--server-id", SERVER_APPLICATION]
    arguments += ["--client-id", CLIENT_APPLICATION, "--tenant-id", TENANT, "--login", "devicecode"]
    return {
        "apiVersion": "client.authentication.k8s.io/v1beta1",
        "args": arguments,
        "command": "kubelogin",
        "env": None,
        "provideClusterInfo": False,
    }
