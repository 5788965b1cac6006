"""A simulated cluster as tests use it, without a network and with a clock that is set by hand."""

import base64
import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import yaml

from local.azure.core.requests import Request
from local.azure.core.responses import Answer
from local.azure.core.world import SUBSCRIPTION
from local.azure.kubernetes import clusters
from local.azure.providers.containers.credentials import HOST, SERVER_APPLICATION
from local.azure.providers.kinds import CLUSTER, ROLE
from tests.contract.azure import PORT, Azure

GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/lab"
ID, VERSION = f"{GROUP}/providers/{CLUSTER}/runners", "api-version=2026-08-01"
NODES = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/lab-nodes"
GPU, SYSTEM = "Standard_NC4as_T4_v3", "Standard_D4s_v5"
CLUSTER_ADMIN = "b1ff04bb-8a4e-4dc4-8eb5-8693973ce19b"
WRITER, READER = "a7ffa36f-339b-4b5c-8bdf-e2c188b2c0eb", "7f6c6a51-bcf8-42ba-9220-52d62157d7db"
ACR_PULL = "7f951dda-4ed3-4680-a7ca-43fe172d538d"
APPLY = "application/apply-patch+yaml"
PEOPLE = [f"0d0e5e00-0000-4000-8000-0000000000{number}" for number in ("a1", "a2", "a3")]
ME = PEOPLE[0]
POOL = {
    "mode": "User",
    "vmSize": GPU,
    "osType": "Linux",
    "enableAutoScaling": True,
    "count": 0,
    "minCount": 0,
    "maxCount": 2,
    "nodeTaints": ["sku=gpu:NoSchedule"],
    "nodeLabels": {"pool": "gpu"},
    "gpuProfile": {"driver": "Install"},
}
TOLERATION = {"key": "sku", "operator": "Equal", "value": "gpu", "effect": "NoSchedule"}
Body = dict[str, Any]


class Ground:
    """One subscription with a group, and at most one cluster in it."""

    def __init__(self, home: Path) -> None:
        """Start the simulated Azure once."""
        self.azure = Azure(home)
        self.world = self.azure.world

    def clean(self) -> None:
        """Begin again: an empty group, and people whom the directory knows."""
        self.azure.finish()
        self.azure.forget_everything()
        for shelf in ("limits", "no capacity", "absent images", "peers of containers", "restrictions"):
            for key, _ in self.world.store.items(shelf):
                self.world.store.delete(shelf, key)
        self.azure.manage("PUT", f"{GROUP}?api-version=2024-03-01", {"location": "westeurope"})
        for person in PEOPLE:
            self.world.store.put("principals", person, {"id": person, "known_at": 0.0})

    def cluster(self, **properties: Any) -> Answer:
        """Put the cluster with one system node; more properties override."""
        system = {"name": "system", "mode": "System", "count": 1, "vmSize": SYSTEM, "osType": "Linux"}
        whole = {
            "dnsPrefix": "lab",
            "nodeResourceGroup": "lab-nodes",
            "disableLocalAccounts": True,
            "aadProfile": {"managed": True, "enableAzureRBAC": True},
            "agentPoolProfiles": [system],
            **properties,
        }
        identity = whole.pop("identity", {"type": "SystemAssigned"})
        body = {"location": "westeurope", "identity": identity, "properties": whole}
        return self.azure.manage("PUT", f"{ID}?{VERSION}", body)

    def pool(self, name: str = "gpu", **properties: Any) -> Answer:
        """Put a pool for GPUs that scales from zero; more properties override, and None removes."""
        whole = {key: value for key, value in {**POOL, **properties}.items() if value is not None}
        return self.azure.manage("PUT", f"{ID}/agentPools/{name}?{VERSION}", {"properties": whole})

    def shown(self, below: str = "") -> Body:
        """The cluster, or something below it, as Azure shows it."""
        return dict(self.azure.manage("GET", f"{ID}{below}?{VERSION}").body)

    def act(self, action: str, body: Any = None) -> Answer:
        """Ask for an action on the cluster."""
        return self.azure.manage("POST", f"{ID}/{action}?{VERSION}", body)

    def ready(self, **properties: Any) -> None:
        """A cluster that runs and whose administrator is the usual person, by now."""
        assert self.cluster(**properties).status == 201
        self.azure.finish()
        self.assign(CLUSTER_ADMIN, ID)
        self.azure.pass_time(900)

    def assign(self, role: str, scope: str, person: str = ME) -> None:
        """Give a person a role at a scope."""
        guid = self.world.guid(role, scope, person)
        definition = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/{role}"
        given = {"roleDefinitionId": definition, "principalId": person, "principalType": "ServicePrincipal"}
        said = self.azure.manage("PUT", f"{scope}/providers/{ROLE}/{guid}?api-version=2022-04-01", {"properties": given})
        assert said.status == 201, said.body

    def pass_time(self, seconds: float) -> None:
        """Let so much time pass, in clusters too."""
        self.azure.pass_time(seconds)
        clusters.settle(self.world)

    @property
    def kubeconfig(self) -> Body:
        """The file with which users reach the cluster."""
        said = self.act("listClusterUserCredential")
        return dict(yaml.safe_load(base64.b64decode(said.body["kubeconfigs"][0]["value"])))

    def token(self, person: str = ME, audience: str = SERVER_APPLICATION) -> str:
        """A token of a person."""
        return self.azure._issuer.token(audience, oid=person)[0]

    def ask(self, method: str, path: str, body: Any = None, *, kind: str = "application/json", token: str = "") -> Answer:
        """Ask the API server, as the usual person; the body of the answer is parsed."""
        uid = self.shown()["properties"]["resourceUID"]
        bare, _, query = path.partition("?")
        headers = {"Content-Type": kind, "Authorization": f"Bearer {token or self.token()}"}
        base = f"https://{HOST}:{PORT}"
        content = b"" if body is None else json.dumps(body).encode()
        url = f"/kubernetes/{uid}/{bare}"
        request = Request(method, url, dict(parse_qsl(query)), headers, content, base, base + url, self.azure._issuer)
        said = self.azure.simulation.answered(HOST, request)
        text = said.content.decode()
        return Answer(said.status, json.loads(text) if text.startswith("{") else text, said.headers)

    def apply(self, found: Body, manager: str = "dormouse", *, force: bool = True) -> Answer:
        """Apply an object on the server."""
        query = f"fieldManager={manager}&force={str(force).lower()}"
        return self.ask("PATCH", f"{path_of(found)}?{query}", found, kind=APPLY)

    def pods(self, namespace: str = "runners") -> list[Body]:
        """The pods of a namespace."""
        return list(self.ask("GET", f"api/v1/namespaces/{namespace}/pods").body["items"])

    def events(self, reason: str, namespace: str = "runners") -> list[str]:
        """The messages of the events with a reason."""
        items = self.ask("GET", f"api/v1/namespaces/{namespace}/events").body["items"]
        return [item["message"] for item in items if item["reason"] == reason]

    def close(self) -> None:
        """End the simulation."""
        self.azure.close()


