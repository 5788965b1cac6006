"""The fleet: machines as the sweep sees them, whoever made them."""

import re
from dataclasses import dataclass, field

from dormouse.lifecycle import State
from dormouse.resources.vm_sizes import has_gpu

SCOPE = re.compile(r"/subscriptions/[0-9a-f-]{36}(/resourcegroups/[\w.()-]{1,90})?")
ENVIRONMENT_NAME = re.compile(r"[a-z][a-z0-9-]{0,22}[a-z0-9]")
ENVIRONMENT_TAG, DEPLOYMENT_TAG = "dormouse", "dormouse-deployment"
IDLE_TAG, SCHEDULE_TAG, KEEP_TAG = "dormouse-idle", "dormouse-schedule", "dormouse-keep"
# https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules
MACHINE_ID = re.compile(
    r"/subscriptions/(?P<subscription>[0-9a-z-]{1,36})/resourcegroups/(?P<group>[^/\s]{1,90})"
    r"/providers/microsoft\.compute/virtualmachines/(?P<name>[\w.-]{1,80})(?![\w.()-])",
    re.IGNORECASE | re.ASCII,
)
LONGEST_SHOWN = 200
# What Resource Graph shows at once is what a sweep judges at once, and a page of its report.
# https://learn.microsoft.com/azure/governance/resource-graph/concepts/guidance-for-throttled-requests
ROWS_PER_PAGE = 1000


@dataclass(frozen=True, slots=True)
class VirtualMachine:
    """One machine as Resource Graph shows it; `created` in seconds since 1970, 0.0 if unknown.

    `environment` is the one that it really is the machine of, by our records; what its tag says is a claim. `vm_id` is
    Azure's own id of this very machine: another one that is made under the same name has another (properties.vmId,
    https://learn.microsoft.com/rest/api/compute/virtual-machines/get).
    """

    id: str
    name: str
    subscription: str
    group: str
    region: str
    size: str
    state: State
    created: float = 0.0
    tags: dict[str, str] = field(default_factory=dict)
    ephemeral_disk: bool = False
    can_hibernate: bool = False
    managed_by_others: bool = False
    environment: str = ""
    vm_id: str = ""
    provisioning: str = ""

    @property
    def key(self) -> str:
        """The name under which it is remembered: its id without what all ids share, in lower case."""
        return key_of(self.id)

    @property
    def claimed(self) -> str:
        """The environment that its tag names, or "" if that is no environment's name."""
        tag = self.tags.get(ENVIRONMENT_TAG, "")
        return tag if ENVIRONMENT_NAME.fullmatch(tag) else ""

    @property
    def deployment(self) -> str:
        """The deployment of the control plane that its tag names, or "" if it names none."""
        return self.tags.get(DEPLOYMENT_TAG, "")

    @property
    def has_gpu(self) -> bool:
        """Whether its size has a GPU."""
        return has_gpu(self.size)


def machine_id(subscription: str, group: str, name: str) -> str:
    """The resource id of a machine."""
    return f"/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Compute/virtualMachines/{name}"


def address_id(subscription: str, group: str, environment: str) -> str:
    """The resource id of an environment's public address."""
    provider = f"/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Network"
    return f"{provider}/publicIPAddresses/pip-{environment}"


def parts_of_machine_id(identifier: str) -> tuple[str, str, str]:
    """Subscription, group and name in a machine's resource id; raises ValueError with a hint for any other id."""
    text = identifier.strip()
    match = MACHINE_ID.fullmatch(text)
    if match is None or not all(map(_is_part, match.groups())):
        raise ValueError(f"{text[:LONGEST_SHOWN]!r} is not the resource id of a virtual machine; {_id_hint(text)}")
    return match["subscription"], match["group"], match["name"]


def _is_part(text: str) -> bool:
    """Whether a part of an id is one name and no way to another place."""
    return not text.endswith(".") and all(sign.isalnum() or sign in "_.()-" for sign in text)


def _id_hint(text: str) -> str:
    """How a text that is nearly a machine's id becomes one."""
    inside = MACHINE_ID.search(text)
    if inside and inside.start() > 0:
        return f"leave out what stands before {inside[0][:LONGEST_SHOWN]}"
    if inside and text[inside.end() :].startswith("/"):
        return "leave out what follows the name of the machine, also a slash"
    return f"one is like {machine_id('SUBSCRIPTION', 'GROUP', 'NAME')}"


def key_of(identifier: str) -> str:
    """The key of a machine's resource id: its place in lower case; raises ValueError for any other id."""
    return ":".join(parts_of_machine_id(identifier)).lower()


def lock_name_of(identifier: str, environment: str, home: str) -> str:
    """The name that a machine's lock and trail go by: its environment, or its group and name (and, away from home, more).

    A colon keeps it apart from every name of an environment.
    """
    subscription, group, name = key_of(identifier).split(":")
    elsewhere = [] if subscription == home.lower() else [subscription]
    return environment or ":".join((*elsewhere, group, name))


def read_scopes(text: str) -> tuple[str, ...]:
    """The ids of subscriptions and resource groups in a list with commas, in lower case; raises ValueError."""
    scopes = tuple(part.strip().lower().rstrip("/") for part in text.split(",") if part.strip())
    for scope in scopes:
        if not SCOPE.fullmatch(scope):
            raise ValueError(f"{scope!r} is not like /subscriptions/{{id}} or /subscriptions/{{id}}/resourceGroups/{{name}}")
    return scopes
