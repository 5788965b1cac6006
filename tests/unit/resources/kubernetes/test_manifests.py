"""The manifests are valid for the API of Kubernetes, and the scripts in them do what they say."""

import subprocess
import threading
import warnings
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import kubernetes_validate
import pytest

from dormouse.resources.kubernetes import manifests
from dormouse.resources.kubernetes.gpu_proof import gpu_check
from dormouse.resources.kubernetes.manifests import WATCH_SCRIPT, Runner
from dormouse.resources.kubernetes.objects import path_of

RUNNER = Runner("cr1.azurecr.io/team/runner@sha256:1", "cr1.azurecr.io/python@sha256:2", ["/runner"], {"A": "b"}, cpus=0.5)
ALL = [
    manifests.namespace("runners"),
    manifests.config_map("runners", {"A": "b"}),
    {**manifests.secret("runners"), "stringData": {"A": "b"}},
    manifests.service_account("runners"),
    manifests.deployment("runners", RUNNER),
    manifests.device_plugin("cr1.azurecr.io/plugin@sha256:3"),
    manifests.queue_watch("runners", "cr1.azurecr.io/python@sha256:2", "10.0.0.4", 15672),
    gpu_check("runners", "cr1.azurecr.io/python@sha256:2"),
]


def kinds(manifest: dict[str, Any]) -> str:
    return f"{manifest['kind']} {manifest['metadata']['name']}"


def validated(manifest: dict[str, Any]) -> None:
    """Warnings are errors: the validator only warns of an API version that it does not know."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        kubernetes_validate.validate(manifest, kubernetes_validate.latest_version(), strict=True)


@pytest.mark.parametrize("manifest", ALL, ids=kinds)
def test_a_manifest_is_valid(manifest: dict[str, Any]) -> None:
    validated(manifest)


def test_the_validator_refuses_what_the_api_would() -> None:
    wrong = {**manifests.deployment("runners", RUNNER)}
    wrong["spec"] = {key: value for key, value in wrong["spec"].items() if key != "selector"}
    with pytest.raises(kubernetes_validate.ValidationError):
        validated(wrong)


WITH_PODS = [manifest for manifest in ALL if "template" in manifest.get("spec", {})]


@pytest.mark.parametrize("manifest", WITH_PODS, ids=kinds)
def test_containers_get_no_token_and_no_more_rights_than_they_need(manifest: dict[str, Any]) -> None:
    pod = manifest["spec"]["template"]["spec"]
    for container in (*pod.get("initContainers", ()), *pod["containers"]):
        assert container["securityContext"] == {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    if manifest["kind"] != "DaemonSet":
        assert pod["automountServiceAccountToken"] is False


def test_paths_are_those_of_the_api() -> None:
    assert [path_of(manifest) for manifest in ALL] == [
        "api/v1/namespaces/runners",
        "api/v1/namespaces/runners/configmaps/runner-config",
        "api/v1/namespaces/runners/secrets/runner-secrets",
        "api/v1/namespaces/runners/serviceaccounts/runner",
        "apis/apps/v1/namespaces/runners/deployments/runner",
        "apis/apps/v1/namespaces/gpu-resources/daemonsets/nvidia-device-plugin",
        "apis/apps/v1/namespaces/runners/deployments/queue-watch",
        "apis/batch/v1/namespaces/runners/jobs/gpu-check",
    ]


class Management(BaseHTTPRequestHandler):
    """The management API of a queue."""

    answer = ""
    asked: list[str]

    def do_GET(self) -> None:
        type(self).asked.append(f"{self.path} {self.headers['Authorization']}")
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.answer.encode())

    def log_message(self, *words: Any) -> None:
        """Write no log."""


@pytest.fixture
def queue() -> Iterator[HTTPServer]:
    Management.asked = []
    server = HTTPServer(("127.0.0.1", 0), Management)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


def watched(port: int) -> str:
    """The first line of the watch."""
    once = WATCH_SCRIPT.replace("sleep 30", "exit")
    environment = {"QUEUE_HOST": "127.0.0.1", "QUEUE_PORT": str(port), "QUEUE_LOGIN": "runner:pw", "PATH": "/usr/bin:/bin"}
    done = subprocess.run(["bash", "-c", once], capture_output=True, text=True, timeout=20, check=False, env=environment)
    return done.stdout.strip()


@pytest.mark.parametrize(
    ("answer", "line"),
    [
        (
            '{"queue_totals":{"messages":5,"messages_ready":3,"messages_ready_details":{"rate":0.0},'
            '"messages_unacknowledged":2},"node":"rabbit@queue"}',
            "queue ready=3 unacknowledged=2",
        ),
        ('{"queue_totals":{},"node":"rabbit@queue"}', "queue ready=0 unacknowledged=0"),
        ('{"error":"not_authorized"}', "queue ready=none unacknowledged=none"),
    ],
    ids=["messages", "no queue", "refused"],
)
def test_the_watch_reads_the_depth_of_the_queue(queue: HTTPServer, answer: str, line: str) -> None:
    Management.answer = answer
    assert watched(queue.server_port) == line
    assert Management.asked == ["/api/overview Basic cnVubmVyOnB3"]


def test_a_queue_that_does_not_answer_is_not_taken_for_an_empty_one() -> None:
    assert watched(9) == "queue ready=none unacknowledged=none"
