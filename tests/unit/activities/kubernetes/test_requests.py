"""Requests about clusters: what is sent, and what an answer means."""

import asyncio
import base64
import io
import json
import zipfile
from dataclasses import replace
from typing import Any

import pytest

from activities.resources.kubernetes.clusters import (
    change_cluster_power,
    changed_body,
    put_cluster,
    versions_are_offered,
    versions_in,
)
from activities.resources.kubernetes.node_pools import read_gpu_proof
from activities.resources.kubernetes.private import read_command, read_command_health, result_of, zipped
from dormouse.clock import parse_moment
from dormouse.cloud.kubernetes.access import server_in
from dormouse.cloud.sdk_errors import ReadRefused
from dormouse.environments.answers import Done, Pending, Refused
from dormouse.environments.operations import OperationRecord
from dormouse.environments.requests import PowerRequest, PutRequest
from dormouse.environments.rest import earliest_start, queued_text, rest_of
from dormouse.environments.results import Check, Outcome, OutcomeStatus
from dormouse.lifecycle import Verb
from tests.unit.azure import Azure, cloud_over
from tests.unit.blueprints.test_runner_cluster import plan

PLAN = plan(kubernetes_version="1.32.11")
CLUSTER = PLAN.resource("cluster")
PATH = f"POST {CLUSTER.id}"
KUBELET = {"id": "/k", "client_id": "c", "principal_id": "p"}


def test_the_identity_of_the_kubelet_is_the_one_that_exists() -> None:
    azure = Azure({}, {f"PUT {CLUSTER.id}": (200, {"properties": {"provisioningState": "Succeeded"}}, {})})
    request = PutRequest(CLUSTER, {"identity-kubelet": KUBELET})
    assert isinstance(asyncio.run(put_cluster(request, cloud_over(azure))), Done)
    sent: Any = azure.sent[-1]
    identity = {"resourceId": "/k", "clientId": "c", "objectId": "p"}
    assert sent["properties"]["identityProfile"] == {"kubeletidentity": identity}


def test_a_change_of_a_cluster_keeps_its_other_pools() -> None:
    observed = {
        "id": CLUSTER.id,
        "systemData": {},
        "location": "westeurope",
        "properties": {"agentPoolProfiles": [{"name": "system", "count": 1}, {"name": "gpu", "count": 3}], "dnsPrefix": "x"},
    }
    planned = {"agentPoolProfiles": [{"name": "system", "count": 2}], "kubernetesVersion": "1.36"}
    body = changed_body(observed, planned)
    assert body["properties"]["agentPoolProfiles"] == [{"name": "system", "count": 2}, {"name": "gpu", "count": 3}]
    assert (body["properties"]["kubernetesVersion"], body["properties"]["dnsPrefix"]) == ("1.36", "x")
    assert {"id", "systemData"} & set(body) == set()


ALREADY = "managed cluster is in Provisioning State(Succeeded) and Power State({}), {} cannot be performed."


@pytest.mark.parametrize(
    ("verb", "message", "done"),
    [
        (Verb.STOP, ALREADY.format("Stopped", "stopping"), True),
        (Verb.START, ALREADY.format("Running", "starting"), True),
        (Verb.STOP, "Stopping is not allowed with node auto-provisioning.", False),
    ],
)
def test_a_cluster_that_is_so_already_is_done(verb: Verb, message: str, done: bool) -> None:
    """AK-7: Azure refuses to stop what is stopped."""
    refusal: tuple[int, Any, dict[str, str]] = (400, {"code": "OperationNotAllowed", "message": message}, {})
    azure = Azure({"Tables": {"value": []}}, {f"{PATH}/{verb}": refusal})
    resource = CLUSTER.recorded()
    resource.settings.pop("environment", None)
    answer = asyncio.run(change_cluster_power(PowerRequest(resource, verb), cloud_over(azure)))
    assert isinstance(answer, Done if done else Refused)


@pytest.mark.parametrize(("state", "waits"), [("Scaling", True), ("Succeeded", False), ("Failed", False)])
def test_a_start_waits_until_no_pool_of_a_cluster_is_changing(state: str, waits: bool) -> None:
    """Otherwise the pool that a sweep has just scaled to zero would not be given back in time."""
    message = {"code": "OperationNotAllowed", "message": ALREADY.format("Running", "starting")}
    shows = {
        "Tables": {"value": []},
        CLUSTER.id: {"properties": {"agentPoolProfiles": [{"name": "gpu", "provisioningState": state}]}},
    }
    azure = Azure(shows, {f"{PATH}/start": (400, message, {})})
    resource = CLUSTER.recorded()
    resource.settings.pop("environment", None)
    answer = asyncio.run(change_cluster_power(PowerRequest(resource, Verb.START), cloud_over(azure)))
    assert isinstance(answer, Pending) is waits


def test_a_restart_leaves_the_cluster_running() -> None:
    azure = Azure({})
    assert isinstance(asyncio.run(change_cluster_power(PowerRequest(CLUSTER, Verb.RESTART), cloud_over(azure))), Done)
    assert azure.asked == []


def operation(verb: Verb, ended: str, status: OutcomeStatus | None = OutcomeStatus.SUCCEEDED) -> OperationRecord:
    outcome = Outcome(status, "") if status else None
    return OperationRecord("x", "rc1", verb, "ann", ended, ended_at=ended if status else "", outcome=outcome)


