"""The runner cluster: GPU runners on AKS whose nodes exist only while there is work, with a queue and an object store."""

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, field_validator

from dormouse.blueprints.blueprint import Blueprint
from dormouse.blueprints.cluster_hosts import (
    AMQP_PORT,
    MANAGEMENT_PORT,
    RUNNER_NAME,
    ObjectStore,
    QueueHost,
    Variable,
    host_misfits,
    queue_container,
    store_container,
)
from dormouse.blueprints.fields import CALLER, AdminName, PrivateNetwork, Size, Source
from dormouse.blueprints.spec import EnvironmentSpec, Image, MarketplaceImage, Part
from dormouse.errors import Fault
from dormouse.resources.compute.container_hosts import container_host
from dormouse.resources.keyvault import password
from dormouse.resources.kubernetes import images, manifests
from dormouse.resources.kubernetes.access import cluster_roles
from dormouse.resources.kubernetes.clusters import Cluster, managed_cluster
from dormouse.resources.kubernetes.images import imported_image
from dormouse.resources.kubernetes.node_pools import GpuPool, gpu_pool
from dormouse.resources.kubernetes.objects import kubernetes_object, kubernetes_secret
from dormouse.resources.naming import name_of
from dormouse.resources.network import SSH, VNETS, in_group, security_group, virtual_network
from dormouse.resources.network import VIRTUAL_NETWORK as NETWORK_KIND
from dormouse.resources.plan import Resource
from dormouse.resources.platform.identities import user_assigned_identity
from dormouse.resources.platform.registries import container_registry
from dormouse.resources.sizes.vm_sizes import Driver, find_size
from dormouse.resources.target import DeploymentTarget, resource_group
from dormouse.text.doc import doc
from dormouse.text.plain_text import PlainText
from dormouse.text.validators import Matching, Several

MOST_NODES, MOST_RUNNERS = 100, 500
DIGEST = "sha256:" + "0" * 64
EXAMPLE_IMAGE = f"docker.io/leafai/studio-go-runner:0.14.3@{DIGEST}"
LINUX_POOL = Matching(r"[a-z][a-z0-9]{0,11}", "1 to 12 lower-case letters and digits, starting with a letter, such as gpu")
VERSION = Matching(r"(?:1\.\d{1,3}(?:\.\d{1,3})?)?", "a version such as 1.36 or 1.36.2, or empty")
NAMESPACE = Matching(
    r"(?!kube-|default$|gpu-resources$|gatekeeper-system$|aks-command$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?",
    "a namespace of its own of lower-case letters, digits and hyphens, such as runners",
)
SECRET = Matching(
    r"(?!dormouse-)[0-9A-Za-z-]{1,127}",
    "the name of a Key Vault secret of letters, digits and hyphens that does not begin with dormouse-",
)
OWN_VARIABLES = ("AMQP_URL", "AMQP_MGT_URL", "QUEUE_LOGIN", "S3_ENDPOINT", "S3_PASSWORD")


def _pinned(value: str) -> str:
    images.Image.of(value)
    return value


PinnedImage = Annotated[str, Field(max_length=512), AfterValidator(_pinned)]


class RunnerNetwork(Part):
    """The virtual network: a subnet for the hosts, and one for the nodes."""

    address_space: Annotated[PrivateNetwork, doc("The private addresses of the network.", "10.0.0.0/16")] = "10.0.0.0/16"
    subnet: Annotated[PrivateNetwork, doc("The subnet of the hosts.", "10.0.0.0/27")] = "10.0.0.0/27"
    nodes: Annotated[PrivateNetwork, doc("The subnet of the nodes.", "10.0.4.0/22")] = "10.0.4.0/22"


class SystemPool(Part):
    """The nodes of the system, without GPUs."""

    size: Annotated[Size, doc("The VM size.", "Standard_D4s_v5")] = "Standard_D4s_v5"
    count: Annotated[int, Field(ge=1, le=10), doc("The number of nodes.", 1)] = 1


