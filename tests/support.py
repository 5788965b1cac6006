"""The two sides of an integration test: the control plane's HTTP API, and the simulated Azure behind it."""

import base64
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

SUBSCRIPTION = "/subscriptions/0d0e5e00-0000-4000-8000-000000000001"
ROOT = Path(__file__).resolve().parent.parent
WORKSTATION: dict[str, Any] = json.loads((ROOT / "examples" / "workstation.json").read_text())
PATIENCE, LONGEST_PAUSE = 90.0, 1.0
# What a workstation is billed for beside its machine, in USD per hour: its disk of 64 GiB and its public address.
FEES = 0.005 + 3.01 / 730
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

    def delete(self, name: str, **query: str) -> httpx.Response:
        return self.client.delete(f"/environments/{name}", params=query)

    def every_environment(self) -> list[dict[str, Any]]:
        """The whole list, over all pages."""
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
        """The accepted operation, after its end."""
        assert accepted.status_code == httpx.codes.ACCEPTED, accepted.text
        identifier = accepted.json()["operation"]
        return self.wait(identifier)

    def wait(self, identifier: str) -> dict[str, Any]:
        began = time.monotonic()
        while (waited := time.monotonic() - began) < PATIENCE:
            operation = self.operation(identifier)
            if operation["outcome"] is not None:
                return operation
            # Every request costs the host as much as a step of the operation does: poll long operations less often.
            time.sleep(min(max(0.03, waited / 12), 0.25))
        raise AssertionError(f"{identifier} has not ended: {self.operation(identifier)}")

    def until_step(self, identifier: str, step: str, *states: str) -> None:
        """Wait until a step of a running operation has one of these states."""
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
        """Build a healthy environment."""
        operation = self.provision(name, spec)
        assert operation["outcome"] == "succeeded", operation["reason"]
        return operation

    def down(self, name: str) -> dict[str, Any]:
        return self.follow(self.delete(name))


# vCPUs that no test uses up.
ROOMY = 10_000