def test_a_cluster_rests_for_a_quarter_of_an_hour_after_its_last_stop() -> None:
    """AK-7: a start that is asked for too early waits."""
    noon, before = "2026-11-30T12:00:00Z", "2026-11-29T12:00:00Z"
    newest_first = [operation(Verb.START, noon, None), operation(Verb.STOP, noon), operation(Verb.STOP, before)]
    rest = rest_of([CLUSTER, PLAN.resource("vm-queue")])
    assert earliest_start(newest_first, rest) == parse_moment(noon) + 900.0
    assert earliest_start([operation(Verb.STOP, noon, OutcomeStatus.FAILED), operation(Verb.PROVISION, before)], rest) == 0.0
    assert rest_of([PLAN.resource("vm-queue")]) == 0.0
    of_a_pool = replace(operation(Verb.STOP, noon), by="sweep (idle)")
    assert earliest_start([of_a_pool], rest) == 0.0, "a sweep has stopped a pool, not the cluster"
    of_all = replace(of_a_pool, by="sweep (stop_after)")
    assert earliest_start([of_all], rest) > 0.0, "a sweep has stopped the cluster"
    assert queued_text(PLAN.resources, parse_moment(noon)) == (
        "The cluster was stopped a short while ago, and Azure asks for a rest: it starts at 2026-11-30 12:00 UTC."
    )


VERSIONS = {
    "values": [
        {
            "version": "1.33",
            "capabilities": {"supportPlan": ["KubernetesOfficial", "AKSLongTermSupport"]},
            "patchVersions": {"1.33.5": {}, "1.33.10": {}},
        },
        {"version": "1.32", "capabilities": {"supportPlan": ["AKSLongTermSupport"]}, "patchVersions": {"1.32.11": {}}},
    ]
}


def test_versions_under_long_term_support_only_are_not_offered() -> None:
    """AK-4: a version lives on under another plan, which is paid for."""
    assert versions_in(VERSIONS) == ["1.33", "1.33.5", "1.33.10"]
    path = CLUSTER.id.partition("/resourceGroups/")[0]
    region = f"{path}/providers/Microsoft.ContainerService/locations/{PLAN.region}/kubernetesVersions"
    azure = Azure({region: VERSIONS})
    (refusal,) = asyncio.run(versions_are_offered(PLAN, [CLUSTER], cloud_over(azure)))
    assert refusal.detail == (f"Kubernetes 1.32.11 is not offered in {PLAN.region}; its versions are 1.33, 1.33.5, 1.33.10.")
    known = plan(kubernetes_version="1.33")
    assert asyncio.run(versions_are_offered(known, [known.resource("cluster")], cloud_over(Azure({region: VERSIONS})))) == []


KUBECONFIG = """
apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: {authority}
    server: https://aks-rc1.hcp.westeurope.azmk8s.io:443
  name: aks-rc1
users:
- name: clusterUser
  user:
    token: must-never-be-used
"""


def test_of_a_kubeconfig_only_address_and_authority_are_read() -> None:
    text = KUBECONFIG.format(authority=base64.b64encode(b"PEM").decode())
    body = {"kubeconfigs": [{"name": "clusterUser", "value": base64.b64encode(text.encode()).decode()}]}
    assert server_in(body) == ("https://aks-rc1.hcp.westeurope.azmk8s.io:443", "PEM")


@pytest.mark.parametrize(
    "text", ["", KUBECONFIG.replace("https://", "http://").format(authority="UEVN"), KUBECONFIG.format(authority="")]
)
def test_a_kubeconfig_without_them_is_refused(text: str) -> None:
    body = {"kubeconfigs": [{"value": base64.b64encode(text.encode()).decode()}]}
    with pytest.raises(ReadRefused):
        server_in(body)


def ran(code: int | None, logs: str = "") -> dict[str, Any]:
    known = {} if code is None else {"exitCode": code}
    return {"properties": {"provisioningState": "Succeeded", "logs": logs, **known}}


def test_a_command_that_failed_is_not_a_success_because_azure_calls_it_one() -> None:
    resource = PLAN.resource("config")
    assert isinstance(read_command(resource, ran(0, "configmap/runner-config serverside-applied")), Done)
    assert isinstance(read_command(resource, ran(1, "error: unknown field")), Refused)
    waits = read_command(resource, ran(1, 'Error from server (Forbidden): configmaps "x" is forbidden'))
    assert isinstance(waits, Pending)
    assert isinstance(read_command(resource, ran(None)), Refused)
    assert result_of(None) == (-1, "it did not run")


@pytest.mark.parametrize(("logs", "result"), [("2/2", Check.PASSED), ("1/2", Check.WAITING), ("/1", Check.WAITING)])
def test_the_health_of_a_deployment_is_read_from_the_output(logs: str, result: Check) -> None:
    (check,) = read_command_health(PLAN.resource("runner"), ran(0, logs)).health_checks
    assert (check.name, check.result) == ("runner", result)


@pytest.mark.parametrize(("logs", "result"), [("1/2", Check.PASSED), ("/2", Check.WAITING), ("error", Check.WAITING)])
def test_a_runner_that_is_available_has_proved_its_gpus(logs: str, result: Check) -> None:
    (check,) = read_gpu_proof(PLAN.resource("gpu-pool"), ran(0, logs)).health_checks
    assert (check.name, check.result) == ("gpu", result)


def test_a_manifest_travels_in_an_archive() -> None:
    held = base64.b64decode(zipped({"manifest.json": {"kind": "Secret"}}))
    with zipfile.ZipFile(io.BytesIO(held)) as archive:
        assert json.loads(archive.read("manifest.json")) == {"kind": "Secret"}