class GpuPoolSpec(Part):
    """The GPU nodes, which exist only while pods ask for them."""

    pool: Annotated[str, LINUX_POOL, doc("The name of the pool; another one makes a new pool.", "gpu")] = "gpu"
    size: Annotated[Size, doc("The VM size.", "Standard_NC4as_T4_v3")] = "Standard_NC4as_T4_v3"
    max_count: Annotated[int, Field(ge=1, le=MOST_NODES), doc("The most nodes.", 4)] = 2
    surge: Annotated[
        int, Field(ge=0, le=10), doc("How many nodes an upgrade adds for a while; they count against the quota.", 1)
    ] = 1


class RunnerSpec(Part):
    """The runners: any image that takes its work from a queue."""

    image: Annotated[PinnedImage, doc("The image, with its digest.", EXAMPLE_IMAGE)]
    command: Annotated[
        tuple[PlainText, ...], Field(max_length=30), doc("The command; empty for that of the image.", ["/runner"])
    ] = ()
    environment: Annotated[
        dict[Variable, PlainText], Field(max_length=100), doc("Plain variables.", {"QUEUE_MATCH": "^rmq_.*$"})
    ] = Field(default_factory=dict)
    secrets: Annotated[
        dict[Variable, Annotated[str, SECRET]],
        Field(max_length=50),
        doc(
            "Variables with the names of Key Vault secrets. The tag `dormouse-runner` of a secret names the environments "
            "that may use it.",
            {"SIGNING_KEY": "runner-signing-key"},
        ),
    ] = Field(default_factory=dict)
    gpus: Annotated[int, Field(ge=1, le=16), doc("The GPUs of each runner.", 1)] = 1
    cpus: Annotated[float, Field(ge=0.1, le=256, allow_inf_nan=False), doc("The CPUs of each runner.", 3)] = 2
    memory_gib: Annotated[int, Field(ge=1, le=2048), doc("The memory of each runner in GiB.", 16)] = 8
    scratch_gib: Annotated[int, Field(ge=1, le=4096), doc("The space of each runner in /scratch, in GiB.", 40)] = 40
    replicas: Annotated[int, Field(ge=0, le=MOST_RUNNERS), doc("The number of runners.", 1)] = 1


