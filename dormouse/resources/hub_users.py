"""The named users of a machine with JupyterHub: their accounts, their passwords, and who else is locked."""

from collections.abc import Mapping, Sequence

from dormouse.resources.keyvault import password
from dormouse.resources.kinds import ResourceKind, always_as_put
from dormouse.resources.naming import name_of
from dormouse.resources.plan import Resource
from dormouse.resources.target import DeploymentTarget

USERS = "users"


def user_passwords(target: DeploymentTarget, names: Sequence[str]) -> list[Resource]:
    """The passwords of named users, a secret of their own each."""
    return [password(target, f"password-{name}", name) for name in names]


def hub_users(vm: Resource, sudo: Mapping[str, bool], passwords: Sequence[Resource], after: Sequence[Resource]) -> Resource:
    """The accounts of the named users of a machine, by name with whether they can become root; others are locked.

    They are a part of every machine with a hub, also of one without named users: so the last one can be removed. Extensions
    come first (`after`), because Azure changes one thing inside a machine at a time.
    https://learn.microsoft.com/azure/virtual-machines/linux/run-command
    """
    body = {"users": [{"name": name, "sudo": may} for name, may in sudo.items()]}
    settings = {name: name_of(one.id) for name, one in zip(sudo, passwords, strict=True)}
    needs = (vm.name, *(one.name for one in (*passwords, *after)))
    return Resource(USERS, HUB_USERS.name, f"{vm.id}/users", body, settings, needs=needs, contained_in=vm.name)


def machine_of(resource: Resource) -> str:
    """The resource ID of the machine whose users these are."""
    return resource.id.rpartition("/")[0]


def user_with(resource: Resource, secret: str) -> str:
    """The name of the user whose password is in a secret; raises KeyError if it is that of none of them."""
    return {known: name for name, known in resource.settings.items()}[secret]


def _label(resource: Resource) -> str:
    return f"users of {name_of(machine_of(resource))}"


# It exists as long as its machine does; what is inside cannot be asked of Azure.
HUB_USERS = ResourceKind(
    "hub_users",
    diff=always_as_put,
    label=_label,
    needs_power=True,
    scripted_field=USERS,
    login_secrets=lambda resource: tuple(resource.settings.values()),
)
