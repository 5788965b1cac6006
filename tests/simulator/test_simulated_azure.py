"""The simulated Azure, called directly: its responses have the recorded shapes, and it never invents a success."""

import json
import sqlite3
import ssl
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import jwt
import pytest

from local.azure.core import versions
from local.azure.core.store import Store
from local.azure.core.world import SUBSCRIPTION, TENANT, World
from local.azure.services import arm
from local.azure.services.tables import edm
from local.azure.services.tables.filters import parsed
from local.azure.vms.guest import Guest
from local.sandbox import Ground, temporary_ground

GROUP = f"/subscriptions/{SUBSCRIPTION}/resourcegroups/rg1"
NETWORK = f"{GROUP}/providers/Microsoft.Network"
COMPUTE = f"{GROUP}/providers/Microsoft.Compute"
STORAGE = f"{GROUP}/providers/Microsoft.Storage"


@dataclass
class Azure:
    ground: Ground
    client: httpx.Client

    def ask(self, name: str, method: str, path: str, **more: Any) -> httpx.Response:
        headers = {"Host": f"{name}:{self.ground.azure_port}", **more.pop("headers", {})}
        return self.client.request(method, f"https://127.0.0.1:{self.ground.azure_port}{path}", headers=headers, **more)

    def token(self, resource: str) -> str:
        header = self.ground.app_environment["IDENTITY_HEADER"]
        answer = self.ask(
            "identity.localhost", "GET", "/msi/token", params={"resource": resource}, headers={"X-IDENTITY-HEADER": header}
        )
        return str(answer.raise_for_status().json()["access_token"])

    def manage(self, method: str, path: str, body: Any = None, **query: str) -> httpx.Response:
        token = self.token("https://management.azure.com")
        known = versions.KNOWN.get(arm.kind_of(path.partition("?")[0]).lower(), ["2024-07-01"])
        params = {"api-version": max(version for version in known if "preview" not in version), **query}
        headers = {"Authorization": f"Bearer {token}"}
        return self.ask("management.localhost", method, path, params=params, json=body, headers=headers)

    def until(self, url: str, status: str) -> dict[str, Any]:
        path = url.partition(f":{self.ground.azure_port}")[2]
        for _ in range(2000):
            body = self.manage("GET", path.partition("?")[0]).json()
            if body["status"] == status:
                return dict(body)
        raise AssertionError(f"{url} never {status}: {body}")


@contextmanager
def running_azure() -> Iterator[Azure]:
    """A simulated Azure with one resource group, in a sandbox that is deleted afterwards."""
    with temporary_ground(speed=500.0) as ground:
        trust = ssl.create_default_context(cafile=str(ground.home / "azure" / "ca.pem"))
        trust.check_hostname = False
        with httpx.Client(verify=trust, trust_env=False, timeout=30) as client:
            running = Azure(ground, client)
            with ground.simulation() as control:  # what an administrator is refused is not a matter of rights
                control.put("/permissions", json={"actions": ["*"]}).raise_for_status()
            running.manage("PUT", GROUP, {"location": "polandcentral"}).raise_for_status()
            yield running


@pytest.fixture(scope="module")
def azure() -> Iterator[Azure]:
    with running_azure() as running:
        yield running


def error(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def test_a_token_can_be_verified_with_the_published_key(azure: Azure) -> None:
    token = azure.token("https://vault.azure.net")
    configuration = azure.ask("login.localhost", "GET", f"/{TENANT}/v2.0/.well-known/openid-configuration").json()
    path = configuration["jwks_uri"].partition(f":{azure.ground.azure_port}")[2]
    (key,) = azure.ask("login.localhost", "GET", path).json()["keys"]
    other_time = {"verify_iat": False, "verify_nbf": False}  # it is valid in simulated time, which runs ahead
    key_of_it, audience = jwt.PyJWK(key).key, "https://vault.azure.net"
    claims = jwt.decode(token, key_of_it, algorithms=["RS256"], audience=audience, options=other_time)  # type: ignore[arg-type]
    assert claims["iss"] == configuration["issuer"]
    assert jwt.get_unverified_header(token)["kid"] == key["kid"]


def test_the_identity_endpoint_requires_its_secret_header(azure: Azure) -> None:
    answer = azure.ask("identity.localhost", "GET", "/msi/token", params={"resource": "https://x"})
    assert answer.status_code == 401
    assert "access_token" not in answer.text


@pytest.mark.parametrize("header", [{}, {"Authorization": "Bearer nonsense"}, {"Authorization": "Basic eDp5"}])
def test_resource_manager_requires_a_token(azure: Azure, header: dict[str, str]) -> None:
    answer = azure.ask("management.localhost", "GET", GROUP, params={"api-version": "1"}, headers=header)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer ")


def test_a_token_for_another_audience_is_rejected(azure: Azure) -> None:
    headers = {"Authorization": f"Bearer {azure.token('https://vault.azure.net')}"}
    answer = azure.ask("management.localhost", "GET", GROUP, params={"api-version": "1"}, headers=headers)
    assert answer.status_code == 401


def test_a_network_is_first_updating_and_later_succeeded(azure: Azure) -> None:
    body = {"location": "polandcentral", "properties": {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}}}
    first = azure.manage("PUT", f"{NETWORK}/virtualNetworks/v1", body)
    assert (first.status_code, first.json()["properties"]["provisioningState"]) == (201, "Updating")
    assert first.headers["Retry-After"] == "3"
    assert set(azure.until(first.headers["Azure-AsyncOperation"], "Succeeded")) == {"status"}
    again = azure.manage("PUT", f"{NETWORK}/virtualNetworks/v1", body)
    assert again.status_code == 200


