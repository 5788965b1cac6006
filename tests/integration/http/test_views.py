"""No view shows viewers what they may not see, and reads that cost Azure calls are rate limited."""

import json
from collections.abc import Iterator

import httpx
import pytest

from local.sandbox import Ground, temporary_ground
from tests.fleet import FleetSide, machine
from tests.integration.http.test_roles import People
from tests.integration.idle.test_heartbeats import beat, send, token
from tests.support import AzureSide, ControlPlane


@pytest.fixture
def people(ground: Ground) -> Iterator[People]:
    with ground.simulation() as simulation:
        yield People(ground.api, ground.key, simulation)


def test_the_secret_name_is_shown_only_to_callers_who_may_read_it(
    people: People, control_plane: ControlPlane, azure: AzureSide, name: str
) -> None:
    def ask(method: str, path: str, who: str, role: str, body: object = None) -> httpx.Response:
        return people.ask(method, path, people.token(who, role), body)  # tokens of an hour end while the machine is built

    body = {"blueprint": "workstation", "region": "polandcentral", "allow_from": ["203.0.113.7/32"]}
    control_plane.follow(ask("PUT", f"environments/{name}", "alice", "user", body))
    secret = azure.secrets(name)[0]
    views = [f"environments/{name}", "environments?limit=200", f"operations?environment={name}"]
    for other in (("vera", "viewer"), ("bob", "user")):
        assert ask("GET", f"environments/{name}/password", *other).status_code == 403
        for path in views:
            answer = ask("GET", path, *other)
            assert (answer.status_code, f"/secrets/{secret}" in answer.text) == (200, False), path
        assert ask("GET", views[0], *other).json()["secrets"] is None
    for allowed in (("alice", "user"), ("olga", "operator")):
        (shown,) = ask("GET", views[0], *allowed).json()["secrets"]
        assert (shown["name"], shown["uri"].rsplit("/", 2)[1:]) == ("password", ["secrets", secret])
    control_plane.down(name)


def test_a_leftover_secret_is_not_named_to_viewers(
    people: People, control_plane: ControlPlane, azure: AzureSide, name: str
) -> None:
    control_plane.up(name)
    secret = azure.secrets(name)[0]
    azure.spoil(method="DELETE", path=f"/secrets/{secret}", status=403, code="Forbidden", times=50)
    ended = control_plane.down(name)
    azure.behave()
    assert any(secret in leftover for leftover in ended["leftovers"])
    viewer = people.token("vera", "viewer")
    for path in (f"operations/{ended['id']}", f"operations?environment={name}"):
        answer = people.ask("GET", path, viewer)
        assert (answer.status_code, secret in answer.text, "(hidden)" in answer.text) == (200, False, True)
    control_plane.down(name)


@pytest.mark.parametrize(("verb", "body"), [("hold", {"for": "2h"}), ("extend", {"for": "2h"}), ("hold", {"for": 0})])
def test_an_environment_being_deleted_cannot_be_held_or_extended(
    verb: str, body: dict[str, object], control_plane: ControlPlane, azure: AzureSide, name: str
) -> None:
    control_plane.up(name)
    machine_id = azure.of_type(name, "Microsoft.Compute/virtualMachines")[0]["id"]
    azure.hold_up("DELETE", f"/resourcegroups/rg-dormouse-{name}")
    deletion = control_plane.delete(name).json()["operation"]
    for path, more in ((f"/environments/{name}/{verb}", {}), (f"/machines/{verb}", {"machine": machine_id})):
        for query in ("", "?dry_run=true"):
            answer = control_plane.client.post(f"{path}{query}", json={**body, **more})
            assert (answer.status_code, answer.json().get("operation")) == (409, deletion), answer.text
            assert answer.headers["Location"].endswith(f"/api/operations/{deletion}")
    azure.behave()


def until_refused(client: httpx.Client, path: str) -> httpx.Response:
    """The first refusal: on a busy computer, a request may come late enough to be answered."""
    answers = (client.get(path) for _ in range(20))
    return next(answer for answer in answers if answer.status_code == 429)


def test_reads_are_rate_limited_before_azure_throttles() -> None:
    with temporary_ground(speed=1, timers=False, agents=False) as ground, ground.client() as client:
        statuses = [client.get("/environments/none").status_code for _ in range(150)]
        assert set(statuses) == {404, 429}
        assert 60 <= statuses.count(404) < 140
        refused = until_refused(client, "/blueprints/workstation?region=r1x")
        assert int(refused.headers["Retry-After"]) >= 1
        assert client.get("/operations").status_code == 200
        assert client.get("/environments").status_code == 200, "commands and lists have a pace of their own"


def test_excessive_heartbeats_are_rejected_before_records_are_read(fleet: FleetSide) -> None:
    fleet.load(mine=machine(agent=False), other=machine(agent=False))
    own, others = token(fleet, "mine"), token(fleet, "other")
    with httpx.Client(trust_env=False) as quick:
        headers = {"Authorization": f"Bearer {own}", "Content-Type": "application/json"}
        content = json.dumps(beat(fleet, "mine")).encode()
        url = f"{fleet.control_plane.base_url}heartbeats"
        answers = [quick.post(url, content=content, headers=headers) for _ in range(150)]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert {answer.status_code for answer in answers} == {200, 429}
    assert len(refused) > 20
    assert int(refused[0].headers["Retry-After"]) >= 1
    assert send(fleet, beat(fleet, "other"), others).status_code == 200
