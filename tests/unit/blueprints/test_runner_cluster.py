"""The spec of a runner cluster, and the resources that follow from it."""

import json
from typing import Any

import pytest

from dormouse import serialization
from dormouse.blueprints.catalog import plan_for
from dormouse.blueprints.specs import change_faults, read_spec, stored_spec
from dormouse.errors import InvalidSpec
from dormouse.resources.features import Container, DataDisks
from dormouse.resources.kubernetes.pods import GPU
from dormouse.resources.plan import Plan
from dormouse.resources.registry import kind_of, with_implied
from tests.support import ROOT
from tests.unit.builders import SUBSCRIPTION, target

EXAMPLE: dict[str, Any] = json.loads((ROOT / "examples" / "runner-cluster.json").read_text())
VAULT = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/dormouse/providers/Microsoft.KeyVault/vaults/v"
DIGEST = "sha256:" + "1" * 64


def spec_of(**changes: Any) -> Any:
    return read_spec("rc1", {**EXAMPLE, **changes}, caller_address="203.0.113.7", caller="ann")


def plan(**changes: Any) -> Plan:
    return plan_for(spec_of(**changes), target("rc1", vault=VAULT, vault_url="https://v.vault.azure.net"))


def faults(**changes: Any) -> dict[str, str]:
    with pytest.raises(InvalidSpec) as caught:
        spec_of(**changes)
    return {fault.pointer: fault.detail for fault in caught.value.faults}


def test_the_pool_scales_from_zero_and_the_runners_fit_on_it() -> None:
    """AK-1 and AK-8: what an autoscaler knows of an empty pool is in its body, and what is not needed is deleted."""
    built = plan()
    pool = built.resource("gpu-pool").body["properties"]
    assert {name: pool[name] for name in ("minCount", "count", "maxCount", "enableAutoScaling", "scaleDownMode")} == {
        "minCount": 0,
        "count": 0,
        "maxCount": 2,
        "enableAutoScaling": True,
        "scaleDownMode": "Delete",
    }
    pod = built.resource("runner").body["spec"]["template"]["spec"]
    (taint,) = pool["nodeTaints"]
    (toleration,) = pod["tolerations"]
    assert taint == f"{toleration['key']}={toleration['value']}:{toleration['effect']}" == "sku=gpu:NoSchedule"
    assert pod["nodeSelector"].items() <= pool["nodeLabels"].items()
    for container in (*pod["initContainers"], *pod["containers"]):
        assert container["resources"]["limits"][GPU] == "1"
    plugin = built.resource("device-plugin").body["spec"]["template"]["spec"]
    assert (plugin["tolerations"], plugin["nodeSelector"]) == (pod["tolerations"], pod["nodeSelector"])


def test_nobody_logs_in_to_the_cluster_or_its_registry_without_microsoft_entra() -> None:
    built = plan()
    cluster = built.resource("cluster").body["properties"]
    assert (cluster["disableLocalAccounts"], cluster["aadProfile"]) == (True, {"managed": True, "enableAzureRBAC": True})
    assert built.resource("registry").body["properties"]["adminUserEnabled"] is False


def test_roles_exist_before_the_cluster_does() -> None:
    built = plan()
    roles = {one.name for one in built.resources if one.name.startswith("role-")}
    assert roles == {"role-kubelet", "role-network", "role-pull", "role-admin", "role-user"}
    assert roles <= set(built.resource("cluster").needs)
    assert built.resource("role-network").settings["scope"].endswith("/virtualNetworks/vnet-rc1/subnets/nodes-rc1")
    assert built.resource("role-pull").contained_in == "registry"


def test_the_node_group_is_on_record_and_goes_with_the_cluster() -> None:
    """AK-6: a group that is not in the environment's own is looked for after the deletion."""
    (nodes,) = (one for one in with_implied(plan()) if one.name == "cluster-nodes")
    assert (nodes.kind, nodes.contained_in, nodes.id.rpartition("/")[2]) == (
        "resource_group",
        "cluster",
        "rg-dormouse-rc1-nodes",
    )
    assert plan().resource("cluster").body["properties"]["nodeResourceGroup"] == "rg-dormouse-rc1-nodes"