class RunnerClusterSpec(EnvironmentSpec):
    """GPU runners on a managed Kubernetes cluster, with its own registry, and a queue and an object store if asked for."""

    changeable: ClassVar[frozenset[str]] = EnvironmentSpec.changeable | {
        *("runner", "gpu", "system", "kubernetes_version", "allow_from"),
    }

    blueprint: Annotated[Literal["runner-cluster"], doc("The blueprint.", "runner-cluster")]
    runner: Annotated[RunnerSpec, doc("The runners.", {"image": EXAMPLE_IMAGE, "replicas": 2})]
    probe_image: Annotated[
        PinnedImage,
        doc(
            "An image with bash and python3, with its digest: it proves that GPUs work, and reads the depth of the queue.",
            f"docker.io/library/python:3.12.11-slim-bookworm@{DIGEST}",
        ),
    ]
    device_plugin_image: Annotated[
        PinnedImage,
        doc("The device plugin of NVIDIA, with its digest.", f"nvcr.io/nvidia/k8s-device-plugin:v0.18.0@{DIGEST}"),
    ]
    registry_sku: Annotated[Literal["Basic", "Standard", "Premium"], doc("The SKU of the registry.", "Standard")] = (
        "Standard"
    )
    kubernetes_version: Annotated[
        str, VERSION, doc("The version of Kubernetes; empty for the default of the region.", "1.36")
    ] = ""
    system: Annotated[SystemPool, doc("The nodes of the system.", {"count": 2})] = SystemPool()
    gpu: Annotated[GpuPoolSpec, doc("The GPU nodes.", {"size": "Standard_NC4as_T4_v3", "max_count": 4})] = GpuPoolSpec()
    namespace: Annotated[str, NAMESPACE, doc("The namespace of the runners.", "runners")] = "runners"
    private: Annotated[
        bool, doc("Whether the API server has no public address; Azure then runs commands in the cluster.", False)
    ] = False
    network: Annotated[RunnerNetwork, doc("The private network.", {"nodes": "10.0.4.0/22"})] = RunnerNetwork()
    queue: Annotated[QueueHost | None, doc("A host with RabbitMQ; null for none.", {"address": "10.0.0.4"})] = None
    object_store: Annotated[
        ObjectStore | None,
        doc("A host with a store that speaks S3; null for none.", {"address": "10.0.0.5", "image": "docker.io/a/store:1"}),
    ] = None
    image: MarketplaceImage = Image()
    admin_username: AdminName = "azureuser"
    allow_from: Annotated[
        tuple[Source, ...],
        Field(min_length=1),
        Several(20),
        doc(
            "The networks that may connect to the hosts over SSH; `caller` is the caller's own address.", ["203.0.113.7/32"]
        ),
    ] = (CALLER,)

    @field_validator("network")
    @classmethod
    def _subnets_fit(cls, value: RunnerNetwork) -> RunnerNetwork:
        space = ipaddress.IPv4Network(value.address_space)
        parts = [ipaddress.IPv4Network(part) for part in (value.subnet, value.nodes)]
        outside = [str(part) for part in parts if not part.subnet_of(space)]
        if outside:
            raise ValueError(f"{' and '.join(outside)} must be inside address_space {space}")
        if parts[0].overlaps(parts[1]):
            raise ValueError(f"subnet {parts[0]} and nodes {parts[1]} must not overlap")
        return value

    def misfits(self) -> Sequence[Fault]:
        """The faults of sizes, hosts and runners that do not fit together."""
        return tuple(self._misfits())

    def _misfits(self) -> Iterator[Fault]:
        if find_size(self.gpu.size).driver is Driver.NONE:
            yield Fault("/gpu/size", f"{self.gpu.size} has no GPU; choose a size such as Standard_NC4as_T4_v3")
        if find_size(self.system.size).driver is not Driver.NONE:
            yield Fault("/system/size", f"{self.system.size} has a GPU, which the system does not need")
        subnet = ipaddress.IPv4Network(self.network.subnet)
        yield from host_misfits("/queue", self.queue, subnet)
        yield from host_misfits("/object_store", self.object_store, subnet)
        if self.queue and self.object_store and self.queue.address == self.object_store.address:
            yield Fault("/object_store/address", f"{self.object_store.address} is the address of the queue")
        taken = {*self.runner.environment} & {*self.runner.secrets}
        for name in sorted({*taken, *({*self.runner.environment, *self.runner.secrets} & {*OWN_VARIABLES})}):
            yield Fault(f"/runner/environment/{name}", "is set twice; each variable comes from one place")


def runner_cluster(spec: RunnerClusterSpec, target: DeploymentTarget) -> Sequence[Resource]:
    """A registry, a cluster with a GPU pool from zero, what runs in it, and the hosts that were asked for."""
    group, network = resource_group(target), _network(spec, target)
    registry = container_registry(target, "registry", spec.registry_sku)
    control, kubelet = user_assigned_identity(target, "cluster"), user_assigned_identity(target, "kubelet")
    nodes = f"{network.id}/subnets/{target.called('nodes')}"
    roles = cluster_roles(target, control, kubelet, network, target.called("nodes"), registry, group)
    wanted = Cluster(spec.system.size, spec.system.count, nodes, spec.kubernetes_version, spec.private, spec.namespace)
    cluster = managed_cluster(target, wanted, control, kubelet, [network, *roles])
    gpu = spec.gpu
    found = {name: images.Image.of(text) for name, text in _images(spec).items()}
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
