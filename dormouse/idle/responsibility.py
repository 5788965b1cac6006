"""Which deployment of the control plane is responsible for a machine that belongs to no environment of this one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum


class Unassigned(StrEnum):
    """Whether machines are watched whose tags name no deployment: if no other deployment watches there, always, never."""

    ALONE = "alone"
    ALWAYS = "always"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Neighbours:
    """Other deployments: why a subscription (in lower case) is shared, and which have this deployment ID ("": none)."""

    shared: Mapping[str, str] = field(default_factory=dict)
    twins: str = ""


def text_of_watchers(deployments: Sequence[str]) -> str:
    """The sentence that says which other deployments watch a subscription, and what to do; "" if none do."""
    if not deployments:
        return ""
    named = ", ".join(deployments)
    return (
        f"Other deployments of Dormouse ({named}) watch its subscription too, and its tags do not say which one is "
        "responsible: set the tag dormouse-deployment on it, or UNASSIGNED_MACHINES=always in one deployment"
    )


def not_known(reason: str) -> str:
    """The sentence that says that it is not known which deployments watch a subscription."""
    return f"It is not known whether another deployment of Dormouse watches its subscription ({reason.rstrip('.')})"


def text_of_twins(deployment: str, apps: Sequence[str]) -> str:
    """The sentence that names other control planes with this deployment ID, and says what to do; "" if there are none."""
    if not apps:
        return ""
    return (
        f"Another control plane has the deployment ID {deployment} ({', '.join(apps)}), and neither knows the holds of the "
        "other: stop or delete one of them, or give it another DEPLOYMENT_ID"
    )


def text_of_others(deployment: str) -> str:
    """The sentence that refuses a machine which another deployment watches."""
    return f"Deployment {deployment} of the control plane watches the machine; release it there first."


def text_of_unrecorded(environment: str) -> str:
    """The sentence for a machine whose tags name an environment of this deployment that has no record."""
    return f"Its tags say that it belongs to the environment {environment}, of which this deployment has no record"
