"""Generic clients follow an operation to its end: azure-core by `Operation-Location`, a loop of curl by `Location`."""

import asyncio
import json
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from azure.core import AsyncPipelineClient, PipelineClient
from azure.core.exceptions import HttpResponseError
from azure.core.pipeline.policies import HeadersPolicy, RequestIdPolicy
from azure.core.pipeline.transport import AioHttpTransport, RequestsTransport
from azure.core.polling import AsyncLROPoller, LROPoller
from azure.core.polling.async_base_polling import AsyncLROBasePolling
from azure.core.polling.base_polling import LROBasePolling
from azure.core.rest import HttpRequest
from azure.mgmt.core.polling.arm_polling import ARMPolling

from local.sandbox import Ground
from tests.support import WORKSTATION, AzureSide, ControlPlane

PAUSE = 0.1  # real seconds, instead of the simulated ones of `Retry-After`
PATIENCE = 120.0
MACHINE = "Microsoft.Compute/virtualMachines"

CURL = """
set -eu
request() { curl -sS --noproxy '*' -H "x-functions-key: $KEY" "$@"; }
url=$(request -X "$METHOD" "$URL" -H 'Content-Type: application/json' ${SPEC:+-d "$SPEC"} -o first.json -D headers.txt &&
    sed -n 's/^[Ll]ocation: *//p' headers.txt | tr -d '\\r')
while [ "$(request "$url" -o result.json -D headers.txt -w '%{http_code}' | tee status.txt)" = 202 ]; do
    grep -qi '^retry-after: [1-9]' headers.txt
    url=$(sed -n 's/^[Ll]ocation: *//p' headers.txt | tr -d '\\r')
    sleep "$PAUSE"
done
"""


class Impatient(RequestsTransport):  # type: ignore[misc]
    """A transport that records how long it is asked to wait, and waits that long in simulated time."""

    def __init__(self) -> None:
        super().__init__(use_env_settings=False)
        self.waits: list[float] = []

    def sleep(self, duration: float) -> None:
        self.waits.append(duration)
        time.sleep(PAUSE)


class AsyncImpatient(AioHttpTransport):  # type: ignore[misc]
    """The same for asyncio."""

    def __init__(self) -> None:
        super().__init__(use_env_settings=False)

    async def sleep(self, duration: float) -> None:
        await asyncio.sleep(PAUSE)


def content_of(response: Any) -> dict[str, Any]:
    text = response.http_response.text()
    return dict(json.loads(text)) if text else {}


def policies(ground: Ground) -> list[Any]:
    """What generated clients add to every request: an ID and credentials."""
    return [RequestIdPolicy(), HeadersPolicy(base_headers={"x-functions-key": ground.key})]


def follow(ground: Ground, request: HttpRequest, transport: Impatient, method: Any = None) -> dict[str, Any]:
    """The final result of azure-core's poller, used like the clients generated for Azure's services."""
    client: PipelineClient[Any, Any] = PipelineClient(ground.api, policies=policies(ground), transport=transport)
    with client:
        first = client.send_request(request, _return_pipeline_response=True)
        assert first.http_response.status_code == 202, first.http_response.text()
        poller: LROPoller[dict[str, Any]] = LROPoller(client, first, content_of, method or LROBasePolling())
        return poller.result(PATIENCE)


def put(ground: Ground, name: str) -> HttpRequest:
    return HttpRequest("PUT", f"{ground.api}/environments/{name}", json=WORKSTATION)


def test_azure_core_follows_operations_to_the_environment(ground: Ground, name: str) -> None:
    transport = Impatient()
    built = follow(ground, put(ground, name), transport)
    assert (built["name"], built["state"], built["ready"]) == (name, "running", True)
    assert set(transport.waits) == {5}, "it honours Retry-After"
    stopped = follow(ground, HttpRequest("POST", f"{ground.api}/environments/{name}/stop"), Impatient())
    assert (stopped["name"], stopped["state"]) == (name, "stopped"), "after a POST, Location leads to the environment"
    follow(ground, HttpRequest("DELETE", f"{ground.api}/environments/{name}"), Impatient())


def test_azure_core_follows_a_sweep_to_its_result(ground: Ground) -> None:
    swept = follow(ground, HttpRequest("POST", f"{ground.api}/sweeps", json={"dry_run": True}), Impatient())
    assert (swept["status"], swept["dry_run"]) == ("Succeeded", True)
    assert swept["summary"]["machines"] >= 0


def test_pollers_of_azure_resource_manager_follow_location(ground: Ground, azure: AzureSide, name: str) -> None:
    """ARMPolling knows `Azure-AsyncOperation` and `Location`, and no `Operation-Location`."""
    transport = Impatient()
    built = follow(ground, put(ground, name), transport, ARMPolling(timeout=5))
    assert (built["name"], built["state"]) == (name, "running")
    assert set(transport.waits) == {5}
    azure.spoil(method="POST", path=f"rg-dormouse-{name}", code="ScopeLocked", message="locked")
    with pytest.raises(HttpResponseError) as raised:
        follow(ground, HttpRequest("POST", f"{ground.api}/environments/{name}/stop"), Impatient(), ARMPolling(timeout=5))
    assert raised.value.response is not None
    assert raised.value.response.status_code == 409
    follow(ground, HttpRequest("DELETE", f"{ground.api}/environments/{name}"), Impatient(), ARMPolling(timeout=5))


