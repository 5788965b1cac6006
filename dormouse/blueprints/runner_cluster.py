"""The runner cluster: GPU runners on AKS whose nodes exist only while there is work, with a queue and an object store."""

from collections.abc import Mapping, Sequence

from dormouse.blueprints.blueprint import Blueprint
from dormouse.blueprints.parts.cluster_hosts import (
    AMQP_PORT,
    MANAGEMENT_PORT,
    RUNNER_NAME,
    queue_container,
    store_container,
)
from dormouse.blueprints.runner_cluster_spec import RunnerClusterSpec
from dormouse.resources.compute.container_hosts import container_host
from dormouse.resources.keyvault import password
from dormouse.resources.kubernetes import images, manifests
from dormouse.resources.kubernetes.access import cluster_roles
from dormouse.resources.kubernetes.clusters import ClusterDesign, managed_cluster
from dormouse.resources.kubernetes.images import imported_image
from dormouse.resources.kubernetes.node_pools import GpuPool, gpu_pool
from dormouse.resources.kubernetes.objects import kubernetes_object, kubernetes_secret
from dormouse.resources.naming import name_of
from dormouse.resources.network import SSH, VNETS, in_group, security_group, virtual_network
from dormouse.resources.network import VIRTUAL_NETWORK as NETWORK_KIND
from dormouse.resources.plan import Resource
from dormouse.resources.platform.identities import user_assigned_identity
from dormouse.resources.platform.registries import container_registry
from dormouse.resources.target import DeploymentTarget, resource_group


def runner_cluster(spec: RunnerClusterSpec, target: DeploymentTarget) -> Sequence[Resource]:
    """A registry, a cluster with a GPU pool from zero, what runs in it, and the hosts that were asked for."""
    group, network = resource_group(target), _network(spec, target)
    registry = container_registry(target, "registry", spec.registry_sku)
    control, kubelet = user_assigned_identity(target, "cluster"), user_assigned_identity(target, "kubelet")
    nodes = f"{network.id}/subnets/{target.called('nodes')}"
    roles = cluster_roles(target, control, kubelet, network, target.called("nodes"), registry, group)
    wanted = ClusterDesign(spec.system.size, spec.system.count, nodes, spec.kubernetes_version, spec.private, spec.namespace)
    cluster = managed_cluster(target, wanted, control, kubelet, [network, *roles])
    gpu = spec.gpu
    found = {name: images.ImageReference.of(text) for name, text in _images(spec).items()}
    pulled = {name: image.pulled_from(registry) for name, image in found.items()}
    pool = gpu_pool(cluster, GpuPool(gpu.pool, gpu.size, gpu.max_count, gpu.surge, pulled["probe-image"]), nodes)
    imported = {name: imported_image(registry, name, image) for name, image in found.items()}
    hosts = _hosts(spec, target)
    return [
        group,
        network,
        registry,
        control,
        kubelet,
        *roles,
        cluster,
        pool,
        *imported.values(),
        *hosts,
        *_workloads(spec, target, cluster, pool, imported, pulled, hosts),
    ]


def _images(spec: RunnerClusterSpec) -> dict[str, str]:
    return {
        "runner-image": spec.runner.image,
        "probe-image": spec.probe_image,
        "plugin-image": spec.device_plugin_image,
    }


def _network(spec: RunnerClusterSpec, target: DeploymentTarget) -> Resource:
    both = virtual_network(target, spec.network.address_space, spec.network.subnet)
    nodes = {"name": target.called("nodes"), "properties": {"addressPrefix": spec.network.nodes}}
    properties = both.body["properties"]
    body = {"properties": {**properties, "subnets": [*properties["subnets"], nodes]}}
    return in_group(target, "network", NETWORK_KIND, name_of(target.id(VNETS, target.called("vnet"))), body)


def _hosts(spec: RunnerClusterSpec, target: DeploymentTarget) -> list[Resource]:
    wanted = [
        *([queue_container(spec.queue, spec.image)] if spec.queue else []),
        *([store_container(spec.object_store, spec.image)] if spec.object_store else []),
    ]
    if not wanted:
        return []
    secret = password(target)
    made = [one for host in wanted for one in container_host(target, host, spec.admin_username, secret)]
    return [security_group(target, spec.allow_from, (SSH,)), secret, *made]


def _workloads(
    spec: RunnerClusterSpec,
    target: DeploymentTarget,
    cluster: Resource,
    pool: Resource,
    imported: Mapping[str, Resource],
    pulled: Mapping[str, str],
    hosts: Sequence[Resource],
) -> list[Resource]:
    space, runner = spec.namespace, spec.runner
    own = kubernetes_object(cluster, "namespace", manifests.namespace(space))
    system = kubernetes_object(cluster, "plugin-namespace", manifests.namespace(manifests.GPU_RESOURCES))
    plugin = manifests.device_plugin(pulled["plugin-image"])
    config = kubernetes_object(cluster, "config", manifests.config_map(space, _plain(spec)), [own])
    secrets = {one.name: one for one in hosts if one.name in ("queue-secret", "store-secret")}
    values = _secret_values(spec, {name: name_of(one.id) for name, one in secrets.items()})
    secret = kubernetes_secret(cluster, "runner-secret", manifests.secret(space), values, [own, *secrets.values()])
    account = kubernetes_object(cluster, "account", manifests.service_account(space), [own])
    wanted = manifests.Runner(
        pulled["runner-image"],
        pulled["probe-image"],
        runner.command,
        runner.environment,
        runner.gpus,
        runner.cpus,
        runner.memory_gib,
        runner.scratch_gib,
        runner.replicas,
    )
    machines = [one for one in hosts if one.name in ("vm-queue", "vm-store")]
    before = [pool, config, secret, account, imported["runner-image"], imported["probe-image"], *machines]
    runners = kubernetes_object(cluster, "runner", manifests.deployment(space, wanted), before)
    found = [
        own,
        system,
        kubernetes_object(cluster, "device-plugin", plugin, [system, imported["plugin-image"]]),
        config,
        secret,
        account,
        runners,
    ]
    if spec.queue:
        watch = manifests.queue_watch(space, pulled["probe-image"], str(spec.queue.address), MANAGEMENT_PORT)
        needs = [own, secret, imported["probe-image"], *(one for one in machines if one.name == "vm-queue")]
        found.append(kubernetes_object(cluster, "queue-watch", watch, needs))
    return found


def _plain(spec: RunnerClusterSpec) -> dict[str, str]:
    """The plain environment of the runners, and where their queue and their store are."""
    known = {"AMQP_MGT_URL": f"http://{spec.queue.address}:{MANAGEMENT_PORT}"} if spec.queue else {}
    if spec.object_store:
        known["S3_ENDPOINT"] = f"http://{spec.object_store.address}:{spec.object_store.port}"
    return {**known, **spec.runner.environment}


def _secret_values(spec: RunnerClusterSpec, own: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """The secret environment of the runners: for each variable, the name of a secret and the text around its value."""
    values = {name: (secret, "{}") for name, secret in spec.runner.secrets.items()}
    if spec.queue:
        secret = own["queue-secret"]
        values["AMQP_URL"] = (secret, f"amqp://{RUNNER_NAME}:{{}}@{spec.queue.address}:{AMQP_PORT}/")
        values["QUEUE_LOGIN"] = (secret, f"{RUNNER_NAME}:{{}}")
    if spec.object_store:
        values["S3_PASSWORD"] = (own["store-secret"], "{}")
    return values


BLUEPRINT = Blueprint("runner-cluster", RunnerClusterSpec, runner_cluster)
