"""Setups of machines with the features that a test needs, and the check of the Python version of what they contain."""

import subprocess
import sys
from pathlib import Path

from dormouse.resources.features import (
    Agent,
    BlobMount,
    Desktop,
    Feature,
    GuestSetup,
    NvidiaDriver,
    PythonEnvironment,
    SshKeyPair,
)

URL = "https://dormouse.azurewebsites.net/api"


def setup(
    *,
    desktop: bool = True,
    gpu: bool = True,
    packages: tuple[str, ...] = ("torch", "jupyter"),
    control_plane: str = "",
    container: str = "deeplearning",
    user: str = "azureuser",
) -> GuestSetup:
    """The setup of a workstation, or of one that lacks some of its features."""
    features: list[Feature] = [
        *([NvidiaDriver()] if gpu else []),
        BlobMount("stml1abc", container),
        *([Desktop()] if desktop else []),
        SshKeyPair(),
        PythonEnvironment(packages),
        *([Agent(control_plane, "api://dormouse")] if control_plane else []),
    ]
    return GuestSetup(user, tuple(features))


def vermin(*words: str | Path) -> subprocess.CompletedProcess[str]:
    """What vermin says of the Python versions that a program needs."""
    asked = [Path(sys.executable).parent / "vermin", *words]
    return subprocess.run(asked, capture_output=True, text=True, timeout=60, check=False)
