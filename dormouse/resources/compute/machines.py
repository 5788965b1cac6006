"""Virtual machines as the sweep sees them, and their resource IDs."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache

from dormouse.lifecycle import State
from dormouse.resources.plan import Resource
from dormouse.resources.sizes.vm_sizes import has_gpu

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
# One Resource Graph page is one page of a sweep and of its report.
# https://learn.microsoft.com/azure/governance/resource-graph/concepts/guidance-for-throttled-requests
ROWS_PER_PAGE = 1000
# Those of a few pages at once: an evaluation asks for the key of its machine several times.
KEYS_KEPT = 8 * ROWS_PER_PAGE


@dataclass(frozen=True, slots=True)
class VirtualMachine:
    """A VM as Resource Graph shows it; `created` in seconds since 1970, 0.0 if unknown.

    `environment` is set if the records confirm that the VM belongs to that environment; the tag alone proves nothing.
    `vm_id` distinguishes VMs that were created one after another under the same name (properties.vmId,
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
    spot: bool = False

    @property
    def kind(self) -> str:
        """The kind of resource."""
        return "virtual_machine"

    @property
    def starts_by_itself(self) -> bool:
        """Whether Azure starts it when there is work for it."""
        return False

    @property
    def interruptible(self) -> bool:
        """Whether the end of a lease stops it while it is in use."""
        return True

    @property
    def key(self) -> str:
        """Its key in the records: subscription, group and name in lower case."""
        return key_of(self.id)

    @property
    def claimed(self) -> str:
        """The environment named by its tag, or "" if the tag is not a valid environment name."""
        tag = self.tags.get(ENVIRONMENT_TAG, "")
        return tag if ENVIRONMENT_NAME.fullmatch(tag) else ""

    @property
    def has_gpu(self) -> bool:
        """Whether its size has a GPU."""
        return has_gpu(self.size)


def machine_id(subscription: str, group: str, name: str) -> str:
    """The resource ID of a VM."""
    return f"/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Compute/virtualMachines/{name}"


def machine_ids(resources: Iterable[Resource]) -> tuple[str, ...]:
    """The resource IDs of the VMs among these resources."""
    return tuple(resource.id for resource in resources if MACHINE_ID.fullmatch(resource.id))


def parts_of_machine_id(identifier: str) -> tuple[str, str, str]:
    """Subscription, group and name in a VM's resource ID; raises ValueError with a hint for any other text."""
    text = identifier.strip()
    match = MACHINE_ID.fullmatch(text)
    if match is None or not all(map(_is_part, match.groups())):
        raise ValueError(f"{text[:LONGEST_SHOWN]!r} is not the resource ID of a virtual machine; {_id_hint(text)}")
    return match["subscription"], match["group"], match["name"]


def _is_part(text: str) -> bool:
    """Whether a segment of an ID is a plain name that cannot change the path."""
    return not text.endswith(".") and all(sign.isalnum() or sign in "_.()-" for sign in text)


def _id_hint(text: str) -> str:
    """What to change in a text so that it becomes a VM's resource ID."""
    inside = MACHINE_ID.search(text)
    if inside and inside.start() > 0:
        return f"remove the text before {inside[0][:LONGEST_SHOWN]}"
    if inside and text[inside.end() :].startswith("/"):
        return "remove everything after the VM name, including the slash"
    return f"expected {machine_id('SUBSCRIPTION', 'GROUP', 'NAME')}"


@lru_cache(KEYS_KEPT)
def key_of(identifier: str) -> str:
    """The key of a VM: `subscription:group:name` in lower case; raises ValueError for any other ID."""
    return ":".join(parts_of_machine_id(identifier)).lower()


def is_machine_key(text: str) -> bool:
    """Whether a text can be the key of a VM."""
    parts = text.split(":")
    try:
        return len(parts) == 3 and key_of(machine_id(*parts)) == text
    except ValueError:
        return False


def lock_name_of(identifier: str, environment: str, home: str) -> str:
    """The name of a VM's lock: its environment, or else `group:name`, preceded by the subscription if it is not ours.

    Environment names have no colon, so that the two never collide.
    """
    subscription, group, name = key_of(identifier).split(":")
    elsewhere = [] if subscription == home.lower() else [subscription]
    return environment or ":".join((*elsewhere, group, name))


def read_scopes(text: str) -> tuple[str, ...]:
    """Subscription and resource group IDs from a comma-separated list, in lower case; raises ValueError."""
    scopes = tuple(part.strip().lower().rstrip("/") for part in text.split(",") if part.strip())
    for scope in scopes:
        if not SCOPE.fullmatch(scope):
            raise ValueError(f"{scope!r} is not like /subscriptions/{{id}} or /subscriptions/{{id}}/resourceGroups/{{name}}")
    return scopes
