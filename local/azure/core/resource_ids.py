"""Parsing of resource IDs."""

from dataclasses import dataclass
from urllib.parse import unquote


@dataclass(frozen=True, slots=True)
class ResourceId:
    """An ID of Azure Resource Manager: scope, provider, and pairs of type and name."""

    subscription: str
    group: str
    provider: str
    types: tuple[str, ...]
    names: tuple[str, ...]
    scope: str = ""

    @property
    def type(self) -> str:
        """The full type, like Microsoft.Compute/virtualMachines/extensions."""
        return "/".join((self.provider, *self.types))

    @property
    def name(self) -> str:
        """The last name."""
        return self.names[-1]

    @property
    def group_id(self) -> str:
        """The ID of the group."""
        return f"/subscriptions/{self.subscription}/resourceGroups/{self.group}"

    @property
    def root(self) -> str:
        """The ID of the group, or of the subscription for resources outside groups."""
        return self.group_id if self.group else f"/subscriptions/{self.subscription}"

    @property
    def parent(self) -> "ResourceId | None":
        """The ID of the parent resource, if there is one."""
        if len(self.names) < 2:
            return None
        return ResourceId(self.subscription, self.group, self.provider, self.types[:-1], self.names[:-1], self.scope)

    @property
    def text(self) -> str:
        """The ID as text."""
        pairs = "/".join(f"{kind}/{name}" for kind, name in zip(self.types, self.names, strict=False))
        return f"{self.scope or self.root}/providers/{self.provider}/{pairs}"

    @property
    def collection(self) -> bool:
        """Whether this names all resources of a type."""
        return len(self.types) > len(self.names)


def type_of(identifier: str) -> str:
    """The type in an ID as it is spelt there, or "" for an ID without a provider."""
    rid = parse(identifier)
    return rid.type if rid else ""


def parse(path: str) -> ResourceId | None:
    """The ID in a path, or None if the path names nothing below a provider in a group or a subscription."""
    scope, separator, rest = path.rpartition("/providers/")
    parts = [unquote(part) for part in rest.split("/") if part]
    head = scope.partition("/providers/")[0].split("/")
    in_group = len(head) == 5 and head[3].lower() == "resourcegroups"
    if not separator or len(head) < 3 or head[1].lower() != "subscriptions" or not (in_group or len(head) == 3) or not parts:
        return None
    types, names = tuple(parts[1::2]), tuple(parts[2::2])
    extension = scope if "/providers/" in scope else ""
    return ResourceId(head[2], head[4] if in_group else "", parts[0], types, names, extension)
