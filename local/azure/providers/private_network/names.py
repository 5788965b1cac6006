"""Which names a private endpoint answers for, and as what they stand in the zones of private DNS.

https://learn.microsoft.com/azure/private-link/private-endpoint-dns; workspaces:
https://learn.microsoft.com/azure/machine-learning/how-to-custom-dns
"""

from dataclasses import dataclass

from local.azure.core.store import Document
from local.azure.providers.kinds import ACCOUNT, KEY_VAULT, ML_WORKSPACE, REGISTRY

# Zones that are not called as the public names that they stand for.
PUBLIC = {"privatelink.vaultcore.azure.net": "vault.azure.net"}
GROUPS = {
    ACCOUNT: ("blob", "file", "dfs", "queue", "table"),
    KEY_VAULT: ("vault",),
    REGISTRY: ("registry",),
    ML_WORKSPACE: ("amlworkspace",),
}


@dataclass(frozen=True, slots=True)
class Member:
    """One address that a group of a resource needs, and the public names for which it stands."""

    name: str
    fqdns: tuple[str, ...]


def members_of(target: Document, group: str) -> tuple[Member, ...]:
    """The addresses that a group of a resource needs; none for a group that it does not have."""
    kind, name, place = target["type"], target["name"].lower(), target["location"]
    if group not in GROUPS.get(kind, ()):
        return ()
    if kind == ACCOUNT:
        return (Member(group, (f"{name}.{group}.core.windows.net",)),)
    if kind == KEY_VAULT:
        return (Member("default", (f"{name}.vault.azure.net",)),)
    if kind == REGISTRY:
        data = Member(f"registry_data_{place}", (f"{name}.{place}.data.azurecr.io",))
        return (data, Member("registry", (f"{name}.azurecr.io",)))
    own = f"{target['properties']['workspaceId']}.workspace.{place}"
    return (
        Member("default", (f"{own}.api.azureml.ms", f"{own}.cert.api.azureml.ms")),
        Member("notebook", (f"ml-{name}-{place}-{target['properties']['workspaceId']}.{place}.notebooks.azure.net",)),
        Member("inference", (f"*.{target['properties']['workspaceId']}.inference.{place}.api.azureml.ms",)),
    )


def record_name(fqdn: str, zone: str) -> str:
    """What a public name is called in a zone, or "" if it does not belong there."""
    public = PUBLIC.get(zone.lower(), zone.lower().removeprefix("privatelink."))
    return fqdn.removesuffix(f".{public}") if fqdn.endswith(f".{public}") else ""
