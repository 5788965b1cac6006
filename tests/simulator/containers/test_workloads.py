"""What runs in a cluster: scheduling, GPUs, the autoscaler, images, jobs and their logs."""

from urllib.parse import urlsplit

import pytest

from local.azure.providers.kinds import REGISTRY
from tests.simulator.containers.ground import (
    ACR_PULL,
    GPU,
    GROUP,
    Ground,
    deployment,
    job,
    namespace,
    plugin,
)
from tests.simulator.containers.test_pools import count, machines

SCRIPT = """
set -e
nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader
python3 -c 'import ctypes; raise SystemExit(ctypes.CDLL("libcuda.so.1").cuInit(0))'
echo cuInit ok
"""
OWN = f"{GROUP}/providers/{REGISTRY}/labimages"
DIGEST = "sha256:" + "a" * 64


def checked(ground: Ground, name: str = "check") -> tuple[str, str]:
    """How a job has ended, and the log of its pod."""
    conditions = ground.ask("GET", f"apis/batch/v1/namespaces/runners/jobs/{name}").body["status"].get("conditions", [])
    pods = [pod for pod in ground.pods() if pod["metadata"]["labels"].get("job-name") == name]
    log = ground.ask("GET", f"api/v1/namespaces/runners/pods/{pods[-1]['metadata']['name']}/log").body if pods else ""
    return "".join(one["type"] for one in conditions if one["type"] in ("Complete", "Failed")), log


def gpus(ground: Ground) -> list[str | None]:
    """The GPUs that each node of the pool offers."""
    items = ground.ask("GET", "api/v1/nodes?labelSelector=agentpool=gpu").body["items"]
    return [node["status"]["allocatable"].get("nvidia.com/gpu") for node in items]


def test_a_job_brings_a_gpu_node_up_from_zero_and_proves_its_gpu(gpu_cluster: Ground) -> None:
    ground = gpu_cluster
    ground.apply(plugin())
    ground.apply(job(command=["bash", "-c", SCRIPT]))
    ground.pass_time(5)
    assert "Insufficient nvidia.com/gpu" in ground.events("FailedScheduling")[0]
    assert "0->1 (max: 2)" in ground.events("TriggeredScaleUp")[0]
    assert (count(ground), machines(ground), gpus(ground)) == (1, [1], [])
    seen: list[list[str | None]] = []
    for _ in range(120):
        ground.pass_time(5)
        seen += [] if seen and seen[-1] == gpus(ground) else [gpus(ground)]
        if checked(ground)[0]:
            break
    assert seen == [[], [None], ["1"]]  # ready before it offers its GPU
    assert checked(ground) == ("Complete", "Tesla T4, 570.172.08, 15360 MiB\ncuInit ok\n")


def test_without_the_device_plugin_a_gpu_node_offers_none_and_no_other_is_asked_for(gpu_cluster: Ground) -> None:
    gpu_cluster.apply(job())
    gpu_cluster.pass_time(900)
    assert (count(gpu_cluster), gpus(gpu_cluster)) == (1, [None])
    assert [pod["status"]["phase"] for pod in gpu_cluster.pods()] == ["Pending"]


def test_an_unneeded_node_goes_after_ten_minutes_and_daemons_do_not_hold_it(gpu_cluster: Ground) -> None:
    gpu_cluster.apply(plugin())
    gpu_cluster.apply(deployment(gpus=1))
    gpu_cluster.pass_time(700)
    assert count(gpu_cluster) == 1
    gpu_cluster.pass_time(1200)
    assert count(gpu_cluster) == 1  # it is needed
    gpu_cluster.ask("DELETE", "apis/apps/v1/namespaces/runners/deployments/runner")
    gpu_cluster.pass_time(590)
    assert count(gpu_cluster) == 1
    gpu_cluster.pass_time(20)
    assert (count(gpu_cluster), machines(gpu_cluster), gpus(gpu_cluster)) == (0, [0], [])


def test_a_cluster_may_take_its_nodes_away_sooner(ground: Ground) -> None:
    ground.ready(autoScalerProfile={"scale-down-unneeded-time": "2m", "scale-down-delay-after-add": "1m"})
    ground.apply(namespace())
    ground.apply(plugin())
    ground.pool(count=1)
    ground.azure.finish()
    ground.pass_time(1)
    assert count(ground) == 0


