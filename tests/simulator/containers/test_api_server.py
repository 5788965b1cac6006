"""The API server: who may ask, discovery, server-side apply and its conflicts, validation, lists and deletion."""

from typing import Any

import pytest

from local.azure.kubernetes.api.statuses import Unreachable
from tests.simulator.containers.ground import CLUSTER_ADMIN, ID, PEOPLE, READER, WRITER, Ground, deployment, job, namespace

OTHER, THIRD = PEOPLE[1:]
MAP = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "conf", "namespace": "runners"}}
PATH = "api/v1/namespaces/runners/configmaps/conf"


def test_only_tokens_for_aks_are_taken(cluster: Ground) -> None:
    assert cluster.ask("GET", "version", token="none").status == 401
    other = cluster.token(audience="https://management.azure.com")
    said = cluster.ask("GET", "version", token=other)
    assert (said.status, said.body["kind"], said.body["reason"]) == (401, "Status", "Unauthorized")
    assert cluster.ask("GET", "version").body["gitVersion"] == "v1.35.5"


def test_a_role_is_effective_some_minutes_after_it_was_assigned(cluster: Ground) -> None:
    token = cluster.token(OTHER)
    said = cluster.ask("GET", "api/v1/pods", token=token)
    assert (said.status, said.body["reason"]) == (403, "Forbidden")
    assert "Update role assignment to allow access" in said.body["message"]
    cluster.assign(CLUSTER_ADMIN, ID, OTHER)
    cluster.pass_time(20)
    assert cluster.ask("GET", "api/v1/pods", token=token).status == 403
    cluster.pass_time(600)
    assert cluster.ask("GET", "api/v1/pods", token=token).status == 200


def test_a_writer_of_a_namespace_writes_there_only_and_a_reader_sees_no_secrets(cluster: Ground) -> None:
    cluster.assign(WRITER, f"{ID}/namespaces/runners", OTHER)
    cluster.assign(READER, ID, THIRD)
    cluster.pass_time(600)
    writer, reader = cluster.token(OTHER), cluster.token(THIRD)
    assert cluster.ask("POST", "api/v1/namespaces/runners/configmaps", MAP, token=writer).status == 201
    assert cluster.ask("POST", "api/v1/namespaces", namespace("mine"), token=writer).status == 403
    there = {**MAP, "metadata": {"name": "conf", "namespace": "default"}}
    assert cluster.ask("POST", "api/v1/namespaces/default/configmaps", there, token=writer).status == 403
    assert cluster.ask("GET", "api/v1/nodes", token=writer).status == 403
    assert cluster.ask("GET", PATH, token=reader).status == 200
    assert cluster.ask("DELETE", PATH, token=reader).status == 403
    assert cluster.ask("GET", "api/v1/namespaces/runners/secrets", token=reader).status == 403


def test_nothing_answers_for_a_stopped_a_private_or_a_deleted_cluster(cluster: Ground) -> None:
    cluster.act("stop")
    cluster.azure.finish()
    with pytest.raises(Unreachable):
        cluster.ask("GET", "version")


def test_discovery_names_what_is_served(cluster: Ground) -> None:
    assert cluster.ask("GET", "api").body["versions"] == ["v1"]
    assert [group["name"] for group in cluster.ask("GET", "apis").body["groups"]] == ["apps", "batch"]
    kinds = {one["name"] for one in cluster.ask("GET", "apis/apps/v1").body["resources"]}
    assert kinds == {"deployments", "replicasets", "daemonsets"}
    for path in ("apis/extensions/v1beta1/namespaces/runners/deployments", "api/v1/widgets", "apis/apps/v1/pods"):
        assert cluster.ask("GET", path).status == 404


def test_applying_again_changes_nothing(cluster: Ground) -> None:
    first = cluster.apply({**MAP, "data": {"a": "1"}})
    again = cluster.apply({**MAP, "data": {"a": "1"}})
    assert (first.status, again.status) == (201, 200)
    assert again.body["metadata"]["resourceVersion"] == first.body["metadata"]["resourceVersion"]
    changed = cluster.apply({**MAP, "data": {"a": "2"}})
    assert (changed.status, changed.body["data"]) == (200, {"a": "2"})
    assert changed.body["metadata"]["uid"] == first.body["metadata"]["uid"]


def test_what_a_manager_no_longer_names_is_removed_and_what_others_own_stays(cluster: Ground) -> None:
    cluster.apply({**MAP, "data": {"a": "1", "b": "2"}})
    cluster.apply({**MAP, "data": {"c": "3"}}, "another")
    assert cluster.apply({**MAP, "data": {"b": "2"}}).body["data"] == {"b": "2", "c": "3"}


def test_a_conflict_names_the_manager_and_force_takes_the_field(cluster: Ground) -> None:
    cluster.apply({**MAP, "data": {"a": "1"}})
    said = cluster.apply({**MAP, "data": {"a": "2"}}, "another", force=False)
    assert said.status == 409
    assert said.body["message"] == 'Apply failed with 1 conflict: conflict with "dormouse" using v1: .data.a'
    assert cluster.apply({**MAP, "data": {"a": "1"}}, "another", force=False).status == 200  # the same value is shared
    assert cluster.apply({**MAP, "data": {"a": "2"}}, "another").body["data"] == {"a": "2"}
    assert cluster.apply({**MAP, "data": {"a": "1"}}, force=False).status == 409


