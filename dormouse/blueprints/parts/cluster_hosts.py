"""The hosts beside a cluster: a queue of RabbitMQ, and a store that speaks S3."""

import ipaddress
from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from dormouse.blueprints.fields import Size
from dormouse.blueprints.spec import Disk, Image, Part, machine_misfits
from dormouse.errors import Fault
from dormouse.resources.compute.container_hosts import ContainerHost
from dormouse.resources.compute.virtual_machines import Machine
from dormouse.text.doc import doc
from dormouse.text.plain_text import PlainText
from dormouse.text.validators import Matching

# Azure takes the first four addresses of every subnet, and the last.
FIRST_FREE = 4
AMQP_PORT, MANAGEMENT_PORT = 5672, 15672
RUNNER_NAME = "runner"
PASSWORD = "S3_PASSWORD"  # noqa: S105 - the name of a variable
IMAGE = Matching(
    r"[a-z0-9-]+(?:\.[a-z0-9-]+)+(?::\d+)?/[a-z0-9]+(?:[._/-]+[a-z0-9]+)*(?::[\w][\w.-]{0,127})?(?:@sha256:[0-9a-f]{64})?",
    "an image with its registry, such as docker.io/library/rabbitmq:4-management",
)
VARIABLE = Matching(r"[A-Za-z_][A-Za-z0-9_]{0,127}", "the name of an environment variable, such as S3_SECRET")
FOLDER = Matching(r"(?:/[A-Za-z0-9._-]+)+", "an absolute folder, such as /data")
ContainerImage = Annotated[str, Field(max_length=512), IMAGE]
Variable = Annotated[str, VARIABLE]
PrivateAddress = Annotated[ipaddress.IPv4Address, Field(examples=["10.0.0.4"])]
OS_DISK = Disk(size_gib=64, type="StandardSSD_LRS")


class HostSpec(Part):
    """A small VM with one container."""

    size: Annotated[Size, doc("The VM size.", "Standard_D2s_v5")] = "Standard_D2s_v5"
    address: Annotated[PrivateAddress, doc("Its fixed private address, in `network.subnet`.", "10.0.0.4")]
    data_gib: Annotated[int, Field(ge=4, le=32767), doc("The data disk in GiB.", 64)] = 64
    data_type: Annotated[
        Literal["Standard_LRS", "StandardSSD_LRS", "Premium_LRS"], doc("The kind of the data disk.", "Premium_LRS")
    ] = "StandardSSD_LRS"


class QueueHost(HostSpec):
    """A host with RabbitMQ 4 and its management plugin."""

    image: Annotated[
        ContainerImage, doc("The image of RabbitMQ 4 with the management plugin.", "docker.io/library/rabbitmq:4-management")
    ] = "docker.io/library/rabbitmq:4-management"


class ObjectStore(HostSpec):
    """A host with a store that speaks S3, from any image."""

    image: Annotated[ContainerImage, doc("The image of the store.", "docker.io/chrislusf/seaweedfs:3.97")]
    command: Annotated[
        tuple[PlainText, ...], Field(max_length=30), doc("The arguments of the container.", ["server", "-s3", "-dir=/data"])
    ] = ()
    port: Annotated[int, Field(ge=1, le=65535), doc("The port of S3.", 8333)] = 9000
    data_path: Annotated[str, FOLDER, doc("The folder of the container with its data.", "/data")] = "/data"
    environment: Annotated[
        dict[Variable, PlainText], Field(max_length=50), doc("Plain variables.", {"S3_USER": "runner"})
    ] = Field(default_factory=dict)
    password_variable: Annotated[Variable, doc("The variable that gets the generated password.", "S3_PASSWORD")] = PASSWORD


def queue_container(queue: QueueHost, region_image: Image) -> ContainerHost:
    """The host of the queue. https://hub.docker.com/_/rabbitmq (environment variables)"""
    return ContainerHost(
        "queue",
        _machine(queue, region_image),
        str(queue.address),
        queue.data_gib,
        queue.data_type,
        queue.image,
        (AMQP_PORT, MANAGEMENT_PORT),
        "/var/lib/rabbitmq",
        "RABBITMQ_DEFAULT_PASS",
        MANAGEMENT_PORT,
        "/api/health/checks/alarms",
        {"RABBITMQ_DEFAULT_USER": RUNNER_NAME},
        ("RABBITMQ_DEFAULT_USER", "RABBITMQ_DEFAULT_PASS"),
    )


def store_container(store: ObjectStore, region_image: Image) -> ContainerHost:
    """The host of the object store."""
    return ContainerHost(
        "store",
        _machine(store, region_image),
        str(store.address),
        store.data_gib,
        store.data_type,
        store.image,
        (store.port,),
        store.data_path,
        store.password_variable,
        store.port,
        environment=store.environment,
        command=store.command,
    )


def _machine(host: HostSpec, image: Image) -> Machine:
    return Machine(host.size, image.model_dump(), OS_DISK.size_gib, OS_DISK.type)


def host_misfits(pointer: str, host: HostSpec | None, subnet: ipaddress.IPv4Network) -> Iterator[Fault]:
    """The faults of a host whose size, disk or address does not fit."""
    if host is None:
        return
    yield from machine_misfits(host.size, Disk(size_gib=OS_DISK.size_gib, type=host.data_type), f"{pointer}/size")
    free = list(subnet)[FIRST_FREE:-1]
    if host.address not in free:
        yield Fault(f"{pointer}/address", f"must be one of {free[0]} to {free[-1]}: the free addresses of {subnet}")
