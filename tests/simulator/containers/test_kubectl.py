"""The real kubectl and the official Kubernetes client against a simulated API server, over HTTPS."""

import asyncio
import base64
import contextlib
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from local.azure.providers.containers.credentials import SERVER_APPLICATION
from local.azure.providers.kinds import ROLE
from tests.simulator.containers.ground import CLUSTER_ADMIN, GROUP, ID, VERSION, deployment, namespace
from tests.simulator.served import Served, served

KUBECTL = Path(sys.executable).parent / "kubectl"
MAP = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "conf", "namespace": "runners"}, "data": {"a": "1"}}


@dataclass
class Kubectl:
    """kubectl with a kubeconfig of a simulated cluster, in which a token stands in place of the program that gets one."""

    home: Path

    async def run(self, text: str) -> tuple[int, str]:
        """Run a command; returns its exit code and what it wrote."""
        command = [str(KUBECTL), "--kubeconfig", str(self.home / "config"), "--cache-dir", str(self.home), *text.split()]
        ran = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=self.home)
        said, _ = await ran.communicate()
        return ran.returncode or 0, said.decode()

    async def good(self, text: str) -> str:
        """What a command wrote that has to succeed."""
        code, said = await self.run(text)
        assert code == 0, said
        return said


@contextlib.asynccontextmanager
async def cluster(home: Path) -> AsyncIterator[tuple[Served, Kubectl]]:
    async with served(home, speed=2000.0) as simulation:
        await simulation.simulate("PUT", "/permissions", {"actions": ["*"]})
        me = simulation.world.guid("control plane")
        simulation.world.store.put("principals", me, {"id": me, "known_at": 0.0})
        await simulation.manage("PUT", f"{GROUP}?api-version=2024-03-01", {"location": "westeurope"})
        system = {"name": "system", "mode": "System", "count": 1, "vmSize": "Standard_D4s_v5"}
        entra = {"disableLocalAccounts": True, "aadProfile": {"managed": True, "enableAzureRBAC": True}}
        properties = {"dnsPrefix": "lab", **entra, "agentPoolProfiles": [system]}
        body = {"location": "westeurope", "identity": {"type": "SystemAssigned"}, "properties": properties}
        await simulation.manage("PUT", f"{ID}?{VERSION}", body)
        role = f"{ID.partition('/resourceGroups')[0]}/providers/Microsoft.Authorization/roleDefinitions/{CLUSTER_ADMIN}"
        given = {"roleDefinitionId": role, "principalId": me, "principalType": "ServicePrincipal"}
        name = simulation.world.guid("role")
        path = f"{GROUP}/providers/{ROLE}/{name}?api-version=2022-04-01"
        assert (await simulation.manage("PUT", path, {"properties": given}))[0] == 201
        simulation.world.set_clock(simulation.world.seconds() + 7200)  # the cluster is there, and its role is effective
        await simulation.manage("GET", f"{ID}?{VERSION}")
        _, said = await simulation.manage("POST", f"{ID}/listClusterUserCredential?{VERSION}")
        config = yaml.safe_load(base64.b64decode(said["kubeconfigs"][0]["value"]))
        config["users"][0]["user"] = {"token": await simulation.token(SERVER_APPLICATION)}
        (home / "config").write_text(yaml.safe_dump(config))
        yield simulation, Kubectl(home)


def write(home: Path, name: str, *found: dict[str, Any]) -> None:
    (home / name).write_text(yaml.safe_dump_all(found))


def test_kubectl_applies_reads_waits_and_deletes(tmp_path: Path) -> None:
    asyncio.run(_use_kubectl(tmp_path))