def test_the_pool_grows_to_its_maximum_and_says_so(gpu_cluster: Ground) -> None:
    gpu_cluster.apply(plugin())
    runners = deployment(gpus=1)
    runners["spec"]["replicas"] = 3
    gpu_cluster.apply(runners)
    gpu_cluster.pass_time(1200)
    assert count(gpu_cluster) == 2
    phases = sorted(pod["status"]["phase"] for pod in gpu_cluster.pods() if pod["metadata"]["labels"]["app"] == "runner")
    assert phases == ["Pending", "Running", "Running"]
    assert gpu_cluster.events("NotTriggerScaleUp") == ["pod didn't trigger scale-up: 1 max node group size reached"]
    status = gpu_cluster.ask("GET", "apis/apps/v1/namespaces/runners/deployments/runner").body["status"]
    assert (status["readyReplicas"], status["unavailableReplicas"]) == (2, 1)


@pytest.mark.parametrize(
    ("shelf", "key", "fact", "code"),
    [
        ("limits", "westeurope/Standard NCASv3_T4 Family", {"limit": 0}, "ErrCode_InsufficientVCPUQuota"),
        ("no capacity", f"westeurope//{GPU}", {"code": "AllocationFailed"}, "AllocationFailed"),
        ("no capacity", f"westeurope//{GPU}", {"code": "SkuNotAvailable"}, "SKUNotAvailable"),
    ],
)
def test_a_scale_up_that_azure_refuses_is_told_and_tried_again(
    gpu_cluster: Ground, shelf: str, key: str, fact: dict[str, object], code: str
) -> None:
    gpu_cluster.world.store.put(shelf, key, fact)
    gpu_cluster.apply(job())
    gpu_cluster.pass_time(60)
    assert code in gpu_cluster.events("FailedScaleUp")[0]
    assert count(gpu_cluster) == 0
    gpu_cluster.world.store.delete(shelf, key)
    gpu_cluster.pass_time(600)
    assert count(gpu_cluster) == 1


def test_pods_stay_off_nodes_whose_taint_they_do_not_tolerate(gpu_cluster: Ground) -> None:
    untolerated = job("plain", gpus=1)
    untolerated["spec"]["template"]["spec"].pop("tolerations")
    gpu_cluster.apply(plugin())
    gpu_cluster.apply(job(command=["sleep", "3600"]))
    gpu_cluster.apply(untolerated)
    gpu_cluster.pass_time(900)
    assert any("1 node(s) had untolerated taint {sku: gpu}" in one for one in gpu_cluster.events("FailedScheduling"))
    assert count(gpu_cluster) == 1


def registry(ground: Ground) -> None:
    body = {"location": "westeurope", "sku": {"name": "Standard"}}
    ground.azure.manage("PUT", f"{OWN}?api-version=2023-07-01", body)
    ground.azure.finish()


def test_an_image_of_an_own_registry_needs_a_role_and_has_to_be_there(cluster: Ground) -> None:
    registry(cluster)
    image = f"labimages.azurecr.io/team/runner@{DIGEST}"
    cluster.apply(deployment(image=image))
    cluster.pass_time(120)
    waiting = cluster.pods()[0]["status"]["containerStatuses"][0]["state"]["waiting"]
    assert waiting["reason"] == "ImagePullBackOff"
    assert "401 Unauthorized" in waiting["message"]
    kubelet = cluster.shown()["properties"]["identityProfile"]["kubeletidentity"]["objectId"]
    cluster.assign(ACR_PULL, OWN, kubelet)
    cluster.pass_time(700)
    assert "not found" in cluster.pods()[0]["status"]["containerStatuses"][0]["state"]["waiting"]["message"]
    source = {"registryUri": "docker.io", "sourceImage": f"team/runner@{DIGEST}"}
    asked = {"source": source, "targetTags": ["team/runner:1"], "mode": "Force"}
    said = cluster.azure.manage("POST", f"{OWN}/importImage?api-version=2023-07-01", asked)
    assert said.status == 202
    cluster.azure.finish()
    cluster.pass_time(700)
    assert cluster.pods()[0]["status"]["phase"] == "Running"
    again = cluster.azure.manage("POST", f"{OWN}/importImage?api-version=2023-07-01", {**asked, "mode": "NoForce"})
    assert (again.status, again.body["error"]["code"]) == (409, "Conflict")


