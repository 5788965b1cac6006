"""The features of a machine, as data: what a blueprint wants inside a VM; `dormouse.guest.features` installs them."""

from dataclasses import dataclass
from typing import Annotated, Literal, TypeAlias

from pydantic import Field


@dataclass(frozen=True, slots=True)
class NvidiaDriver:
    """The NVIDIA driver, which a VM extension installs; the setup waits for it."""

    feature: Literal["nvidia_driver"] = "nvidia_driver"


@dataclass(frozen=True, slots=True)
class BlobMount:
    """A blob container, mounted with the identity of the machine."""

    storage_account: str
    container: str
    mount_path: str = "/mnt/blob_storage"
    cache_path: str = "/var/cache/blobfuse2"
    feature: Literal["blob_mount"] = "blob_mount"


@dataclass(frozen=True, slots=True)
class Desktop:
    """A desktop over RDP."""

    feature: Literal["desktop"] = "desktop"


@dataclass(frozen=True, slots=True)
class SshKeyPair:
    """A key pair of the administrator, for connections from the machine to others."""

    feature: Literal["ssh_key_pair"] = "ssh_key_pair"


@dataclass(frozen=True, slots=True)
class PythonEnvironment:
    """A virtual environment of the administrator with these packages: lines of a requirements.txt."""

    packages: tuple[str, ...] = ()
    feature: Literal["python_environment"] = "python_environment"


@dataclass(frozen=True, slots=True)
class DataDisks:
    """Data disks, by their LUNs: each is formatted if it is empty, and mounted at its path."""

    mount_paths: tuple[str, ...]
    feature: Literal["data_disks"] = "data_disks"


@dataclass(frozen=True, slots=True)
class JupyterHub:
    """JupyterHub over TLS for these accounts of the machine; `packages` are for its kernels, as in `PythonEnvironment`.

    The first of `users` is the administrator, and `sudoers` are those of the others who can become root. `sudo` is whether
    notebooks may become root, `rstudio` whether RStudio opens behind the hub. `certificate` is the URL of
    a Key Vault secret ("": a self-signed one), and `identity` the resource ID of the user-assigned identity with which the
    machine reads it.
    """

    users: tuple[str, ...]
    packages: tuple[str, ...] = ()
    sudo: bool = True
    certificate: str = ""
    identity: str = ""
    port: int = 8000
    rstudio: bool = False
    sudoers: tuple[str, ...] = ()
    feature: Literal["jupyterhub"] = "jupyterhub"


@dataclass(frozen=True, slots=True)
class Docker:
    """Docker from its own repository; with `gpu`, its containers can use the GPUs of the machine."""

    gpu: bool = False
    feature: Literal["docker"] = "docker"


@dataclass(frozen=True, slots=True)
class Container:
    """A container that Docker keeps running: its image, and the TCP ports that it serves at a private address.

    `data_path` is the folder in it that is on the data disk of the machine, mounted at `mount_path`. `environment` has its
    plain variables, and `secrets` those with the URLs of the Key Vault secrets with their values, which the machine reads
    with its own identity. `health_url` answers when it works; `login` names the variables with user and password for it.
    """

    name: str
    image: str
    address: str
    ports: tuple[int, ...]
    data_path: str
    mount_path: str
    health_url: str
    environment: tuple[tuple[str, str], ...] = ()
    secrets: tuple[tuple[str, str], ...] = ()
    login: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    feature: Literal["container"] = "container"


@dataclass(frozen=True, slots=True)
class PipelinesAgent:
    """An agent of Azure Pipelines, called `name` in a pool of an organization (a URL).

    `machine` is the resource ID of its VM, by which its registration is recognised. The token is the Key Vault secret at
    `token_url`, or one of Microsoft Entra ID for the user-assigned `identity` (a resource ID). Without a `version` it is the
    one that the organization wants; with one, `sha256` is that of its archive.
    """

    organization: str
    pool: str
    name: str
    machine: str
    token_url: str
    version: str = ""
    sha256: str = ""
    identity: str = ""
    feature: Literal["pipelines_agent"] = "pipelines_agent"


@dataclass(frozen=True, slots=True)
class Agent:
    """The agent, which reports to the control plane (a URL) with tokens for an audience."""

    control_plane: str
    audience: str
    feature: Literal["agent"] = "agent"


Feature: TypeAlias = Annotated[
    NvidiaDriver
    | BlobMount
    | Desktop
    | SshKeyPair
    | PythonEnvironment
    | DataDisks
    | JupyterHub
    | Docker
    | Container
    | PipelinesAgent
    | Agent,
    Field(discriminator="feature"),
]


@dataclass(frozen=True, slots=True)
class GuestSetup:
    """The configuration inside a VM: its administrator, and its features in the order of their installation.

    It is the input of cloud-init and of the health check.
    """

    admin_username: str
    features: tuple[Feature, ...] = ()
