"""The registry of features, by the name that their data carries."""

from collections.abc import Iterator
from typing import Any

from dormouse.guest.features.agent import AGENT
from dormouse.guest.features.blob_mount import BLOB_MOUNT
from dormouse.guest.features.container import CONTAINER
from dormouse.guest.features.data_disks import DATA_DISKS
from dormouse.guest.features.desktop import DESKTOP, SSH_KEY_PAIR
from dormouse.guest.features.docker import DOCKER
from dormouse.guest.features.feature import GuestFeature
from dormouse.guest.features.jupyterhub import JUPYTERHUB
from dormouse.guest.features.nvidia_driver import NVIDIA_DRIVER
from dormouse.guest.features.pipelines_agent import PIPELINES_AGENT
from dormouse.guest.features.python_environment import PYTHON_ENVIRONMENT
from dormouse.resources.features import Feature, GuestSetup

FEATURES: dict[str, GuestFeature[Any]] = {
    "nvidia_driver": NVIDIA_DRIVER,
    "blob_mount": BLOB_MOUNT,
    "desktop": DESKTOP,
    "ssh_key_pair": SSH_KEY_PAIR,
    "python_environment": PYTHON_ENVIRONMENT,
    "data_disks": DATA_DISKS,
    "jupyterhub": JUPYTERHUB,
    "docker": DOCKER,
    "container": CONTAINER,
    "pipelines_agent": PIPELINES_AGENT,
    "agent": AGENT,
}


def features_of(setup: GuestSetup) -> Iterator[tuple[Feature, GuestFeature[Any]]]:
    """The features of a machine, each with what it adds; raises KeyError for one that this release does not know."""
    return ((feature, FEATURES[feature.feature]) for feature in setup.features)