@pytest.mark.parametrize("method", [LROBasePolling, ARMPolling])
def test_azure_core_raises_when_an_operation_is_cancelled(
    ground: Ground, control_plane: ControlPlane, azure: AzureSide, name: str, method: Any
) -> None:
    azure.hold_up("PUT", f"rg-dormouse-{name}/providers/{MACHINE}", times=1)
    client: PipelineClient[Any, Any] = PipelineClient(ground.api, policies=policies(ground), transport=Impatient())
    with client:
        first = client.send_request(put(ground, name), _return_pipeline_response=True)
        operation = content_of(first)["operation"]
        poller: LROPoller[dict[str, Any]] = LROPoller(client, first, content_of, method(timeout=5))
        assert control_plane.cancel(operation).status_code == 202
        with pytest.raises(HttpResponseError):
            poller.result(PATIENCE)
        assert poller.status() in ("Canceled", "Failed")
    assert control_plane.wait(operation)["status"] == "Canceled"


def test_azure_core_raises_the_error_of_a_failed_operation(ground: Ground, azure: AzureSide, name: str) -> None:
    azure.spoil(method="PUT", kind=MACHINE, path=f"rg-dormouse-{name}", code="SkuNotAvailable", message="no room here")
    with pytest.raises(HttpResponseError) as raised:
        follow(ground, put(ground, name), Impatient())
    assert raised.value.response is not None
    operation = json.loads(raised.value.response.text())
    assert (operation["status"], operation["outcome"]) == ("Failed", "failed")
    assert "no room here" in operation["reason"]


def test_azure_core_follows_operations_with_asyncio(ground: Ground, azure: AzureSide, name: str) -> None:
    async def followed(request: HttpRequest) -> dict[str, Any]:
        client: AsyncPipelineClient[Any, Any] = AsyncPipelineClient(
            ground.api, policies=policies(ground), transport=AsyncImpatient()
        )
        async with client:
            first = await client.send_request(request, _return_pipeline_response=True)
            polling: Any = AsyncLROBasePolling()
            poller: AsyncLROPoller[dict[str, Any]] = AsyncLROPoller(client, first, content_of, polling)
            return await asyncio.wait_for(poller.result(), PATIENCE)

    assert asyncio.run(followed(put(ground, name)))["ready"] is True
    azure.spoil(method="POST", path=f"rg-dormouse-{name}", code="ScopeLocked", message="locked")
    with pytest.raises(HttpResponseError):
        asyncio.run(followed(HttpRequest("POST", f"{ground.api}/environments/{name}/stop")))


def curl(ground: Ground, folder: Path, method: str, path: str, spec: dict[str, Any] | None = None) -> tuple[int, Any]:
    """The status and the body at which a plain loop of curl that follows `Location` ends."""
    asked = {"METHOD": method, "URL": f"{ground.api}{path}", "SPEC": json.dumps(spec) if spec else "", "KEY": ground.key}
    shell = {"PATH": "/usr/bin:/bin", "PAUSE": str(PAUSE), **asked}
    subprocess.run(["bash", "-c", CURL], cwd=folder, env=shell, check=True, timeout=PATIENCE)
    return int((folder / "status.txt").read_text()), json.loads((folder / "result.json").read_text())


def test_curl_follows_location_to_the_environment(ground: Ground, name: str, tmp_path: Path) -> None:
    status, built = curl(ground, tmp_path, "PUT", f"/environments/{name}", WORKSTATION)
    assert (status, built["name"], built["state"]) == (200, name, "running")
    status, deleted = curl(ground, tmp_path, "DELETE", f"/environments/{name}")
    assert (status, deleted["verb"], deleted["outcome"]) == (200, "delete", "succeeded"), "the environment is gone"


def test_curl_follows_the_location_of_a_sweep_to_what_it_found(ground: Ground, tmp_path: Path) -> None:
    status, swept = curl(ground, tmp_path, "POST", "/sweeps", {"dry_run": True})
    assert (status, swept["state"], swept["status"]) == (200, "ended", "Succeeded")


def test_curl_follows_location_to_the_problem(
    ground: Ground, control_plane: ControlPlane, azure: AzureSide, name: str, tmp_path: Path
) -> None:
    azure.spoil(method="PUT", kind=MACHINE, path=f"rg-dormouse-{name}", code="SkuNotAvailable", message="no room here")
    status, problem = curl(ground, tmp_path, "PUT", f"/environments/{name}", WORKSTATION)
    assert (status, problem["status"], problem["type"]) == (409, 409, "/api/docs#the-operation-did-not-succeed")
    assert "application/problem+json" in (tmp_path / "headers.txt").read_text()
    assert "no room here" in problem["detail"]
    operation = control_plane.operation(problem["operation"])
    assert (operation["status"], operation["outcome"]) == ("Failed", "failed")


def test_the_result_of_an_unknown_operation_is_404(control_plane: ControlPlane) -> None:
    missing = control_plane.client.get("/operations/ml1-stop-01JABCDEFGHJKMNPQRSTVWXYZ0/result")
    assert missing.status_code == 404