async def _use_kubectl(tmp_path: Path) -> None:
    async with cluster(tmp_path) as (_, kubectl):
        runner = deployment(
            command=["bash", "-c", "echo hello; sleep infinity"], envFrom=[{"configMapRef": {"name": "conf"}}]
        )
        write(tmp_path, "all.yaml", namespace(), MAP, runner)
        said = await kubectl.good("apply --server-side --validate=false -f all.yaml")
        assert said.splitlines() == [
            "namespace/runners serverside-applied",
            "configmap/conf serverside-applied",
            "deployment.apps/runner serverside-applied",
        ]
        assert "successfully rolled out" in await kubectl.good("rollout status deployment/runner -n runners --timeout=60s")
        rows = (await kubectl.good("get pods -n runners")).splitlines()
        assert rows[0].split() == ["NAME", "READY", "STATUS", "RESTARTS", "AGE"]
        assert rows[1].split()[1:4] == ["1/1", "Running", "0"]
        assert await kubectl.good("logs -n runners deployment/runner") == "hello\n"
        assert "MinimumReplicasAvailable" in await kubectl.good("describe deployment runner -n runners")
        write(tmp_path, "other.yaml", {**MAP, "data": {"a": "2"}})
        other = "apply --server-side --validate=false -f other.yaml --field-manager=other"
        code, text = await kubectl.run(other)
        assert code == 1
        assert 'conflict with "kubectl" using v1: .data.a' in text
        await kubectl.good(f"{other} --force-conflicts")
        shown = json.loads(await kubectl.good("get configmap conf -n runners -o json"))
        assert shown["data"] == {"a": "2"}
        wrong = deployment("wrong")
        wrong["spec"].pop("selector")
        write(tmp_path, "wrong.yaml", wrong)
        code, text = await kubectl.run("apply --server-side --validate=false -f wrong.yaml")
        assert code == 1
        assert "spec.selector: Required value" in text
        assert "deleted" in await kubectl.good("delete deployment runner -n runners --timeout=30s")
        assert "deleted" in await kubectl.good("delete namespace runners --timeout=30s")
        assert "resource type" in (await kubectl.run("get widgets"))[1]


CLIENT = """
import sys, time
from kubernetes import client, config, utils
from kubernetes.client.rest import ApiException
config.load_kube_config(sys.argv[1])
core, apps = client.CoreV1Api(), client.AppsV1Api()
core.create_namespace(client.V1Namespace(metadata=client.V1ObjectMeta(name="official")))
core.create_namespaced_config_map("official", client.V1ConfigMap(metadata=client.V1ObjectMeta(name="c"), data={"a": "1"}))
print(core.read_namespaced_config_map("c", "official").data)
print([node.status.conditions[0].type for node in core.list_node().items])
body = {"metadata": {"name": "d"}, "spec": {"selector": {"matchLabels": {"a": "d"}}, "template": {
    "metadata": {"labels": {"a": "d"}}, "spec": {"containers": [{"name": "c", "image": "mcr.microsoft.com/d:1"}]}}}}
apps.create_namespaced_deployment("official", {"apiVersion": "apps/v1", "kind": "Deployment", **body})
work = {"backoffLimit": 0, "template": {"spec": {**body["spec"]["template"]["spec"], "restartPolicy": "Never"}}}
batch = client.BatchV1Api()
batch.create_namespaced_job("official", {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "j"}, "spec": work})
time.sleep(1)
deployed, worked = apps.read_namespaced_deployment("d", "official"), batch.read_namespaced_job("j", "official")
print(deployed.status.ready_replicas, worked.status.succeeded)
print(sorted(pod.status.phase for pod in core.list_namespaced_pod("official").items))
print(len(apps.list_namespaced_replica_set("official").items), len(core.list_namespaced_event("official").items) > 5)
try:
    core.read_namespaced_pod("none", "official")
except ApiException as error:
    print(error.status, error.reason)
core.patch_namespaced_config_map("c", "official", {"data": {"a": "2"}})
print(core.read_namespaced_config_map("c", "official").data, client.VersionApi().get_code().major)
core.delete_namespace("official")
"""


def test_the_official_client_reads_and_writes(tmp_path: Path) -> None:
    asyncio.run(_use_client(tmp_path))


async def _use_client(tmp_path: Path) -> None:
    async with cluster(tmp_path):
        command = [sys.executable, "-c", CLIENT, str(tmp_path / "config")]
        ran = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        said = (await ran.communicate())[0].decode()
        assert ran.returncode == 0, said
        assert said.splitlines() == [
            "{'a': '1'}",
            "['Ready']",
            "1 1",
            "['Running', 'Succeeded']",
            "1 True",
            "404 Not Found",
            "{'a': '2'} 1",
        ]