def test_quota_is_asked_for_what_upgrades_add_too() -> None:
    """AK-5: nodes and surge nodes count against the quota."""
    built = plan(system={"count": 2}, gpu={"max_count": 3, "surge": 1})
    counted = {name: dict(kind_of(built.resource(name)).sizes(built.resource(name))) for name in ("cluster", "gpu-pool")}
    assert counted == {"cluster": {"Standard_D4s_v5": 3}, "gpu-pool": {"Standard_NC4as_T4_v3": 4}}
    alone = plan(gpu={"max_count": 1, "surge": 0})
    assert kind_of(alone.resource("gpu-pool")).sizes(alone.resource("gpu-pool")) == {"Standard_NC4as_T4_v3": 1}
    assert alone.resource("gpu-pool").body["properties"]["upgradeSettings"] == {"maxSurge": "0", "maxUnavailable": "1"}


def test_images_are_pinned_and_pulled_from_the_own_registry() -> None:
    built = plan()
    registry = built.resource("registry").id.rpartition("/")[2]
    imported = built.resource("runner-image").body
    assert imported["source"] == {
        "registryUri": "docker.io",
        "sourceImage": f"leafai/studio-go-runner@{EXAMPLE['runner']['image'].partition('@')[2]}",
    }
    pod = built.resource("runner").body["spec"]["template"]["spec"]
    assert all(one["image"].startswith(f"{registry}.azurecr.io/") for one in (*pod["initContainers"], *pod["containers"]))
    assert all("@sha256:" in one["image"] for one in (*pod["initContainers"], *pod["containers"]))


def test_hosts_have_fixed_addresses_and_their_data_on_disks_of_their_own() -> None:
    built = plan()
    for name, address in (("queue", "10.0.0.4"), ("store", "10.0.0.5")):
        (place,) = built.resource(f"nic-{name}").body["properties"]["ipConfigurations"]
        assert (place["properties"]["privateIPAllocationMethod"], place["properties"]["privateIPAddress"]) == (
            "Static",
            address,
        )
        vm = built.resource(f"vm-{name}")
        (disk,) = vm.body["properties"]["storageProfile"]["dataDisks"]
        assert disk["managedDisk"]["id"] == built.resource(f"{name}-data").id
        assert vm.setup is not None
        (container,) = (one for one in vm.setup.features if isinstance(one, Container))
        (mounted,) = (one for one in vm.setup.features if isinstance(one, DataDisks))
        assert mounted.mount_paths == (container.mount_path,)
        assert container.address == address
        access = built.resource(f"{name}-access")
        assert access.settings["scope"] == f"{VAULT}/{built.resource(f'{name}-secret').id}"


def test_a_cluster_alone_has_no_machine_and_no_password() -> None:
    alone = {name: value for name, value in EXAMPLE.items() if name not in ("queue", "object_store")}
    spec = read_spec("rc1", alone, caller_address="203.0.113.7", caller="ann")
    kinds = {one.kind for one in plan_for(spec, target("rc1", vault=VAULT)).resources}
    assert not kinds & {"virtual_machine", "password", "generated_secret", "public_address", "disk"}


def test_secrets_are_only_named() -> None:
    built = plan(runner={**EXAMPLE["runner"], "secrets": {"SIGNING_KEY": "runner-signing"}})
    secret = built.resource("runner-secret")
    values = secret.body["values"]
    assert values["SIGNING_KEY"] == {"secret": "runner-signing", "text": "{}"}
    assert values["AMQP_URL"]["text"] == "amqp://runner:{}@10.0.0.4:5672/"
    assert "data" not in secret.body["manifest"]
    assert "stringData" not in secret.body["manifest"]
    plain = built.resource("config").body["data"]
    assert plain == {
        "AMQP_MGT_URL": "http://10.0.0.4:15672",
        "S3_ENDPOINT": "http://10.0.0.5:8333",
        "QUEUE_MATCH": "^rmq_.*$",
    }


