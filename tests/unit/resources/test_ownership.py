"""Which names a deployment gives, and what a plan names as an environment's own."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from azure.keyvault.secrets import DeletedSecret, SecretProperties
from azure.keyvault.secrets.aio import SecretClient

from activities.inventory import list_deleted_secrets, read_owned_resources
from dormouse.blueprints.catalog import plan_for
from dormouse.blueprints.specs import WorkstationSpec
from dormouse.cloud.clients import Cloud
from dormouse.environments.operations import EnvironmentRecord, OperationRecord, Provision
from dormouse.idle.evaluation import EvaluationRules, evaluation_of
from dormouse.lifecycle import State, Verb
from dormouse.records.environments import Records
from dormouse.resources.machines import VirtualMachine, machine_id
from dormouse.resources.ownership import (
    MOST_NAMED,
    OwnedResources,
    group_name,
    owned_resources_of,
    read_deployment,
    secret_name,
    table_prefix,
    text_of_resources_kept,
    ulid_in_secret,
)
from dormouse.resources.plan import DEFAULT_DEPLOYMENT, DeploymentTarget, Plan
from orchestrators.environments.provision import preflight
from orchestrators.progress import ProgressTracker
from tests.unit.twins import SETTINGS, MemoryTables, stopped_clock

SUBSCRIPTION = "00000000-0000-0000-0000-000000000001"
ULID = "01M80AKRESFYRXQ716J26R1AX0"


def plan(deployment: str = DEFAULT_DEPLOYMENT, **given: Any) -> Plan:
    spec = WorkstationSpec.model_validate({"blueprint": "workstation", "region": "polandcentral", **given})
    return plan_for(spec, DeploymentTarget(SUBSCRIPTION, "ml1", "ml1-provision-1", "secret1", deployment=deployment))


def test_only_letters_and_digits_name_a_deployment() -> None:
    assert [read_deployment(text) for text in ("main", "prod", "a1", "staging2")] == ["main", "prod", "a1", "staging2"]
    for text in ("", "a", "1a", "Prod", "pro-d", "longerthan8", "prod\n", "öl"):
        with pytest.raises(ValueError, match="lower-case letters and digits"):
            read_deployment(text)


def test_main_keeps_the_names_of_earlier_releases_and_others_never_share_them() -> None:
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


def test_no_id_of_one_deployment_is_one_of_anothers() -> None:
    ours, theirs = owned_resources_of(plan()), owned_resources_of(plan("prod"))
    assert not set(ours.resources) & set(theirs.resources)
    assert not any(ours.owns(resource) for resource in theirs.resources)
    accounts = {one.rsplit("/", 1)[-1] for one in (*ours.resources, *theirs.resources) if "storageAccounts/" in one}
    assert len(accounts) == 3  # two accounts, whose names are unique in the world, and the container's name


def test_a_plan_names_its_disk_and_what_is_beneath_its_resources_and_nothing_else() -> None:
    ours = owned_resources_of(plan())
    root = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-dormouse-ml1/providers"
    machine = f"{root}/Microsoft.Compute/virtualMachines/vm-ml1"
    for owned in (machine, machine.upper(), f"{machine}/extensions/any", f"{root}/Microsoft.Compute/disks/disk-ml1"):
        assert ours.owns(owned)
    for other in (f"{machine}2", f"{root}/Microsoft.Compute/disks/data", machine.replace("-ml1/", "-ml2/"), root):
        assert not ours.owns(other)
    assert ours.others_in([machine, f"{machine}2"]) == (f"{machine}2",)


def test_one_by_one_dependents_go_first_and_nothing_twice() -> None:
    removable = [one.rsplit("/", 1)[-1] for one in owned_resources_of(plan()).removable]
    assert not {"nvidia-driver", "deeplearning"} & set(removable)  # they go with what they are in
    for first, then in (("vm-ml1", "disk-ml1"), ("vm-ml1", "nic-ml1"), ("nic-ml1", "pip-ml1"), ("nic-ml1", "vnet-ml1")):
        assert removable.index(first) < removable.index(then)


def test_what_is_left_alone_is_named_and_the_sentence_has_an_end() -> None:
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
    return cloud


def record(resources: tuple[str, ...]) -> EnvironmentRecord:
    names = ("rg-dormouse-ml1", "vm-ml1", "secret1")
    return EnvironmentRecord(
        "ml1", "workstation", "ann", "polandcentral", *names, "{}", "ml1-provision-1", "", resources=resources
    )


def test_only_secrets_of_known_operations_are_purged_whatever_their_tags_say() -> None:
    operation = OperationRecord(f"ml1-provision-{ULID}", "ml1", Verb.PROVISION, "ann", "")
    ours, stranger = secret_name(DEFAULT_DEPLOYMENT, "ml1", ULID), secret_name(DEFAULT_DEPLOYMENT, "ml1", ULID[:-1] + "1")
    names = [ours, stranger, secret_name("prod", "ml1", ULID), secret_name(DEFAULT_DEPLOYMENT, "ml2", ULID), "anything"]
    assert asyncio.run(list_deleted_secrets("ml1", cloud_with(operation, *names))) == [ours]


class Context:
    """A durable context that starts activities, and answers none."""

    current_utc_datetime = datetime(2026, 5, 1, tzinfo=UTC)

    def call_activity_with_retry(self, name: str, retry_options: Any, input_: Any = None) -> str:
        return name

    def set_custom_status(self, status: Any) -> None:
        return None


@pytest.mark.parametrize(("new", "first"), [(True, "check_new_group"), (False, "check_group")])
def test_a_new_environment_takes_no_group_that_exists_by_now(new: bool, first: str) -> None:
    request = Provision(plan(), record(()), new=new)
    context = Context()
    assert next(preflight(context, request, ProgressTracker(context))) == first


def test_a_machine_of_the_same_name_in_another_subscription_is_not_an_environments() -> None:
    rules = EvaluationRules(home=SUBSCRIPTION)
    for subscription, environment in ((SUBSCRIPTION, "ml1"), (SUBSCRIPTION[:-1] + "2", "")):
        identifier = machine_id(subscription, "rg-dormouse-ml1", "vm-ml1")
        names = (identifier, "vm-ml1", subscription, "rg-dormouse-ml1", "polandcentral", "Standard_D2s_v5")
        machine = VirtualMachine(*names, State.RUNNING, tags={"dormouse": "ml1"})
        assert evaluation_of(machine, record(()), None, rules, 0.0).machine.environment == environment


def test_a_tag_of_another_deployment_hides_no_machine_of_ours() -> None:
    rules, identifier = (
        EvaluationRules(home=SUBSCRIPTION, deployment=DEFAULT_DEPLOYMENT),
        machine_id(SUBSCRIPTION, "rg-dormouse-ml1", "vm-ml1"),
    )
    names = (identifier, "vm-ml1", SUBSCRIPTION, "rg-dormouse-ml1", "polandcentral", "Standard_D2s_v5")
    tags = {"dormouse": "ml1", "dormouse-idle": "on", "dormouse-deployment": "prod"}
    machine = VirtualMachine(*names, State.RUNNING, tags=tags)
    ours, theirs = (evaluation_of(machine, known, None, rules, 0.0) for known in (record(()), None))
    assert (ours.policy.enabled, rules.leaves_to_others(ours.machine)) == (True, False)
    assert (theirs.policy.enabled, rules.leaves_to_others(theirs.machine)) == (False, True)
    for deployment in ("", DEFAULT_DEPLOYMENT):
        own = replace(machine, tags={**tags, "dormouse-deployment": deployment})
        assert not rules.leaves_to_others(own)
    assert not EvaluationRules().leaves_to_others(machine)


def belongings(known: EnvironmentRecord | None) -> OwnedResources:
    return asyncio.run(read_owned_resources("ml1", cloud_with(known)))


def test_a_record_says_what_is_removed_whatever_this_release_would_name() -> None:
    assert belongings(record(("/one", "/two"))).resources == ("/one", "/two")
    assert belongings(record(())) == owned_resources_of(plan())  # of an earlier release, which wrote none down
    assert belongings(None) == OwnedResources()
