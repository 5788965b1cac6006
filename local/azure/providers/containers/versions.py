"""The versions of Kubernetes that AKS offers, and the images of its nodes, by the simulated date.

Recorded: 1.33 from January to March 2026, 1.35 in July, with their patches and images. The rest is the release calendar of
https://learn.microsoft.com/azure/aks/supported-kubernetes-versions; patches that were not recorded are assumed.
"""

from dataclasses import dataclass
from typing import Any

from local.azure.core.responses import Answer
from local.azure.core.world import World
from local.azure.providers.containers.errors import BareRefused

OPEN = "9999"


@dataclass(frozen=True, slots=True)
class Minor:
    """A minor version: from when until when it is offered, from when it is the default, its patches with their first day."""

    name: str
    since: str
    until: str
    default: str
    patches: tuple[tuple[str, str], ...]


MINORS = (
    Minor("1.32", "2025-03-01", "2026-03-31", "2025-08-01", (("2025-03-01", "1.32.9"), ("2026-03-21", "1.32.11"))),
    Minor(
        "1.33",
        "2025-06-01",
        "2026-06-30",
        "2025-11-01",
        (("2025-06-01", "1.33.5"), ("2026-02-01", "1.33.6"), ("2026-02-15", "1.33.7")),
    ),
    Minor("1.34", "2025-11-01", "2026-11-30", "2026-04-01", (("2025-11-01", "1.34.2"), ("2026-04-01", "1.34.6"))),
    Minor("1.35", "2026-03-01", "2027-03-31", "2026-06-15", (("2026-03-01", "1.35.1"), ("2026-06-15", "1.35.5"))),
    Minor("1.36", "2026-06-01", "2027-06-30", "2026-12-01", (("2026-06-01", "1.36.0"), ("2026-09-01", "1.36.2"))),
    Minor("1.37", "2026-10-01", "2027-10-31", OPEN, (("2026-10-01", "1.37.0"),)),
)
# Recorded; an image is rolled out in about ten days.
IMAGES = (
    ("2026-01-17", "202601.07.0"),
    ("2026-01-28", "202601.13.0"),
    ("2026-03-14", "202603.04.0"),
    ("2026-06-29", "202606.19.0"),
)
IMAGE_NAMES = {"Ubuntu": "AKSUbuntu-2204gen2containerd", "AzureLinux": "AKSAzureLinux-V3gen2"}


def listed(world: World) -> Answer:
    """The versions of a location: those that are offered on this day."""
    day = world.text()[:10]
    offered = [minor for minor in MINORS if minor.since <= day <= minor.until]
    return Answer(200, {"values": [_shown(minor, offered, day, default(world)) for minor in offered]})


def default(world: World) -> str:
    """The minor version of a cluster for which none is asked."""
    day = world.text()[:10]
    return max((minor for minor in MINORS if minor.default <= day), key=lambda minor: minor.default, default=MINORS[0]).name


def resolved(world: World, asked: str, location: str) -> str:
    """The patch version that a version stands for; raises the refusal for one that is not offered."""
    day = world.text()[:10]
    for minor in MINORS:
        if not minor.since <= day <= minor.until:
            continue
        known = _patches(minor, day)
        if asked == minor.name:
            return known[-1]
        if asked in known:
            return asked
    text = (
        f"Managed cluster is on version {asked} which is not supported in this region. Please use "
        f"[az aks get-versions -l {location} --output table] command to get the supported version list in this region. For "
        "more information, please check https://aka.ms/supported-version-list"
    )
    raise BareRefused(400, "K8sVersionNotSupported", text)


def check_upgrade(world: World, before: str, after: str, location: str) -> None:
    """Raise the refusal for a version that is older, or newer by more than a minor version: https://aka.ms/aks-supported-k8s-ver."""
    wanted = resolved(world, after, location)
    now, then = _numbers(before), _numbers(wanted)
    if then < now or then[1] > now[1] + 1:
        text = (
            f"Upgrading Kubernetes version {before} to {after} is not allowed. Please see "
            "https://aka.ms/aks-supported-k8s-ver for version details."
        )
        raise BareRefused(400, "OperationNotAllowed", text)


def check_not_newer(pool: str, control_plane: str) -> None:
    """Raise the refusal for nodes of a newer minor version than the control plane's."""
    if _numbers(pool)[:2] > _numbers(control_plane)[:2]:
        text = f"Node pool version {pool} and control plane version {control_plane} are incompatible. See https://aka.ms/version-skew-policy"
        raise BareRefused(400, "NodePoolMcVersionIncompatible", text)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def node_image(world: World, system: str) -> str:
    """The newest image of nodes with an operating system."""
    day = world.text()[:10]
    newest = max((name for since, name in IMAGES if since <= day), default=IMAGES[0][1])
    return f"{IMAGE_NAMES[system]}-{newest}"


def _patches(minor: Minor, day: str) -> list[str]:
    return [name for since, name in minor.patches if since <= day]


def _shown(minor: Minor, offered: list[Minor], day: str, usual: str) -> dict[str, Any]:
    following = [other for other in offered if other.name > minor.name][:1]
    later = [name for other in following for name in _patches(other, day)]
    known = _patches(minor, day)
    patches = {name: {"upgrades": [*known[place + 1 :], *later]} for place, name in enumerate(known)}
    return {
        "version": minor.name,
        **({"isDefault": True} if minor.name == usual else {}),
        "capabilities": {"supportPlan": ["KubernetesOfficial", "AKSLongTermSupport"]},
        "patchVersions": patches,
    }