def test_every_fault_of_a_spec_is_named_at_once() -> None:
    found = faults(
        gpu={"size": "Standard_D4s_v5"},
        system={"size": "Standard_NC4as_T4_v3"},
        queue={"address": "10.0.0.3"},
        object_store={"address": "10.0.0.5", "image": "docker.io/a/store:1", "size": "Standard_D4ps_v5"},
        runner={**EXAMPLE["runner"], "environment": {"AMQP_URL": "amqp://elsewhere"}},
    )
    assert set(found) == {
        "/gpu/size",
        "/system/size",
        "/queue/address",
        "/object_store/size",
        "/runner/environment/AMQP_URL",
    }
    assert "10.0.0.4 to 10.0.0.30" in found["/queue/address"]


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"runner": {**EXAMPLE["runner"], "image": "docker.io/leafai/studio-go-runner:0.14.3"}}, "/runner/image"),
        ({"runner": {**EXAMPLE["runner"], "secrets": {"A": "dormouse-rc2-x"}}}, "/runner/secrets/A"),
        ({"namespace": "kube-system"}, "/namespace"),
        ({"private": True, "runner": {**EXAMPLE["runner"], "replicas": 0}}, "/runner/replicas"),
        ({"kubernetes_version": "latest"}, "/kubernetes_version"),
        ({"gpu": {"pool": "GPU"}}, "/gpu/pool"),
        ({"network": {"nodes": "10.0.0.0/24"}}, "/network"),
        ({"network": {"nodes": "192.168.0.0/22"}}, "/network"),
        ({"object_store": {"address": "10.0.0.4", "image": "docker.io/a/store:1"}}, "/object_store/address"),
    ],
)
def test_what_cannot_be_is_refused(changes: dict[str, Any], pointer: str) -> None:
    assert list(faults(**changes)) == [pointer]


def test_runners_and_sizes_of_pools_change_in_place_and_networks_do_not() -> None:
    before = spec_of()
    after = spec_of(
        runner={**EXAMPLE["runner"], "replicas": 3}, gpu={**EXAMPLE["gpu"], "max_count": 4}, registry_sku="Premium"
    )
    assert [fault.pointer for fault in change_faults(before, after)] == ["/registry_sku"]


def test_resources_are_named_once_and_in_an_order_that_can_be_built() -> None:
    built = plan()
    names = [one.name for one in built.resources]
    assert len(set(names)) == len(names)
    assert all(names.index(need) < names.index(one.name) for one in built.resources for need in one.needs)
    identifiers = [one.id.lower() for one in built.resources if one.id]
    assert len(set(identifiers)) == len(identifiers)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"private": True}, "sweeps cannot reach in a private cluster"),
        ({"idle": {"enabled": False}}, "`idle.enabled` switches off"),
        ({"idle": {"action": "notify"}}, "contradicts `idle.action: notify`"),
        ({"stop_after": "29m"}, "must be between 30m and 30d"),
        ({"stop_after": 30}, "no unit"),
    ],
)
def test_a_second_stage_that_no_sweep_would_ever_carry_out_is_rejected(changes: dict[str, Any], words: str) -> None:
    assert words in faults(**{"stop_after": "8h", **changes})["/stop_after"]


def test_a_second_stage_changes_in_place_is_shown_as_written_and_warns_that_nothing_wakes_it() -> None:
    before, after = spec_of(), spec_of(stop_after="8h")
    assert (before.stop_after, after.stop_after, change_faults(before, after)) == (None, 480, [])
    shown = stored_spec(serialization.text_of(after))
    assert shown["stop_after"] == "8h"
    assert read_spec("rc1", shown, caller_address="", caller="ann") == after
    assert stored_spec(serialization.text_of(before))["stop_after"] is None
    assert list(before.warnings()) == []
    (warning,) = after.warnings()
    assert "stop_after=8h" in warning
    assert "Nothing wakes a stopped cluster" in warning