@dataclass(slots=True)
class AzureSide:
    """Control of the simulated Azure, and its content."""

    client: httpx.Client
    changed: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def spoil(self, **fault: Any) -> None:
        self.client.post("/faults", json=fault).raise_for_status()

    def hold_up(self, method: str, path: str, *, times: int = 2) -> None:
        """Delay the operation behind a request by 400 seconds, so many times, so that a test can meet it while it runs."""
        self.spoil(method=method, path=path, status=429, code="TooManyRequests", retry_after=400, times=times)

    def faults(self) -> list[dict[str, Any]]:
        known: list[dict[str, Any]] = self._values("/faults")
        return known

    def behave(self) -> None:
        self.client.delete("/faults").raise_for_status()

    def as_before(self) -> None:
        """Take back what this test has changed for all that share the ground: limits, restrictions, rights."""
        for path, body in self.changed:
            self.client.put(path, json=body).raise_for_status()
        self.changed.clear()

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
        """Names of soft-deleted secrets."""
        found: list[str] = self._values("/secrets/deleted")
        return found

    def messages(self, path: str) -> list[dict[str, Any]]:
        """The messages posted to a webhook."""
        found: list[dict[str, Any]] = self.client.get("/messages", params={"path": path}).raise_for_status().json()["value"]
        return found

    def rows(self, table: str) -> list[dict[str, Any]]:
        """The rows of a record table."""
        found: list[dict[str, Any]] = self.client.get("/rows", params={"table": table}).raise_for_status().json()["value"]
        return found

    def lose_row(self, table: str, key: str) -> None:
        """Delete a row of the records."""
        self.client.delete("/rows", params={"table": table, "key": key}).raise_for_status()

    def write_row(self, table: str, key: str, document: str, **columns: str) -> None:
        """Write a row as another release would have."""
        body = {"table": table, "partition": table, "key": key, "document": document, "columns": columns}
        self.client.put("/rows", json=body).raise_for_status()

    def locks(self, name: str) -> list[dict[str, Any]]:
        """The locks that are held on an environment."""
        return [row for row in self.rows("locks") if row["RowKey"] == name]

    def register(self, namespace: str, state: str) -> None:
        """Set the registration of the subscription for a resource provider."""
        self.client.put("/registrations", json={"namespace": namespace, "state": state}).raise_for_status()

    def shut_down_from_inside(self, name: str) -> None:
        machine = self.of_type(name, "Microsoft.Compute/virtualMachines")[0]["id"]
        self.client.post("/machines/shutdown", json={"id": machine}).raise_for_status()

    def make_ephemeral(self, name: str) -> None:
        """Show the OS disk of the environment's machine as an ephemeral one."""
        (machine,) = self.of_type(name, "Microsoft.Compute/virtualMachines")
        machine["properties"]["storageProfile"]["osDisk"]["diffDiskSettings"] = {"option": "Local"}
        self._appear(machine)

    def inside(self, name: str) -> dict[str, Any]:
        """What is inside the machine of an environment: its accounts, and whom its hub lets in."""
        machine = self.of_type(name, "Microsoft.Compute/virtualMachines")[0]["id"]
        found: dict[str, Any] = self.client.get("/machines/inside", params={"id": machine}).raise_for_status().json()
        return found

    def shadow(self, name: str) -> str:
        """The administrator's line in /etc/shadow: account and hash; "" as long as the first password was never changed."""
        machine = self.of_type(name, "Microsoft.Compute/virtualMachines")[0]["id"]
        inside = self.client.get("/machines/inside", params={"id": machine}).raise_for_status().json()
        return str(inside["shadow"])

    def next_boot_loses(self, name: str, *parts: str) -> None:
        """At every boot from now on, the machine lacks its driver, mount, desktop or hub."""
        machine = self.of_type(name, "Microsoft.Compute/virtualMachines")[0]["id"]
        self.client.post("/machines/next-boot", json={"id": machine, "loses": parts}).raise_for_status()

    def everything(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._values("/resources")
        return found

    def vanish(self, name: str, kind: str) -> None:
        """Delete the environment's resources of a kind outside Dormouse."""
        for resource in self.resources(name):
            if resource["type"].endswith(kind):
                self.client.post("/resources/vanish", json={"id": resource["id"]}).raise_for_status()

    def found_group(self, group: str, tags: dict[str, str]) -> None:
        """Create a resource group outside Dormouse."""
        self._appear(
            {"id": f"{SUBSCRIPTION}/resourceGroups/{group}", "type": "Microsoft.Resources/resourceGroups", "tags": tags}
        )

    def found_address(self, group: str, name: str, tags: dict[str, str], **properties: Any) -> str:
        """Create a public address outside Dormouse."""
        return self.found(group, "Microsoft.Network/publicIPAddresses", name, tags, **properties)

    def found(self, group: str, kind: str, name: str, tags: dict[str, str], **properties: Any) -> str:
        """Create a resource of a kind outside Dormouse."""
        identifier = f"{SUBSCRIPTION}/resourceGroups/{group}/providers/{kind}/{name}"
        properties = {"provisioningState": "Succeeded", **properties}
        self._appear({"id": identifier, "type": kind, "tags": tags, "properties": properties})
        return identifier

    def found_network(self, identifier: str) -> None:
        """Create a virtual network with a subnet outside Dormouse."""
        subnet = {"name": "default", "id": f"{identifier}/subnets/default", "properties": {"addressPrefix": "10.9.0.0/24"}}
        properties = {"addressSpace": {"addressPrefixes": ["10.9.0.0/16"]}, "subnets": [subnet]}
        kind = "Microsoft.Network/virtualNetworks"
        given = {"etag": 'W/"1"', "properties": {"provisioningState": "Succeeded", **properties}}
        self._appear({"id": identifier, "type": kind, **given})

    def open_firewall(self, name: str) -> None:
        """Open the firewall to everyone outside Dormouse."""
        (firewall,) = self.of_type(name, "Microsoft.Network/networkSecurityGroups")
        for rule in firewall["properties"]["securityRules"]:
            rule["properties"] |= {"sourceAddressPrefix": "*", "sourceAddressPrefixes": []}
        self._appear(firewall)

    def detach_card(self, name: str) -> None:
        """Keep the network interface when its machine is deleted."""
        (card,) = self.of_type(name, "Microsoft.Network/networkInterfaces")
        card["properties"].pop("virtualMachine", None)
        self._appear(card)

    def disks(self, name: str) -> set[str]:
        return {disk["id"] for disk in self.of_type(name, "Microsoft.Compute/disks")}

    def delete_secret(self, name: str) -> None:
        """Delete a secret outside Dormouse; the vault keeps it as soft-deleted."""
        self.client.post("/secrets/delete", json={"name": name}).raise_for_status()

    def purge_secret(self, name: str) -> None:
        """Purge a soft-deleted secret permanently."""
        self.client.post("/secrets/purge", json={"name": name}).raise_for_status()

    def take_name(self, name: str) -> None:
        self.client.post("/names/take", json={"name": name}).raise_for_status()

    def permit(self, *actions: str, without: Sequence[str] = ()) -> None:
        """Set what the roles of the control plane's identity allow."""
        self.changed.append(("/permissions", {}))
        self.client.put("/permissions", json={"actions": actions, "not_actions": list(without)}).raise_for_status()

    def assign(self, *assignments: dict[str, Any]) -> None:
        """Replace the role assignments of the control plane's identity."""
        self.changed.append(("/permissions", {}))
        self.client.put("/permissions", json={"assignments": assignments}).raise_for_status()

    def checked(self) -> dict[str, bool]:
        """The actions (in lower case) that requests have needed since the last change of rights, and if all were allowed."""
        actions: dict[str, bool] = self._values("/permissions/checked")
        return actions

    def restrict(self, region: str, size: str) -> None:
        """Restrict a size in a region for the subscription."""
        self.changed.append(("/restrictions", {"region": region, "size": size, "restricted": False}))
        self.client.put("/restrictions", json={"region": region, "size": size}).raise_for_status()

    def exhaust(self, region: str, size: str, zone: str = "", **how: Any) -> None:
        """Leave no capacity for a size in a region, or in a zone of it; `code` and `constraints` say what Azure answers."""
        self.client.put("/capacity", json={"region": region, "size": size, "zone": zone, **how}).raise_for_status()

    def refill(self) -> None:
        """Give every size capacity again."""
        self.client.delete("/capacity").raise_for_status()

    def limit(self, region: str, name: str, limit: int) -> None:
        """Set a quota of the subscription."""
        self.changed.append(("/limits", {"region": region, "name": name, "limit": ROOMY}))
        self.client.put("/limits", json={"region": region, "name": name, "limit": limit}).raise_for_status()

    def _appear(self, resource: dict[str, Any]) -> None:
        self.client.post("/resources/appear", json=resource).raise_for_status()

    def _values(self, path: str) -> Any:
        return self.client.get(path).raise_for_status().json()["value"]


def until(holds: Callable[[], object], otherwise: str | Callable[[], str]) -> None:
    """Wait until a condition is true; `otherwise` says what is wrong if it does not become true."""
    began = time.monotonic()
    while True:
        asked = time.monotonic()
        if holds():
            return
        now = time.monotonic()
        assert now - began < PATIENCE, otherwise if isinstance(otherwise, str) else otherwise()
        # What takes long to check, such as what a sweep finds, keeps host and simulation busy: check it less often.
        time.sleep(max(min(max(0.02, (now - began) / 20), 0.1), min(2 * (now - asked), LONGEST_PAUSE)))


def eventually(holds: Callable[[], bool]) -> bool:
    """Whether a condition becomes true within some seconds."""
    deadline = time.monotonic() + 10
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True