def test_creating_a_storage_account_returns_202_with_an_empty_body(azure: Azure) -> None:
    body = {"location": "polandcentral", "sku": {"name": "Standard_LRS"}, "kind": "StorageV2"}
    first = azure.manage("PUT", f"{STORAGE}/storageAccounts/st1", body)
    assert (first.status_code, first.content, first.headers["Retry-After"]) == (202, b"", "17")
    assert "Azure-AsyncOperation" not in first.headers
    assert "/asyncoperations/" in first.headers["Location"]


def test_missing_resources_get_azures_error_codes(azure: Azure) -> None:
    assert error(azure.manage("GET", f"{COMPUTE}/virtualMachines/none")) == (404, "ResourceNotFound")
    assert error(azure.manage("GET", f"{COMPUTE}x/virtualMachines/none".replace("rg1", "rg9"))) in (
        (404, "ResourceGroupNotFound"),
        (501, "NotSimulated"),
    )
    assert error(azure.manage("GET", "/subscriptions/00000000-0000-0000-0000-000000000009/resourcegroups/x")) == (
        404,
        "SubscriptionNotFound",
    )
    assert azure.manage("DELETE", f"{NETWORK}/publicIPAddresses/none").status_code == 204
    assert azure.manage("HEAD", GROUP).status_code == 204
    assert azure.manage("HEAD", GROUP.replace("rg1", "rg9")).status_code == 404


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", f"{GROUP}/providers/Microsoft.Sql/servers/x"),
        ("PUT", f"{GROUP}/providers/Microsoft.Sql/servers/x"),
        ("PATCH", f"{NETWORK}/virtualNetworks/v1"),
        ("POST", f"{COMPUTE}/virtualMachines/vm1/generalize"),
        ("POST", f"{COMPUTE}/virtualMachineScaleSets/vm1/start"),
        ("GET", f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Sql/locations/x/capabilities"),
    ],
)
def test_unsimulated_requests_are_501_and_never_a_success(azure: Azure, method: str, path: str) -> None:
    answer = azure.manage(method, path, {"location": "polandcentral", "properties": {}})
    assert error(answer) == (501, "NotSimulated")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (f"{NETWORK}/virtualNetworks/v2", {}),
        (f"{NETWORK}/virtualNetworks/v2", {"location": "x"}),
        (f"{NETWORK}/virtualNetworks/v2", {"location": "x", "properties": None}),
        (f"{NETWORK}/networkInterfaces/n2", {"location": "x", "properties": {}}),
        (f"{COMPUTE}/virtualMachines/m2", {"location": "x", "properties": {"hardwareProfile": {}}}),
        (f"{COMPUTE}/virtualMachines/m2", []),
    ],
)
def test_an_invalid_body_is_400_and_creates_nothing(azure: Azure, path: str, body: Any) -> None:
    assert azure.manage("PUT", path, body).status_code == 400
    assert azure.manage("GET", path).status_code == 404


def test_the_vault_challenges_unauthenticated_requests(azure: Azure) -> None:
    answer = azure.ask("dormouse.vault.localhost", "PUT", "/secrets/x", json={"value": "y"})
    assert answer.status_code == 401
    resource = f"https://vault.localhost:{azure.ground.azure_port}"
    assert f'resource="{resource}"' in answer.headers["WWW-Authenticate"]
    headers = {"Authorization": f"Bearer {azure.token(resource)}"}
    assert azure.ask("dormouse.vault.localhost", "GET", "/secrets/x/", headers=headers).status_code == 404


