"""Build agents: machines that are agents in a pool of Azure Pipelines, from their registration to their deletion."""

import base64
import gzip
import json
import sqlite3
from typing import Any

import pytest

from local.sandbox import Ground
from tests.integration.environments.test_secrets import everything_written
from tests.support import ROOT, AzureSide, ControlPlane

SPEC: dict[str, Any] = json.loads((ROOT / "examples" / "build-agent.json").read_text())
ONE = {**SPEC, "count": 1}
POOL, TOKEN, SECRET = SPEC["pool"], "tok-EXAMPLE-123", SPEC["token_secret"]
MANAGE, READ = ["read", "manage"], ["read"]
ROLE, GROUP = "Microsoft.Authorization/roleAssignments", "Microsoft.Resources/resourceGroups"
TAKES_CARE = {"outcome": "succeeded", "leftovers": []}


class Pipelines:
    """One organization with one pool, as its people see it."""

    def __init__(self, azure: AzureSide, organization: str = "contoso", secret: str = SECRET) -> None:
        self._client, self.organization, self.secret = azure.client, organization, secret
        self.set_up()

    @property
    def where(self) -> dict[str, str]:
        return {"organization": self.organization, "pool": POOL}

    def set_up(
        self,
        *,
        scopes: list[str] | None = None,
        member: bool = False,
        pools: list[str] | None = None,
        identities: tuple[str, ...] = (),
    ) -> None:
        """The organization with a token of these scopes; `member`: the identity of the control plane is a user."""
        tokens = {TOKEN: {"scopes": scopes or MANAGE}}
        users = {"member": member, "identities": identities}
        body = {"name": self.organization, "pools": pools or [POOL], "tokens": tokens, **users}
        self._client.put("/pipelines/organizations", json=body).raise_for_status()
        self.store(TOKEN, self.organization, self.secret)

    def store(self, token: str, organization: str = "contoso", name: str = SECRET) -> None:
        tags = {"dormouse-organization": organization}
        self._client.post("/secrets/store", json={"name": name, "value": token, "tags": tags}).raise_for_status()

    def expire(self, *, member: bool = False) -> None:
        body = {"name": self.organization, "pools": [POOL], "tokens": {}, "member": member}
        self._client.put("/pipelines/organizations", json=body).raise_for_status()

    def agents(self, environment: str) -> dict[str, dict[str, Any]]:
        found = self._client.get("/pipelines/agents", params=self.where).raise_for_status().json()["value"]
        return {one["name"]: one for one in found if one["name"].startswith(f"{environment}-")}

    def states(self, environment: str) -> dict[str, tuple[str, bool]]:
        return {name: (one["status"], one["enabled"]) for name, one in self.agents(environment).items()}

    def queue(self) -> int:
        number = self.ask()
        assert "assignTime" in self.job(number), "no agent is free"
        return number

    def ask(self, *demands: str, permitted: bool = True) -> int:
        """Queue a job, which may have to wait for an agent."""
        body = {**self.where, "demands": demands, "permitted": permitted}
        return int(self._client.post("/pipelines/jobs", json=body).raise_for_status().json()["requestId"])

    def requests(self) -> int:
        return int(self._client.get("/calls").raise_for_status().json().get("devops.localhost", 0))

    def job(self, number: int) -> dict[str, Any]:
        jobs = self._client.get("/pipelines/jobs").raise_for_status().json()["value"]
        return next(job for job in jobs if job["requestId"] == number)

    def finish(self, number: int) -> None:
        self._client.post("/pipelines/jobs/finish", json={"id": number}).raise_for_status()

    def cut(self, agent: str) -> None:
        self._client.post("/pipelines/cut", json={**self.where, "agent": agent}).raise_for_status()

    def remove(self, agent: str) -> None:
        body = {**self.where, "agent": agent}
        self._client.request("DELETE", "/pipelines/agents", json=body).raise_for_status()

    def take(self, agent: str, **capabilities: str) -> None:
        body = {**self.where, "agent": agent, "capabilities": capabilities}
        self._client.post("/pipelines/agents", json=body).raise_for_status()


@pytest.fixture
def pipelines(azure: AzureSide) -> Pipelines:
    return Pipelines(azure)


