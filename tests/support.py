"""The two sides of a flow in the words of a test: the control plane's HTTP interface, and the simulated Azure behind it."""

import base64
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

SUBSCRIPTION = "/subscriptions/0d0e5e00-0000-4000-8000-000000000001"
ROOT = Path(__file__).resolve().parent.parent
WORKSTATION: dict[str, Any] = json.loads((ROOT / "examples" / "workstation.json").read_text())
PATIENCE = 90.0
SSH_KEY = "ssh-ed25519 " + base64.b64encode(b"\0\0\0\x0bssh-ed25519" + b"\0\0\0 " + bytes(range(32))).decode()


@dataclass(slots=True)
class ControlPlane:
    """What a caller with a function key can do."""

    client: httpx.Client

    def put(self, name: str, spec: dict[str, Any] | None = None, **query: str) -> httpx.Response:
        return self.client.put(f"/environments/{name}", json=WORKSTATION if spec is None else spec, params=query)

    def get(self, name: str) -> dict[str, Any]:
        content: dict[str, Any] = self.client.get(f"/environments/{name}").raise_for_status().json()
        return content

    def post(self, name: str, verb: str) -> httpx.Response:
        return self.client.post(f"/environments/{name}/{verb}")

    def delete(self, name: str) -> httpx.Response:
        return self.client.delete(f"/environments/{name}")

    def every_environment(self) -> list[dict[str, Any]]:
        """The whole list, page by page."""
        found: list[dict[str, Any]] = []
        path: str | None = "/environments?limit=7"
        while path:
            content = self.client.get(path.removeprefix("/api")).raise_for_status().json()
            found += content["value"]
            path = content["next"]
        return found

    def cancel(self, operation: str) -> httpx.Response:
        return self.client.post(f"/operations/{operation}/cancel")

    def operation(self, identifier: str) -> dict[str, Any]:
        content: dict[str, Any] = self.client.get(f"/operations/{identifier}").raise_for_status().json()
        return content

    def follow(self, accepted: httpx.Response) -> dict[str, Any]:
        """The operation that was accepted, at its end."""
        assert accepted.status_code == httpx.codes.ACCEPTED, accepted.text
        identifier = accepted.json()["operation"]
        return self.wait(identifier)

    def wait(self, identifier: str) -> dict[str, Any]:
        began = time.monotonic()
        while (waited := time.monotonic() - began) < PATIENCE:
            operation = self.operation(identifier)
            if operation["outcome"] is not None:
                return operation
            # Every question costs the host as much as a step of the operation does: ask less often what lasts longer.
            time.sleep(min(max(0.03, waited / 12), 0.25))
        raise AssertionError(f"{identifier} has not ended: {self.operation(identifier)}")

    def until_step(self, identifier: str, step: str, *states: str) -> None:
        """Wait until a step of a running operation stands so."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            steps = {item["name"]: item["state"] for item in self.operation(identifier)["steps"]}
            if steps.get(step) in states:
                return
            time.sleep(0.01)
        raise AssertionError(f"{step} of {identifier} was never {states}")

    def provision(self, name: str, spec: dict[str, Any] | None = None) -> dict[str, Any]:
        return self.follow(self.put(name, spec))

    def up(self, name: str, spec: dict[str, Any] | None = None) -> dict[str, Any]:
        """A healthy environment."""
        operation = self.provision(name, spec)
        assert operation["outcome"] == "succeeded", operation["reason"]
        return operation

    def down(self, name: str) -> dict[str, Any]:
        return self.follow(self.delete(name))


@dataclass(slots=True)
class AzureSide:
    """What the simulated Azure can be told, and what it holds."""

    client: httpx.Client

    def spoil(self, **fault: Any) -> None:
        self.client.post("/faults", json=fault).raise_for_status()

    def hold_up(self, method: str, path: str, *, times: int = 2) -> None:
        """Make the operation behind a request last long enough to be met while it runs: so many times 400 seconds."""
        self.spoil(method=method, path=path, status=429, code="TooManyRequests", retry_after=400, times=times)

    def faults(self) -> list[dict[str, Any]]:
        known: list[dict[str, Any]] = self._values("/faults")
        return known

    def behave(self) -> None:
        self.client.delete("/faults").raise_for_status()

    def resources(self, name: str) -> list[dict[str, Any]]:
        """Everything in an environment's group, the group included."""
        group = f"/resourcegroups/rg-dormouse-{name}"
        return [
            item
            for item in self.everything()
            if f"{item['id'].lower()}/".partition("/providers/")[0].rstrip("/").endswith(group)
        ]

    def of_type(self, name: str, kind: str) -> list[dict[str, Any]]:
        return [item for item in self.resources(name) if item["type"].lower() == kind.lower()]

    def secrets(self, name: str) -> list[str]:
        return [secret for secret in self._values("/secrets") if secret.startswith(f"dormouse-{name}-")]

    def deleted_secrets(self) -> list[str]:
        """Names of secrets that can still be recovered."""
        found: list[str] = self._values("/secrets/deleted")
        return found

    def messages(self, path: str) -> list[dict[str, Any]]:
        """What was posted to a webhook."""
        found: list[dict[str, Any]] = self.client.get("/messages", params={"path": path}).raise_for_status().json()["value"]
        return found

    def rows(self, table: str) -> list[dict[str, Any]]:
        """What a table of the records holds."""
        found: list[dict[str, Any]] = self.client.get("/rows", params={"table": table}).raise_for_status().json()["value"]
        return found

    def lose_row(self, table: str, key: str) -> None:
        """A row of the records is lost."""
        self.client.delete("/rows", params={"table": table, "key": key}).raise_for_status()

    def write_row(self, table: str, key: str, document: str, **columns: str) -> None:
        """Another release has written a row."""
        body = {"table": table, "partition": table, "key": key, "document": document, "columns": columns}
        self.client.put("/rows", json=body).raise_for_status()

    def locks(self, name: str) -> list[dict[str, Any]]:
        """The locks that are held on an environment."""
        return [row for row in self.rows("locks") if row["RowKey"] == name]

    def shut_down_from_inside(self, name: str) -> None:
        machine = self.of_type(name, "Microsoft.Compute/virtualMachines")[0]["id"]
        self.client.post("/machines/shutdown", json={"id": machine}).raise_for_status()

    def next_boot_loses(self, name: str, *parts: str) -> None:
        """From the next boot on the driver, the mount or the desktop of the environment's machine is gone."""
        machine = self.of_type(name, "Microsoft.Compute/virtualMachines")[0]["id"]
        self.client.post("/machines/next-boot", json={"id": machine, "loses": parts}).raise_for_status()

    def everything(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._values("/resources")
        return found

    def vanish(self, name: str, kind: str) -> None:
        """Somebody deletes the environment's resources of a kind by hand."""
        for resource in self.resources(name):
            if resource["type"].endswith(kind):
                self.client.post("/resources/vanish", json={"id": resource["id"]}).raise_for_status()

    def found_group(self, group: str, tags: dict[str, str]) -> None:
        """Somebody makes a resource group."""
        self._appear(
            {"id": f"{SUBSCRIPTION}/resourceGroups/{group}", "type": "Microsoft.Resources/resourceGroups", "tags": tags}
        )

    def found_address(self, group: str, name: str, tags: dict[str, str], **properties: Any) -> str:
        """Somebody makes a public address."""
        return self.found(group, "Microsoft.Network/publicIPAddresses", name, tags, **properties)

    def found(self, group: str, kind: str, name: str, tags: dict[str, str], **properties: Any) -> str:
        """Somebody makes a resource of a kind."""
        identifier = f"{SUBSCRIPTION}/resourceGroups/{group}/providers/{kind}/{name}"
        properties = {"provisioningState": "Succeeded", **properties}
        self._appear({"id": identifier, "type": kind, "tags": tags, "properties": properties})
        return identifier

    def found_network(self, identifier: str) -> None:
        """Somebody makes a virtual network with a subnet in it."""
        subnet = {"name": "default", "id": f"{identifier}/subnets/default", "properties": {"addressPrefix": "10.9.0.0/24"}}
        properties = {"addressSpace": {"addressPrefixes": ["10.9.0.0/16"]}, "subnets": [subnet]}
        kind = "Microsoft.Network/virtualNetworks"
        given = {"etag": 'W/"1"', "properties": {"provisioningState": "Succeeded", **properties}}
        self._appear({"id": identifier, "type": kind, **given})

    def open_firewall(self, name: str) -> None:
        """Somebody opens the firewall to everybody by hand."""
        (firewall,) = self.of_type(name, "Microsoft.Network/networkSecurityGroups")
        for rule in firewall["properties"]["securityRules"]:
            rule["properties"] |= {"sourceAddressPrefix": "*", "sourceAddressPrefixes": []}
        self._appear(firewall)

    def detach_card(self, name: str) -> None:
        """The network card outlives its machine."""
        (card,) = self.of_type(name, "Microsoft.Network/networkInterfaces")
        card["properties"].pop("virtualMachine", None)
        self._appear(card)

    def disks(self, name: str) -> set[str]:
        return {disk["id"] for disk in self.of_type(name, "Microsoft.Compute/disks")}

    def delete_secret(self, name: str) -> None:
        """Somebody deletes a secret by hand; the vault remembers it for a while."""
        self.client.post("/secrets/delete", json={"name": name}).raise_for_status()

    def purge_secret(self, name: str) -> None:
        """Somebody purges a deleted secret: it is gone for good."""
        self.client.post("/secrets/purge", json={"name": name}).raise_for_status()

    def take_name(self, name: str) -> None:
        self.client.post("/names/take", json={"name": name}).raise_for_status()

    def restrict(self, region: str, size: str) -> None:
        self.client.put("/restrictions", json={"region": region, "size": size}).raise_for_status()

    def limit(self, region: str, name: str, limit: int) -> None:
        self.client.put("/limits", json={"region": region, "name": name, "limit": limit}).raise_for_status()

    def _appear(self, resource: dict[str, Any]) -> None:
        self.client.post("/resources/appear", json=resource).raise_for_status()

    def _values(self, path: str) -> Any:
        return self.client.get(path).raise_for_status().json()["value"]


def until(holds: Callable[[], object], otherwise: str) -> None:
    """Wait until something is so."""
    began = time.monotonic()
    while not holds():
        waited = time.monotonic() - began
        assert waited < PATIENCE, otherwise
        time.sleep(min(max(0.02, waited / 20), 0.1))


def eventually(holds: Callable[[], bool]) -> bool:
    """Whether something comes true within some seconds."""
    deadline = time.monotonic() + 10
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True
