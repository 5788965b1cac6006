"""Every kind of resource is complete: pure entry, requests, simulation with its recordings, price and rights."""

from pathlib import Path

import pytest

from activities.resources.registry import API
from dormouse.resources.kinds import ResourceKind
from dormouse.resources.plan import Resource
from dormouse.resources.registry import KINDS
from tests.support import ROOT

PAGE = (ROOT / "docs" / "resource-kinds.md").read_text()
ROWS = {
    cells[1].strip("` "): [cell.strip() for cell in cells[2:6]]
    for line in PAGE.splitlines()
    if len(cells := line.split("|")) == 7
}
COVERAGE = (ROOT / "local" / "azure" / "COVERAGE.md").read_text()
# What is not managed by Resource Manager, and where it is; of Azure DevOps there are no recordings.
SERVICES = {
    "password": "Key Vault",
    "token_access": "a role assignment on a secret",
    "pipelines_agent": "Azure DevOps",
    "pool_access": "Azure DevOps",
    "hub_users": "accounts inside a VM",
    "generated_secret": "Key Vault",
    "imported_image": "an image in a registry",
    "kubernetes_object": "the Kubernetes API",
    "kubernetes_secret": "the Kubernetes API",
    "existing_account": "a storage account of others, which is only read",
    "ml_image_build": "a property of a workspace",
}
# What is billed with another resource.
PART_OF = {
    "blob_container": "with its storage account",
    "application_insights": "with its workspace",
    "diagnostic_setting": "with its workspace",
    "ml_datastore": "with its storage account",
    "existing_account": "by its owner",
}
# What is billed while it has power.
COMPUTING = {
    "virtual_machine": "by the hour while it is allocated: its size",
    "ml_cluster": "by the hour for each node that it has: its size",
    "managed_cluster": "by the hour for each system node while it runs: its size",
    "node_pool": "by the hour for each node that it has: its size",
}
NOTHING = ResourceKind.__dataclass_fields__["billing"].default
# Azure does not show what is inside a machine, a registry or a cluster, and what is only read is served for other kinds.
WITHOUT_RECORDINGS = {
    *("pipelines_agent", "pool_access", "hub_users", "existing_account", "ml_image_build"),
    *("imported_image", "kubernetes_object", "kubernetes_secret"),
}
# Follows the documentation only, as docs/unverified.md says.
DOCUMENTED_ONLY = {"budget", "ml_datastore"}
ELSEWHERE = {
    "token_access": "Microsoft.Authorization/roleAssignments",
    "password": "Key Vault secrets",
    "generated_secret": "Key Vault secrets",
    "resource_group": "Microsoft.Resources/resourceGroups",
}


def capabilities_of(kind: ResourceKind) -> str:
    known = {
        "power": kind.power_state,
        "probe": kind.probed,
        "update": API[kind.name].update,
        "snapshot": kind.snapshots,
        "rotation": kind.rotatable,
        "login": API[kind.name].login,
        "script": kind.scripted_field,
        "suspend": kind.suspends,
        "detach": API[kind.name].detach,
        "resize": kind.resizable,
        "soft delete": kind.soft_deleted,
        "checks": kind.checks,
    }
    return ", ".join(name for name, has in known.items() if has) or "none"


def billed_for(kind: ResourceKind) -> str:
    """The words for what a kind is billed for, in the order: while it has power, as long as it exists, by use."""
    use = f"by use: {kind.by_use}" if kind.by_use else ""
    return "; ".join(filter(None, (COMPUTING.get(kind.name, ""), kind.charged, use))) or PART_OF.get(kind.name, "free")


@pytest.mark.parametrize("kind", KINDS.values(), ids=list(KINDS))
def test_what_is_billed_as_long_as_it_exists_has_words_and_a_price(kind: ResourceKind) -> None:
    assert bool(kind.charged) == bool(kind.charges)
    assert (kind.name in COMPUTING) == (kind.billing is not NOTHING)


@pytest.mark.parametrize("name", KINDS)
def test_a_kind_has_a_row_that_says_type_version_capabilities_and_rights(name: str) -> None:
    kind = KINDS[name]
    where, capabilities, billed, rights = ROWS[name]
    assert where == (f"`{kind.type}` {kind.api_version}" if kind.type else SERVICES[name])
    assert capabilities == capabilities_of(kind)
    assert rights == ", ".join(f"`{right}`" for right in kind.rights)
    assert billed == billed_for(kind)


@pytest.mark.parametrize("name", sorted(KINDS.keys() - WITHOUT_RECORDINGS))
def test_what_is_put_read_and_deleted_is_simulated_and_compared_with_recordings(name: str) -> None:
    kind = KINDS[name]
    served = {
        (cells[1].strip(), cells[2].strip()): (cells[3].strip(), int(cells[4]))
        for line in COVERAGE.splitlines()
        if len(cells := line.split("|")) == 10 and cells[4].strip().isdigit()
    }
    subject = ELSEWHERE.get(name, kind.type)
    created_along = {one.kind for each in KINDS.values() for one in _implied(each)}
    verbs = ("GET", "DELETE") if name in created_along else ("PUT", "GET", "DELETE")
    assert all(served[subject, verb][0] == "yes" for verb in verbs)
    confirmed = sum(served[subject, verb][1] for verb in verbs) > 0
    assert confirmed is (name not in DOCUMENTED_ONLY), "no recording confirms the simulation, or one does now"


def _implied(kind: ResourceKind) -> list[Resource]:
    sample = Resource(
        "x", kind.name, "/subscriptions/s/resourceGroups/g/providers/a/b/c", settings={"disk": "d", "nic": "n"}
    )
    return list(kind.implied(sample))


def test_no_row_is_about_a_kind_that_does_not_exist() -> None:
    assert set(ROWS) - {"kind", "---"} == set(KINDS)


def test_the_page_is_found_from_the_architecture() -> None:
    assert "docs/resource-kinds.md" in (ROOT / "ARCHITECTURE.md").read_text()
    assert Path(ROOT / "docs" / "resource-kinds.md").exists()
