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
    """A transport that notes how long it is asked to wait, and waits as long as that is in the simulation."""

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
    """What generated clients do with every request: give it an id, and prove who asks."""
    return [RequestIdPolicy(), HeadersPolicy(base_headers={"x-functions-key": ground.key})]


def follow(ground: Ground, request: HttpRequest, transport: Impatient) -> dict[str, Any]:
    """What azure-core's poller has in the end, as the clients that are generated for Azure's services use it."""
    client: PipelineClient[Any, Any] = PipelineClient(ground.api, policies=policies(ground), transport=transport)
    with client:
        first = client.send_request(request, _return_pipeline_response=True)
        assert first.http_response.status_code == 202, first.http_response.text()
        poller: LROPoller[dict[str, Any]] = LROPoller(client, first, content_of, LROBasePolling())
        return poller.result(PATIENCE)


def put(ground: Ground, name: str) -> HttpRequest:
    return HttpRequest("PUT", f"{ground.api}/environments/{name}", json=WORKSTATION)


def test_azure_core_follows_operations_to_the_environment(ground: Ground, name: str) -> None:
    transport = Impatient()
    built = follow(ground, put(ground, name), transport)
    assert (built["name"], built["state"], built["ready"]) == (name, "running", True)
    assert set(transport.waits) == {5}, "it waits as long as Retry-After says"
    stopped = follow(ground, HttpRequest("POST", f"{ground.api}/environments/{name}/stop"), Impatient())
    assert (stopped["name"], stopped["state"]) == (name, "stopped"), "after a POST, Location leads to the environment"
    follow(ground, HttpRequest("DELETE", f"{ground.api}/environments/{name}"), Impatient())


def test_azure_core_raises_what_ended_an_operation(ground: Ground, azure: AzureSide, name: str) -> None:
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
    """The status and the content at which a plain loop of curl ends that follows `Location`."""
    asked = {"METHOD": method, "URL": f"{ground.api}{path}", "SPEC": json.dumps(spec) if spec else "", "KEY": ground.key}
    shell = {"PATH": "/usr/bin:/bin", "PAUSE": str(PAUSE), **asked}
    subprocess.run(["bash", "-c", CURL], cwd=folder, env=shell, check=True, timeout=PATIENCE)
    return int((folder / "status.txt").read_text()), json.loads((folder / "result.json").read_text())


def test_curl_follows_location_to_the_environment(ground: Ground, name: str, tmp_path: Path) -> None:
    status, built = curl(ground, tmp_path, "PUT", f"/environments/{name}", WORKSTATION)
    assert (status, built["name"], built["state"]) == (200, name, "running")
    status, deleted = curl(ground, tmp_path, "DELETE", f"/environments/{name}")
    assert (status, deleted["verb"], deleted["outcome"]) == (200, "delete", "succeeded"), "the environment is gone"


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


def test_the_result_of_an_operation_that_nobody_knows_is_not_found(control_plane: ControlPlane) -> None:
    missing = control_plane.client.get("/operations/ml1-stop-01JABCDEFGHJKMNPQRSTVWXYZ0/result")
    assert missing.status_code == 404