def path_of(found: Body) -> str:
    """The path of an object in the API."""
    version, plural = found["apiVersion"], f"{found['kind'].lower()}s"
    root = f"apis/{version}" if "/" in version else f"api/{version}"
    space = found["metadata"].get("namespace")
    return f"{root}/{f'namespaces/{space}/' if space else ''}{plural}/{found['metadata']['name']}"


def namespace(name: str = "runners") -> Body:
    """A namespace."""
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def deployment(name: str = "runner", *, gpus: int = 0, space: str = "runners", **container: Any) -> Body:
    """A deployment of one pod; with GPUs it tolerates the taint of their pool."""
    return _workload("Deployment", name, space, _pod(gpus, container), replicas=1)


def plugin(image: str = "nvcr.io/nvidia/k8s-device-plugin:v0.18.0") -> Body:
    """The device plugin of NVIDIA on every GPU node."""
    pod = {**_pod(0, {"image": image}), "nodeSelector": {"pool": "gpu"}, "tolerations": [TOLERATION]}
    return _workload("DaemonSet", "plugin", "runners", pod)


def job(name: str = "check", *, gpus: int = 1, **container: Any) -> Body:
    """A job that is tried once."""
    pod = {**_pod(gpus, {"image": "docker.io/nvidia/cuda:12.8", **container}), "restartPolicy": "Never"}
    template = {"metadata": {"labels": {"app": name}}, "spec": pod}
    spec = {"backoffLimit": 0, "activeDeadlineSeconds": 1800, "template": template}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name, "namespace": "runners"}, "spec": spec}


def _pod(gpus: int, container: Body) -> Body:
    resources = {"resources": {"limits": {"nvidia.com/gpu": str(gpus)}}} if gpus else {}
    one = {"name": "main", "image": "mcr.microsoft.com/runner:1", **resources, **container}
    return {"containers": [one], **({"tolerations": [TOLERATION]} if gpus else {})}


def _workload(kind: str, name: str, space: str, pod: Body, **spec: Any) -> Body:
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": pod}
    whole = {**spec, "selector": {"matchLabels": labels}, "template": template}
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name, "namespace": space}, "spec": whole}