def test_an_image_that_no_registry_has_is_neither_imported_nor_pulled(cluster: Ground) -> None:
    registry(cluster)
    cluster.world.store.put("absent images", "docker.io/team/none", {"image": "team/none"})
    asked = {"source": {"registryUri": "docker.io", "sourceImage": "team/none:1"}}
    begun = cluster.azure.manage("POST", f"{OWN}/importImage?api-version=2023-07-01", asked)
    cluster.apply(deployment(image="team/none:1"))
    cluster.pass_time(60)
    place = urlsplit(begun.headers["Location"])
    ended = cluster.azure.manage("GET", f"{place.path}?{place.query}").body
    assert (ended["status"], ended["error"]["code"]) == ("Failed", "InvalidParameters")
    assert cluster.pods()[0]["status"]["containerStatuses"][0]["state"]["waiting"]["reason"] == "ImagePullBackOff"


def test_a_container_waits_for_its_config_map_and_its_secret(cluster: Ground) -> None:
    cluster.apply(
        deployment(command=["sh", "-c", 'echo "$KEY"; sleep infinity'], envFrom=[{"configMapRef": {"name": "conf"}}])
    )
    cluster.pass_time(300)
    waiting = cluster.pods()[0]["status"]["containerStatuses"][0]["state"]["waiting"]
    assert waiting == {"reason": "CreateContainerConfigError", "message": 'configmap "conf" not found'}
    conf = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "conf", "namespace": "runners"}}
    cluster.apply({**conf, "data": {"KEY": "value"}})
    cluster.pass_time(60)
    pod = cluster.pods()[0]
    assert pod["status"]["phase"] == "Running"
    assert cluster.ask("GET", f"api/v1/namespaces/runners/pods/{pod['metadata']['name']}/log").body == "value\n"


def test_a_deployment_becomes_available_and_replaces_its_pods(cluster: Ground) -> None:
    cluster.apply(deployment())
    cluster.pass_time(300)
    path = "apis/apps/v1/namespaces/runners/deployments/runner"
    conditions = {one["type"]: one["status"] for one in cluster.ask("GET", path).body["status"]["conditions"]}
    assert conditions == {"Available": "True", "Progressing": "True"}
    before = cluster.pods()[0]["metadata"]["name"]
    cluster.apply(deployment(image="mcr.microsoft.com/runner:2"))
    cluster.pass_time(600)
    after = cluster.pods()
    assert [pod["spec"]["containers"][0]["image"] for pod in after] == ["mcr.microsoft.com/runner:2"]
    assert after[0]["metadata"]["name"] != before


def test_a_job_that_fails_says_so_with_its_exit_code(cluster: Ground) -> None:
    cluster.apply(job(gpus=0, command=["bash", "-c", SCRIPT]))
    cluster.pass_time(300)
    assert checked(cluster)[0] == "Failed"
    terminated = cluster.pods()[0]["status"]["containerStatuses"][0]["state"]["terminated"]
    assert (terminated["exitCode"], terminated["reason"]) == (127, "Error")


def test_a_job_ends_at_its_deadline_and_is_deleted_some_time_later(cluster: Ground) -> None:
    asked = job(gpus=1)
    asked["spec"]["ttlSecondsAfterFinished"] = 600
    cluster.apply(asked)
    cluster.pass_time(1790)
    assert checked(cluster)[0] == ""
    cluster.pass_time(60)
    assert checked(cluster)[0] == "Failed"
    cluster.pass_time(600)
    assert cluster.ask("GET", "apis/batch/v1/namespaces/runners/jobs/check").status == 404


def test_a_container_that_ends_is_started_again_ever_later(cluster: Ground) -> None:
    cluster.apply(deployment(command=["sh", "-c", "exit 3"]))
    cluster.pass_time(600)
    shown = cluster.pods()[0]["status"]["containerStatuses"][0]
    assert shown["restartCount"] >= 3
    assert shown["state"]["waiting"]["reason"] == "CrashLoopBackOff"
    assert shown["lastState"]["terminated"]["exitCode"] == 3


def test_a_log_repeats_what_a_program_reads_now(cluster: Ground) -> None:
    script = 'while true; do if exec 3<>"/dev/tcp/$HOST/80"; then echo "got $(cat <&3)"; fi; sleep 30; done'
    cluster.apply(deployment(command=["bash", "-c", script], env=[{"name": "HOST", "value": "10.0.0.4"}]))
    cluster.world.store.put("peers of containers", "10.0.0.4:80", {"answer": "one"})
    cluster.pass_time(600)
    path = f"api/v1/namespaces/runners/pods/{cluster.pods()[0]['metadata']['name']}/log?tailLines=1"
    assert cluster.ask("GET", path).body == "got one\n"
    cluster.world.store.put("peers of containers", "10.0.0.4:80", {"answer": "two"})
    cluster.pass_time(60)
    assert cluster.ask("GET", f"{path}&timestamps=true").body.endswith("Z got two\n")
