"""The spec of a runner cluster: its network, its pools, its runners, and the hosts beside it."""

import ipaddress
from collections.abc import Iterator, Sequence
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, field_validator

from dormouse.blueprints.fields import CALLER, AdminName, PrivateNetwork, Size, Source, StopAfter, WeeklyHours
from dormouse.blueprints.parts.cluster_hosts import ObjectStore, QueueHost, Variable, host_misfits
from dormouse.blueprints.sleeping import SleepingSpec
from dormouse.blueprints.spec import Image, MarketplaceImage, Part
from dormouse.errors import Fault
from dormouse.idle.policy import Action, IdlePolicy
from dormouse.resources.kubernetes.images import ImageReference
from dormouse.resources.sizes.vm_sizes import Driver, find_size
from dormouse.text.doc import doc
from dormouse.text.durations import duration_text
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
NEVER_WAKES = (
    "With stop_after={after}, sweeps stop the whole environment when its GPU pool has slept for so long. Nothing wakes a "
    "stopped cluster: its queue does not run either, so senders of messages get errors until someone starts it."
)


def _pinned(value: str) -> str:
    ImageReference.of(value)
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


class RunnerClusterSpec(SleepingSpec):
    """GPU runners on a managed Kubernetes cluster, with its own registry, and a queue and an object store if asked for."""

    changeable: ClassVar[frozenset[str]] = SleepingSpec.changeable | {
        *("runner", "gpu", "system", "kubernetes_version", "allow_from", "idle", "schedule"),
        "stop_after",
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
    idle: Annotated[
        IdlePolicy | None, doc("When a GPU pool that holds nodes counts as idle; null for the default.", {"window": "45m"})
    ] = None
    stop_after: Annotated[
        StopAfter | None,
        doc(
            "After how much sleep of the GPU pool the whole environment is stopped; nothing but a start wakes it then. Null "
            "for never.",
            "4h",
        ),
    ] = None
    schedule: Annotated[
        WeeklyHours,
        doc(
            "The weekly hours after which GPU pools without work are scaled to zero; empty for none.",
            "mon-fri 08:00-19:00 Europe/Berlin",
        ),
    ] = ""

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
        return (*super().misfits(), *self._misfits())

    def warnings(self) -> Sequence[str]:
        """That nothing but a start wakes a stopped cluster."""
        if self.stop_after is None:
            return super().warnings()
        stops = NEVER_WAKES.format(after=duration_text(self.stop_after))
        return (*super().warnings(), stops)

    def _misfits_of_stop(self) -> Iterator[Fault]:
        """Why no sweep would ever stop the environment."""
        if self.private:
            yield Fault("/stop_after", "needs the API server, which sweeps cannot reach in a private cluster; leave it out")
        if self.idle is not None and not self.idle.enabled:
            yield Fault("/stop_after", "needs idle shutdown, which `idle.enabled` switches off")
        if self.idle is not None and self.idle.action is Action.NOTIFY:
            yield Fault("/stop_after", "contradicts `idle.action: notify`, with which nothing is stopped")

    def _misfits(self) -> Iterator[Fault]:
        if find_size(self.gpu.size).driver is Driver.NONE:
            yield Fault("/gpu/size", f"{self.gpu.size} has no GPU; choose a size such as Standard_NC4as_T4_v3")
        if find_size(self.system.size).driver is not Driver.NONE:
            yield Fault("/system/size", f"{self.system.size} has a GPU, which the system does not need")
        if self.private and not self.runner.replicas:
            yield Fault("/runner/replicas", "is 0, and in a private cluster runners prove that its GPUs work; ask for one")
        if self.stop_after is not None:
            yield from self._misfits_of_stop()
        subnet = ipaddress.IPv4Network(self.network.subnet)
        yield from host_misfits("/queue", self.queue, subnet)
        yield from host_misfits("/object_store", self.object_store, subnet)
        if self.queue and self.object_store and self.queue.address == self.object_store.address:
            yield Fault("/object_store/address", f"{self.object_store.address} is the address of the queue")
        taken = {*self.runner.environment} & {*self.runner.secrets}
        for name in sorted({*taken, *({*self.runner.environment, *self.runner.secrets} & {*OWN_VARIABLES})}):
            yield Fault(f"/runner/environment/{name}", "is set twice; each variable comes from one place")
