"""The names of a deployment's resources, and the resources that a plan owns."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from azure.keyvault.secrets import DeletedSecret, SecretProperties
from azure.keyvault.secrets.aio import SecretClient

from activities.inventory import read_group, read_owned_resources
from activities.resources.generic import check_preflight, list_deleted, observe_resource
from dormouse.blueprints.catalog import plan_for
from dormouse.cloud.clients import Cloud
from dormouse.environments.operations import EnvironmentRecord, OperationRecord, Provision
from dormouse.environments.results import RefusalReason
from dormouse.idle.evaluation import EvaluationRules, evaluation_of
from dormouse.lifecycle import State, Verb
from dormouse.records.environments import Records
from dormouse.resources.compute.machines import VirtualMachine, machine_id
from dormouse.resources.naming import (
    DEFAULT_DEPLOYMENT,
    group_name,
    name_of,
    read_deployment,
    secret_name,
    table_prefix,
    ulid_in_secret,
)
from dormouse.resources.ownership import MOST_NAMED, OwnedResources, text_of_resources_kept
from dormouse.resources.plan import Plan, Resource
from dormouse.resources.registry import with_implied
from orchestrators.environments.preflight import preflight
from orchestrators.progress import ProgressTracker
from tests.unit.azure import Azure, Token, cloud_over
from tests.unit.builders import SUBSCRIPTION, ULID, environment_record, target, workstation_spec
from tests.unit.durable import DurableContext
from tests.unit.twins import SETTINGS, MemoryTables, stopped_clock


def plan(deployment: str = DEFAULT_DEPLOYMENT) -> Plan:
    return plan_for(workstation_spec(), target(deployment=deployment))


def owned(deployment: str = DEFAULT_DEPLOYMENT) -> OwnedResources:
    return OwnedResources(with_implied(plan(deployment)))


def test_a_deployment_id_has_2_to_8_letters_and_digits() -> None:
    assert [read_deployment(text) for text in ("main", "prod", "a1", "staging2")] == ["main", "prod", "a1", "staging2"]
    for text in ("", "a", "1a", "Prod", "pro-d", "longerthan8", "prod\n", "öl"):
        with pytest.raises(ValueError, match="lower-case letters and digits"):
            read_deployment(text)


def test_main_keeps_the_names_of_earlier_releases_and_other_deployments_never_use_them() -> None:
    assert (group_name(DEFAULT_DEPLOYMENT, "ml1"), table_prefix(DEFAULT_DEPLOYMENT)) == ("rg-dormouse-ml1", "")
    assert secret_name(DEFAULT_DEPLOYMENT, "ml1", ULID) == f"dormouse-ml1-{ULID.lower()}"
    assert (group_name("prod", "ml1"), table_prefix("prod")) == ("rg-dormouse-prod--ml1", "prod")
    assert ulid_in_secret("prod", "ml1", secret_name("prod", "ml1", ULID)) == ULID
    for deployment, environment in (
        (DEFAULT_DEPLOYMENT, "ml1"),
        ("prod", "ml"),
        ("dev", "ml1"),
        (DEFAULT_DEPLOYMENT, "prod-ml1"),
        (DEFAULT_DEPLOYMENT, "prod--ml1x"),
    ):
        assert ulid_in_secret(deployment, environment, secret_name("prod", "ml1", ULID)) == ""


def test_two_deployments_share_no_resource_id() -> None:
    ours, theirs = owned(), owned("prod")
    identifiers = [one.id for one in theirs.resources if one.id]
    assert not {one.id for one in ours.resources} & set(identifiers)
    assert not any(ours.owns(identifier) for identifier in identifiers)
    accounts = {name_of(one.id) for one in (*ours.resources, *theirs.resources) if "storageAccounts/" in one.id}
    assert len(accounts) == 3  # two accounts, whose names are unique in the world, and the container's name


def test_a_plan_owns_its_resources_their_children_and_its_disk() -> None:
    ours = owned()
    root = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-dormouse-ml1/providers"
    machine = f"{root}/Microsoft.Compute/virtualMachines/vm-ml1"
    for own in (machine, machine.upper(), f"{machine}/extensions/any", f"{root}/Microsoft.Compute/disks/disk-ml1"):
        assert ours.owns(own)
    for other in (f"{machine}2", f"{root}/Microsoft.Compute/disks/data", machine.replace("-ml1/", "-ml2/"), root):
        assert not ours.owns(other)
    assert ours.others_in([machine, f"{machine}2"]) == (f"{machine}2",)


def test_removable_resources_are_ordered_dependents_first() -> None:
    removable = [name_of(one.id) for one in owned().removable(owned().resources)]
    assert not {"nvidia-driver", "deeplearning"} & set(removable)  # they go with what they are in
    for first, then in (("vm-ml1", "disk-ml1"), ("vm-ml1", "nic-ml1"), ("nic-ml1", "pip-ml1"), ("nic-ml1", "vnet-ml1")):
        assert removable.index(first) < removable.index(then)


def test_kept_resources_are_listed_up_to_a_limit() -> None:
    assert text_of_resources_kept([]) == ""
    assert text_of_resources_kept(["a", "b"]).endswith("did not create them: a, b.")
    assert text_of_resources_kept([f"r{number}" for number in range(MOST_NAMED + 7)]).endswith("and 7 more.")


def tables_with(known: EnvironmentRecord | OperationRecord | None) -> MemoryTables:
    """Tables that hold one record, or none."""
    tables = MemoryTables()
    records = Records(tables)
    if isinstance(known, EnvironmentRecord):
        asyncio.run(records.remember_environment(known))
    elif known is not None:
        asyncio.run(records.remember_operation(known))
    return tables


class Vault(SecretClient):
    """A vault that lists secrets of these names as deleted, all with the tag of ml1."""

    def __init__(self, *names: str) -> None:
        self._names = names

    def list_deleted_secrets(self, **_: Any) -> Any:
        async def deleted() -> AsyncIterator[DeletedSecret]:
            for name in self._names:
                secret = f"https://v.vault.azure.net/secrets/{name}"
                yield DeletedSecret(SecretProperties(id=secret, vault_id=secret, tags={"dormouse": "ml1"}))

        return deleted()


def cloud_with(known: EnvironmentRecord | OperationRecord | None, *deleted: str) -> Cloud:
    cloud = Cloud(
        replace(SETTINGS, azure_subscription_id=SUBSCRIPTION, deployment_id=DEFAULT_DEPLOYMENT), stopped_clock(0.0)
    )
    cloud.tables, cloud.secrets = tables_with(known), Vault(*deleted)
    deleted_vaults = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.KeyVault/deletedVaults"
    cloud.transport, cloud.credential = Azure({deleted_vaults: {"value": []}}), Token()
    return cloud


def test_only_secrets_of_recorded_operations_are_purged() -> None:
    operation = OperationRecord(f"ml1-provision-{ULID}", "ml1", Verb.PROVISION, "ann", "")
    ours, stranger = secret_name(DEFAULT_DEPLOYMENT, "ml1", ULID), secret_name(DEFAULT_DEPLOYMENT, "ml1", ULID[:-1] + "1")
    names = [ours, stranger, secret_name("prod", "ml1", ULID), secret_name(DEFAULT_DEPLOYMENT, "ml2", ULID), "anything"]
    found = asyncio.run(list_deleted("ml1", cloud_with(operation, *names)))
    assert found == [Resource(ours, "password", f"secrets/{ours}")]


@pytest.mark.parametrize(("new", "steps"), [(True, ["group"]), (False, [])])
def test_a_new_environment_does_not_take_over_an_existing_group(new: bool, steps: list[str]) -> None:
    group = plan().resource("group")
    cloud = cloud_over(Azure({group.id: {"id": group.id, **group.body, "properties": {"provisioningState": "Succeeded"}}}))

    def asking(activity: Any) -> Callable[[Any], Any]:
        return lambda request: asyncio.run(activity(request, cloud))

    context = DurableContext({each: asking(each) for each in (read_group, observe_resource, check_preflight)})
    request = Provision(plan(), environment_record(), new=new)
    refusals = context.run(preflight(context, request, ProgressTracker(context))).refusals
    assert [one.step for one in refusals if one.reason is RefusalReason.NAME_TAKEN] == steps


def test_a_machine_of_the_same_name_in_another_subscription_is_not_part_of_the_environment() -> None:
    rules = EvaluationRules(home=SUBSCRIPTION)
    for subscription, environment in ((SUBSCRIPTION, "ml1"), (SUBSCRIPTION[:-1] + "2", "")):
        identifier = machine_id(subscription, "rg-dormouse-ml1", "vm-ml1")
        names = (identifier, "vm-ml1", subscription, "rg-dormouse-ml1", "polandcentral", "Standard_D2s_v5")
        machine = VirtualMachine(*names, State.RUNNING, tags={"dormouse": "ml1"})
        assert evaluation_of(machine, environment_record(), None, rules, 0.0).machine.environment == environment


def test_a_tag_of_another_deployment_does_not_hide_our_machine() -> None:
    rules, identifier = (
        EvaluationRules(home=SUBSCRIPTION, deployment=DEFAULT_DEPLOYMENT),
        machine_id(SUBSCRIPTION, "rg-dormouse-ml1", "vm-ml1"),
    )
    names = (identifier, "vm-ml1", SUBSCRIPTION, "rg-dormouse-ml1", "polandcentral", "Standard_D2s_v5")
    tags = {"dormouse": "ml1", "dormouse-idle": "on", "dormouse-deployment": "prod"}
    machine = VirtualMachine(*names, State.RUNNING, tags=tags)
    ours, theirs = (evaluation_of(machine, known, None, rules, 0.0) for known in (environment_record(), None))
    assert (ours.policy.enabled, rules.leaves_to_others(ours.machine)) == (True, False)
    assert (theirs.policy.enabled, rules.leaves_to_others(theirs.machine)) == (False, True)
    for deployment in ("", DEFAULT_DEPLOYMENT):
        own = replace(machine, tags={**tags, "dormouse-deployment": deployment})
        assert not rules.leaves_to_others(own)
    assert not EvaluationRules().leaves_to_others(machine)


def belongings(known: EnvironmentRecord | None) -> OwnedResources:
    return asyncio.run(read_owned_resources("ml1", cloud_with(known)))


def test_the_record_decides_what_is_removed() -> None:
    two = (Resource("one", "disk", "/one"), Resource("two", "disk", "/two"))
    assert belongings(environment_record(resources=two)).resources == two
    assert belongings(environment_record()) == owned()
    assert belongings(None) == OwnedResources()


NODES = "rg-nodes"
GROUP = Resource("group", "resource_group", f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-dormouse-ml1")
IN_GROUP = f"{GROUP.id}/providers/Microsoft.Network"


def cluster() -> OwnedResources:
    """A group with a network in it, a cluster that has a node group of its own, and a secret elsewhere."""
    return OwnedResources(
        (
            GROUP,
            Resource("network", "virtual_network", f"{IN_GROUP}/virtualNetworks/v", needs=("group",), contained_in="group"),
            Resource(
                "nodes",
                "resource_group",
                f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{NODES}",
                needs=("network",),
                contained_in="address",
            ),
            Resource(
                "address", "public_address", f"{IN_GROUP}/publicIPAddresses/a", needs=("network",), contained_in="group"
            ),
            Resource("password", "password", "secrets/p"),
            Resource("role", "role_assignment", "", needs=("address",), contained_in="network"),
        )
    )


def names(resources: Sequence[Resource]) -> list[str]:
    return [resource.name for resource in resources]


def test_a_whole_group_is_deleted_at_once_after_what_is_outside_of_it() -> None:
    ours = owned()
    assert names(ours.removable(ours.resources, {"group"})) == ["password", "group"]


def test_a_group_with_foreign_resources_is_kept_and_its_own_resources_are_deleted_one_by_one() -> None:
    ours = owned()
    removable = names(ours.removable(ours.resources))
    assert set(removable) == {"network", "firewall", "address", "nic", "storage", "password", "vm-disk", "vm"}
    for dependent, needed in (("vm", "vm-disk"), ("vm", "nic"), ("vm", "password"), ("nic", "address"), ("nic", "network")):
        assert removable.index(dependent) < removable.index(needed)


def test_what_is_contained_goes_with_its_container_and_alone_if_that_is_gone() -> None:
    ours = owned()
    without_vm = [one for one in ours.resources if one.name != "vm"]
    assert "driver" not in names(ours.removable(ours.resources))
    assert "driver" in names(ours.removable(without_vm))
    assert "container" in names(ours.removable([one for one in ours.resources if one.name == "container"], {"group"}))


def test_only_what_exists_and_has_an_id_is_deleted() -> None:
    ours = owned()
    assert ours.removable([]) == ()
    assert names(ours.removable([one for one in ours.resources if one.name in ("role", "address")])) == ["address"]


def test_the_group_that_a_resource_brings_along_goes_with_it() -> None:
    ours = cluster()
    assert names(ours.groups) == ["group"]
    assert names(ours.removable(ours.resources, {"group"})) == ["password", "group"]
    assert names(ours.removable(ours.resources)) == ["password", "address", "network"]


def test_to_be_in_a_group_of_the_environment_proves_nothing() -> None:
    assert not cluster().owns(f"{GROUP.id}/providers/Microsoft.Compute/disks/of-others")
    assert not cluster().owns(GROUP.id)
    assert cluster().owns(f"{IN_GROUP}/virtualNetworks/v/subnets/s")