def test_an_unsupported_graph_query_is_rejected(azure: Azure) -> None:
    path = "/providers/Microsoft.ResourceGraph/resources"
    assert error(azure.manage("POST", path, {"query": "resources | where where"})) == (400, "BadRequest")
    assert error(azure.manage("POST", path, {"query": "resources | summarize count()"})) == (501, "NotSimulated")
    assert error(azure.manage("POST", path, {"query": "securityresources | project id"})) == (501, "NotSimulated")
    known = azure.manage(
        "POST", path, {"query": "resources | where type =~ 'MICROSOFT.NETWORK/virtualnetworks' | project id, type"}
    )
    assert {row["type"] for row in known.json()["data"]} == {"microsoft.network/virtualnetworks"}


def test_the_resource_list_of_a_group_has_no_system_data(azure: Azure) -> None:
    assert error(azure.manage("GET", f"{GROUP}-none/resources")) == (404, "ResourceGroupNotFound")
    body = {"location": "polandcentral", "properties": {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}}}
    azure.manage("PUT", f"{NETWORK}/virtualNetworks/listed", body).raise_for_status()
    shown = azure.manage("GET", f"{GROUP}/resources").json()["value"]
    (listed,) = [one for one in shown if one["name"] == "listed"]
    assert set(listed) == {"id", "name", "type", "location"}


def test_prices_are_those_of_the_published_list(azure: Azure) -> None:
    wanted = "armRegionName eq 'polandcentral' and armSkuName eq 'Standard_NV6ads_A10_v5'"
    answer = azure.ask("prices.localhost", "GET", "/api/retail/prices", params={"$filter": wanted}).json()
    assert answer["Items"][0]["retailPrice"] == 0.59


@pytest.fixture
def world() -> Iterator[World]:
    store = Store()
    yield World(store, speed=1.0, seed=1)
    store.close()


def test_the_same_seed_gives_the_same_durations() -> None:
    def durations(seed: int) -> list[float]:
        with closing(Store()) as store:
            world = World(store, speed=1.0, seed=seed)
            return [world.draw("PUT Microsoft.Compute/virtualMachines", f"vm{number}") for number in range(50)]

    assert durations(1) == durations(1)
    assert durations(1) != durations(2)
    assert 20 < sorted(durations(1))[25] < 50  # recorded median: 34.7 s


def test_resources_survive_a_restart(azure: Azure) -> None:
    before = azure.manage("GET", f"{NETWORK}/virtualNetworks/v1").json()
    azure.ground.azure.kill()
    azure.ground.azure.start()
    assert azure.manage("GET", f"{NETWORK}/virtualNetworks/v1").json() == before


def test_a_script_in_a_machine_cannot_touch_this_computer(world: World, tmp_path: Any) -> None:
    machine = {"id": "/vm", "_power": "running", "properties": {"hardwareProfile": {"vmSize": "Standard_NV6ads_A10_v5"}}}
    target = tmp_path / "touched"
    for script in (
        "id",
        f"touch {target}",
        f"/usr/bin/touch {target}",
        f"echo x > {target}",
        "PATH=/usr/bin; id",
        "exec sh",
        "cd /tmp",
    ):
        out, err = Guest(world, machine).run(script)
        assert "uid=" not in out
        assert err
    assert not target.exists()


def test_a_script_can_print_invalid_utf_8(world: World) -> None:
    machine = {"id": "/vm", "_power": "running", "properties": {"hardwareProfile": {"vmSize": "Standard_NV6ads_A10_v5"}}}
    out, err = Guest(world, machine).run("printf '\\xff\\xfe'; cloud-init status")
    assert "status: running" in out
    assert err == ""


@pytest.mark.parametrize(
    ("question", "matched"),
    [
        ("PartitionKey eq 'p'", True),
        ("PartitionKey eq 'p' and RowKey gt 'a'", True),
        ("PartitionKey eq 'q' or (RowKey ge 'b' and not (RowKey gt 'b'))", True),
        ("RowKey lt 'b'", False),
        ("Missing eq 'x'", False),
        ("Text eq 'it''s'", True),
        ("Count ge 3 and Flag eq true", True),
    ],
)
def test_table_filters_follow_odata(question: str, matched: bool) -> None:
    given = {"PartitionKey": "p", "RowKey": "b", "Text": "it's", "Count": 3, "Flag": True}
    entity = {name: edm.read(name, value, None) for name, value in given.items()}
    assert parsed(question).matches(entity) is matched


def test_the_simulated_resource_manager_stores_no_password(azure: Azure) -> None:
    database = sqlite3.connect(azure.ground.home / "azure.sqlite")
    rows = database.execute("SELECT document FROM documents WHERE shelf = 'resources'").fetchall()
    database.close()
    assert all("adminPassword" not in json.dumps(row) for row in rows)