def test_an_update_by_hand_owns_what_it_changes(cluster: Ground) -> None:
    cluster.apply({**MAP, "data": {"a": "1", "b": "1"}})
    patch = {"data": {"a": "9"}}
    said = cluster.ask("PATCH", f"{PATH}?fieldManager=hand", patch, kind="application/merge-patch+json")
    assert said.body["data"] == {"a": "9", "b": "1"}
    refused = cluster.apply({**MAP, "data": {"a": "1", "b": "1"}}, force=False)
    assert 'conflict with "hand"' in refused.body["message"]


def test_lists_with_keys_are_merged_item_by_item(cluster: Ground) -> None:
    runner = deployment(env=[{"name": "A", "value": "1"}])
    cluster.apply(runner)
    more = deployment(env=[{"name": "B", "value": "2"}])
    found = cluster.apply(more, "another").body["spec"]["template"]["spec"]["containers"][0]
    assert [one["name"] for one in found["env"]] == ["A", "B"]
    left = cluster.apply(deployment()).body["spec"]["template"]["spec"]["containers"][0]
    assert [one["name"] for one in left["env"]] == ["B"]


def without(found: dict[str, Any], *path: str) -> dict[str, Any]:
    inner = found
    for step in path[:-1]:
        inner = inner[step]
    inner.pop(path[-1])
    return found


@pytest.mark.parametrize(
    ("found", "status", "words"),
    [
        (without(deployment(), "spec", "selector"), 422, "spec.selector: Required value"),
        (deployment(imagePullPolcy="Always"), 400, 'unknown field "spec.template.spec.containers[0].imagePullPolcy"'),
        (deployment(resources={"limits": {"cpu": []}}), 422, "Invalid value"),
        (deployment(resources={"requests": {"nvidia.com/gpu": "1"}}), 422, "Limit must be set for non overcommitable"),
        (deployment("Upper"), 422, "RFC 1123"),
        (deployment(space="nowhere"), 404, 'namespaces "nowhere" not found'),
        ({**job(), "spec": {**job()["spec"], "template": deployment()["spec"]["template"]}}, 422, "restartPolicy"),
    ],
)
def test_objects_are_validated(cluster: Ground, found: dict[str, Any], status: int, words: str) -> None:
    said = cluster.apply(found)
    assert (said.status, said.body["kind"]) == (status, "Status"), said.body
    assert words in said.body["message"]


def test_a_selector_that_misses_its_pods_and_changes_of_fixed_fields_are_refused(cluster: Ground) -> None:
    wrong = deployment()
    wrong["spec"]["selector"] = {"matchLabels": {"app": "other"}}
    assert "`selector` does not match" in cluster.apply(wrong).body["message"]
    cluster.apply(job())
    said = cluster.apply(job(image="docker.io/other:1"))
    assert (said.status, said.body["details"]["causes"][0]["field"]) == (422, "spec.template")


def test_what_is_not_modelled_is_a_501(cluster: Ground) -> None:
    two = deployment()
    two["spec"]["template"]["spec"]["containers"].append({"name": "more", "image": "docker.io/more:1"})
    assert cluster.apply(two).status == 501
    assert cluster.ask("GET", "api/v1/namespaces/runners/configmaps/conf/status").status == 501
    assert cluster.ask("DELETE", "api/v1/namespaces/runners/configmaps").status == 501


def test_lists_come_in_pages_and_selectors_choose(cluster: Ground) -> None:
    for number in range(3):
        meta = {"name": f"conf{number}", "namespace": "runners", "labels": {"n": str(number)}}
        cluster.apply({**MAP, "metadata": meta})
    first = cluster.ask("GET", "api/v1/namespaces/runners/configmaps?limit=2").body
    assert (len(first["items"]), first["metadata"]["remainingItemCount"]) == (2, 1)
    rest = cluster.ask("GET", f"api/v1/namespaces/runners/configmaps?limit=2&continue={first['metadata']['continue']}").body
    assert [one["metadata"]["name"] for one in rest["items"]] == ["conf2"]
    chosen = cluster.ask("GET", "api/v1/configmaps?labelSelector=n=1").body["items"]
    assert [one["metadata"]["name"] for one in chosen] == ["conf1"]
    field = cluster.ask("GET", "api/v1/configmaps?fieldSelector=metadata.name=conf2").body["items"]
    assert [one["metadata"]["name"] for one in field] == ["conf2"]


def test_secrets_take_text_and_show_it_encoded(cluster: Ground) -> None:
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": "runners"}}
    cluster.apply({**secret, "stringData": {"key": "value"}})
    assert cluster.ask("GET", "api/v1/namespaces/runners/secrets/s").body["data"] == {"key": "dmFsdWU="}


def test_a_namespace_goes_with_everything_in_it(cluster: Ground) -> None:
    cluster.apply(MAP)
    said = cluster.ask("DELETE", "api/v1/namespaces/runners")
    assert said.body["status"]["phase"] == "Terminating"
    assert cluster.apply({**MAP, "metadata": {"name": "new", "namespace": "runners"}}).status == 403
    cluster.pass_time(10)
    assert cluster.ask("GET", "api/v1/namespaces/runners").status == 404
    assert cluster.ask("GET", "api/v1/configmaps").body["items"] == []


def test_a_cluster_without_entra_has_a_local_account(ground: Ground) -> None:
    ground.ready(aadProfile=None, disableLocalAccounts=None)
    token = ground.kubeconfig["users"][0]["user"]["token"]
    assert ground.ask("GET", "api/v1/nodes", token=token).status == 200
    assert ground.ask("GET", "api/v1/nodes").status == 401