def steps_of(operation: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {step["name"]: step for step in operation["steps"]}


def roles_on_the_token(azure: AzureSide) -> list[str]:
    scope = f"/secrets/{SECRET}/providers/"
    return [one["name"] for one in azure.everything() if one["type"] == ROLE and scope in one["id"]]


def gone(azure: AzureSide, pipelines: Pipelines, name: str) -> bool:
    return not azure.resources(name) and not pipelines.agents(name)


def test_two_agents_register_themselves_and_take_jobs(
    control_plane: ControlPlane, azure: AzureSide, pipelines: Pipelines, name: str
) -> None:
    roles = len(roles_on_the_token(azure))
    operation = control_plane.up(name, SPEC)
    assert pipelines.states(name) == {f"{name}-1": ("online", True), f"{name}-2": ("online", True)}
    checks = {check["name"]: check["result"] for check in operation["health_checks"]}
    wanted = ("cloud-init", "setup", "gpu", "docker", "container-gpu", "pipelines")
    assert checks == {f"vm-{number} {check}": "passed" for number in (1, 2) for check in wanted}
    seen = control_plane.get(name)
    assert (seen["state"], seen["ready"], len(seen["endpoints"])) == ("running", True, 2)
    assert len(roles_on_the_token(azure)) == roles + 2, "each machine may read one secret"
    number = pipelines.queue()
    pipelines.finish(number)
    assert control_plane.put(name, SPEC).status_code == 200, "nothing is to be changed"
    deleted = control_plane.down(name)
    assert {field: deleted[field] for field in TAKES_CARE} == TAKES_CARE
    assert gone(azure, pipelines, name)
    assert len(roles_on_the_token(azure)) == roles


def test_agents_of_machines_that_were_deleted_by_hand_or_evicted_are_deleted_with_their_environment(
    control_plane: ControlPlane, azure: AzureSide, pipelines: Pipelines, name: str
) -> None:
    control_plane.up(name, {**SPEC, "priority": "spot"})
    (first, second) = sorted(azure.of_type(name, "Microsoft.Compute/virtualMachines"), key=lambda one: str(one["name"]))
    azure.client.post("/resources/vanish", json={"id": first["id"]}).raise_for_status()
    azure.client.post("/machines/evict", json={"id": second["id"]}).raise_for_status()
    assert pipelines.states(name) == {f"{name}-1": ("offline", True), f"{name}-2": ("offline", True)}
    deleted = control_plane.down(name)
    assert (deleted["outcome"], deleted["leftovers"]) == ("succeeded", []), deleted["reason"]
    assert gone(azure, pipelines, name)


@pytest.mark.parametrize("before", [True, False])
def test_an_agent_that_is_deleted_already_is_no_reason_to_fail(
    control_plane: ControlPlane, azure: AzureSide, pipelines: Pipelines, name: str, *, before: bool
) -> None:
    control_plane.up(name, ONE)
    if before:
        pipelines.remove(f"{name}-1")
    else:
        azure.spoil(method="DELETE", path="/agents/", effect="lose", times=1)
    deleted = control_plane.down(name)
    assert deleted["outcome"] == "succeeded", deleted["reason"]
    assert gone(azure, pipelines, name)


def test_a_machine_that_is_built_again_registers_itself_again(
    control_plane: ControlPlane, azure: AzureSide, pipelines: Pipelines, name: str
) -> None:
    control_plane.up(name, ONE)
    azure.vanish(name, "virtualMachines")
    control_plane.up(name, ONE)
    assert pipelines.states(name) == {f"{name}-1": ("online", True)}
    assert control_plane.down(name)["outcome"] == "succeeded"
    assert gone(azure, pipelines, name)


def test_a_name_that_somebody_else_has_in_the_pool_is_refused_with_its_date(
    control_plane: ControlPlane, azure: AzureSide, pipelines: Pipelines, name: str
) -> None:
    pipelines.take(f"{name}-2")
    operation = control_plane.provision(name, SPEC)
    assert operation["outcome"] == "refused"
    created = pipelines.agents(name)[f"{name}-2"]["createdOn"]
    assert f"has an agent {name}-2 already, created on {created}" in operation["reason"]
    assert azure.resources(name) == []
    assert list(pipelines.agents(name)) == [f"{name}-2"], "it is left alone"


@pytest.mark.parametrize(
    ("set_up", "words"),
    [
        ({"pools": ["Default"]}, f"no agent pool {POOL}"),
        ({"token": "tok-of-nobody"}, "does not accept the token"),
        ({"organization": "fabrikam"}, "it needs the tag dormouse-organization with the value contoso"),
    ],
    ids=["pool not found", "token not accepted", "token not meant for it"],
)
def test_what_cannot_work_is_refused_before_anything_is_built(
    control_plane: ControlPlane, azure: AzureSide, pipelines: Pipelines, name: str, set_up: dict[str, Any], words: str
) -> None:
    if "pools" in set_up:
        pipelines.organization = "northwind"
        pipelines.set_up(pools=set_up["pools"])
        words = words.replace("contoso", "northwind")
    secret = f"token-of-{name}"
    organization = set_up.get("organization", pipelines.organization)
    pipelines.store(set_up.get("token", TOKEN), organization, secret)
    spec = {**ONE, "organization": f"https://dev.azure.com/{pipelines.organization}", "token_secret": secret}
    operation = control_plane.provision(name, spec)
    assert (operation["outcome"], words in operation["reason"]) == ("refused", True), operation["reason"]
    assert azure.resources(name) == []


def test_a_secret_that_does_not_exist_is_refused(control_plane: ControlPlane, pipelines: Pipelines, name: str) -> None:
    operation = control_plane.provision(name, {**ONE, "token_secret": "no-such-secret"})
    assert operation["outcome"] == "refused"
    assert "The key vault has no secret no-such-secret" in operation["reason"]


def test_a_registration_that_is_refused_rolls_everything_back_and_says_why(
    control_plane: ControlPlane, azure: AzureSide, pipelines: Pipelines, name: str
) -> None:
    """The token may read the pool, so that nothing shows before the machine tries."""
    pipelines.set_up(scopes=READ)
    roles = len(roles_on_the_token(azure))
    operation = control_plane.provision(name, ONE)
    assert (operation["outcome"], operation["leftovers"]) == ("failed", [])
    assert f"needs Manage permissions for pool {POOL}" in operation["reason"]
    assert gone(azure, pipelines, name)
    assert len(roles_on_the_token(azure)) == roles


def test_a_machine_that_has_never_registered_is_deleted_with_its_environment(
    control_plane: ControlPlane, azure: AzureSide, pipelines: Pipelines, name: str
) -> None:
    pipelines.set_up(scopes=READ)
    azure.spoil(method="DELETE", kind=GROUP, path=f"rg-dormouse-{name}", code="ScopeLocked", times=1)
    assert control_plane.provision(name, ONE)["outcome"] == "failed"
    assert len(azure.of_type(name, "Microsoft.Compute/virtualMachines")) == 1, "the rollback did not succeed"
    assert pipelines.agents(name) == {}
    deleted = control_plane.down(name)
    assert (deleted["outcome"], deleted["leftovers"]) == ("succeeded", []), deleted["reason"]
    assert gone(azure, pipelines, name)


def test_an_agent_that_has_registered_before_its_operation_failed_is_deleted_too(
    control_plane: ControlPlane, azure: AzureSide, pipelines: Pipelines, name: str
) -> None:
    azure.spoil(effect="fail", method="PUT", path="/extensions/registration", code="VMExtensionProvisioningError")
    operation = control_plane.provision(name, ONE)
    assert (operation["outcome"], operation["leftovers"]) == ("failed", []), operation["reason"]
    assert "agent-1" not in {one for one, step in steps_of(operation).items() if step["state"] == "done"}
    assert gone(azure, pipelines, name)


def test_a_token_that_has_expired_is_no_obstacle_where_the_control_plane_is_a_user_of_the_organization(
    control_plane: ControlPlane, azure: AzureSide, pipelines: Pipelines, name: str
) -> None:
    control_plane.up(name, ONE)
    pipelines.expire(member=True)
    deleted = control_plane.down(name)
    assert deleted["outcome"] == "succeeded", deleted["reason"]
    assert gone(azure, pipelines, name)


def test_a_token_that_has_expired_makes_a_deletion_fail_until_there_is_a_new_one(
    control_plane: ControlPlane, azure: AzureSide, pipelines: Pipelines, name: str
) -> None:
    control_plane.up(name, ONE)
    pipelines.expire()
    deleted = control_plane.down(name)
    assert deleted["outcome"] == "failed"
    assert "does not accept the token" in deleted["reason"]
    pipelines.set_up()
    assert control_plane.down(name)["outcome"] == "succeeded"
    assert gone(azure, pipelines, name)


def test_the_token_is_in_no_history_log_record_answer_or_custom_data(
    control_plane: ControlPlane, ground: Ground, pipelines: Pipelines, name: str
) -> None:
    accepted = control_plane.put(name, ONE)
    operation = control_plane.wait(accepted.json()["operation"])
    assert operation["outcome"] == "succeeded", operation["reason"]
    paths = (f"/environments/{name}", "/environments", "/operations", f"/operations/{operation['id']}")
    answers = "".join(control_plane.client.get(path).text for path in paths)
    places = {**everything_written(ground.home), "answers": answers.encode(), "azure": of_azure(ground)}
    for text in (TOKEN.encode(), base64.b64encode(TOKEN.encode()), base64.b64encode(f":{TOKEN}".encode())):
        assert [place for place, content in places.items() if text in content] == []
    assert any(SECRET.encode() in content for content in places.values()), "the search finds its name"
    assert control_plane.down(name)["outcome"] == "succeeded"


def of_azure(ground: Ground) -> bytes:
    """What the simulated Azure keeps, apart from the vault and from Azure DevOps itself; custom data is decoded."""
    database = sqlite3.connect(ground.home / "azure.sqlite")
    query = "SELECT document FROM documents WHERE shelf NOT IN ('secrets', 'deleted secrets', 'pipelines organizations')"
    rows = [json.loads(row[0]) for row in database.execute(query).fetchall()]
    database.close()
    data = [gzip.decompress(base64.b64decode(row["_custom_data"])) for row in rows if row.get("_custom_data")]
    assert data, "machines have custom data"
    return b"\n".join([json.dumps(rows).encode(), *data])
