"""Every route with every role, on own and on foreign environments."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from dormouse.access.roles import Permission
from dormouse.http.routes import ROUTES
from local.plain_http import NO_TLS
from local.sandbox import Ground, temporary_ground
from tests.integration.chat.chats import Script
from tests.integration.environments.test_data_science import SPEC as DATA_SCIENCE
from tests.support import WORKSTATION, AzureSide, ControlPlane

ROLES = ("none", "viewer", "user", "operator", "admin")
MINE, THEIRS = "mine", "theirs"
# The minimal valid bodies; anything else is rejected before anything is done.
BODIES: dict[str, dict[str, Any]] = {
    "environments/{name}/resize": {"size": "Standard_NV6ads_A10_v5"},
    "environments/{name}/promote-image": {"image": "trainer:1.4"},
    "environments/{name}/hold": {"for": "1h"},
    "environments/{name}/extend": {"for": "1h"},
    "machines/hold": {"machine": "x", "for": "1h"},
    "machines/extend": {"machine": "x", "for": "1h"},
    "machines/activity": {"reports": [{"environment": "nowhere", "busy_until": None}]},
    "machines/adopt": {"machine": "x"},
    "machines/release": {"machine": "x"},
    "sweeps": {"dry_run": True},
}
ENOUGH = {
    Permission.LOOK: {"viewer", "user", "operator", "admin"},
    Permission.REPORT: {"operator", "admin"},  # users on their own, below
    Permission.OWN: {"user", "operator", "admin"},
    Permission.OPERATE: {"operator", "admin"},
}
CLOSED = [route for route in ROUTES if route.permission is not Permission.NOTHING]


@dataclass(slots=True)
class People:
    """Tokens of users, and requests in their names."""

    api: str
    key: str
    simulation: httpx.Client

    def token(self, name: str, *roles: str, **more: Any) -> str:
        body = {"name": name, "roles": list(roles), **more}
        return str(self.simulation.post("/people/token", json=body).raise_for_status().json()["access_token"])

    def ask(self, method: str, path: str, token: str, body: Any = None) -> httpx.Response:
        headers = {"x-functions-key": self.key, "Authorization": f"Bearer {token}"}
        url = f"{self.api}/{path}"
        return httpx.request(method, url, headers=headers, json=body, timeout=30, trust_env=False, verify=NO_TLS)


@pytest.fixture(scope="module")
def people(ground: Ground) -> Iterator[People]:
    with ground.simulation() as simulation:
        yield People(ground.api, ground.key, simulation)


@pytest.fixture(scope="module")
def two(people: People, ground: Ground) -> Iterator[dict[str, str]]:
    """An environment of Alice's and one of Bob's."""
    with ground.client() as client:
        plane = ControlPlane(client)
        for name, owner in (("ours1", "alice"), ("ours2", "bob")):
            accepted = people.ask("PUT", f"environments/{name}", people.token(owner, "user"), WORKSTATION)
            assert accepted.status_code == 202, accepted.text
            assert plane.wait(accepted.json()["operation"])["requested_by"] == owner
        yield {MINE: "ours1", THEIRS: "ours2"}


@pytest.mark.parametrize("whose", [MINE, THEIRS])
@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("route", CLOSED, ids=[f"{route.method} {route.template}" for route in CLOSED])
def test_each_role_can_use_exactly_its_routes(
    route: Any, role: str, whose: str, people: People, two: dict[str, str]
) -> None:
    about_one = "{name}" in route.template and route.template.startswith("environments")
    path = route.template.replace("{name}", two[whose] if about_one else "workstation").replace("{id}", "nothing-01")
    if route.permission is Permission.OWN and about_one and route.method in ("POST", "PUT", "DELETE"):
        path += "?dry_run=true"
    body = WORKSTATION if route.method == "PUT" else BODIES.get(route.template, {})
    answer = people.ask(route.method, path, people.token("alice", *([] if role == "none" else [role])), body)
    foreign = route.permission is Permission.OWN and about_one and whose == THEIRS and role == "user"
    if role not in ENOUGH[route.permission] or foreign:
        assert answer.status_code == 403, answer.text
        assert answer.headers["Content-Type"] == "application/problem+json"
        problem = {key: value for key, value in answer.json().items() if key != "instance"}  # the path of the request
        assert two[THEIRS] not in str(problem)
    else:
        assert answer.status_code not in (401, 403, 500), answer.text


@pytest.mark.parametrize("whose", [MINE, THEIRS])
@pytest.mark.parametrize("role", ROLES[1:])
def test_views_say_exactly_what_the_routes_allow(role: str, whose: str, people: People, two: dict[str, str]) -> None:
    """`may` of an environment and of its machines, against a dry run of each command that any role may give."""
    token, name = people.token("alice", role), two[whose]
    said = people.ask("GET", f"environments/{name}", token).json()["may"]
    for command in ("start", "stop", "restart", "hold", "extend", "delete"):
        method, path = ("DELETE", "") if command == "delete" else ("POST", f"/{command}")
        body = BODIES.get(f"environments/{{name}}/{command}")
        allowed = people.ask(method, f"environments/{name}{path}?dry_run=true", token, body).status_code != 403
        assert (command in said) is allowed, command
    listed = people.ask("GET", f"environments?search={name}", token).json()["value"][0]["may"]
    assert listed == said
    overview = people.ask("GET", f"overview?search={name}", token).json()
    (row,) = [one for one in overview["value"] if one["environment"] == name]
    assert row["may"] == said
    me = people.ask("GET", "me", token).json()
    assert (me, me["role"]) == (overview["me"], role)
    for permission, enough in ((Permission.LOOK, ENOUGH[Permission.LOOK]), (Permission.OPERATE, ENOUGH[Permission.OPERATE])):
        assert (permission in me["permissions"]) is (role in enough)


def test_activity_is_reported_by_owners_and_by_the_app_role_for_it(people: People, two: dict[str, str]) -> None:
    def reported(token: str, *names: str) -> httpx.Response:
        body = {"reports": [{"environment": name, "busy_until": "2000-01-01T00:00:00Z"} for name in names]}
        return people.ask("POST", "machines/activity", token, body)

    alice, robot = people.token("alice", "user"), people.token("robot", "reporter")
    assert reported(alice, two[MINE]).status_code == 200
    refused = reported(alice, two[MINE], two[THEIRS], "nowhere")
    assert (refused.status_code, two[MINE] in refused.json()["detail"]) == (403, False)
    assert f"{two[THEIRS]}, nowhere" in refused.json()["detail"], "it says nothing about whether they exist"
    assert reported(people.token("vera", "viewer"), two[MINE]).status_code == 403
    said = reported(robot, two[MINE], two[THEIRS], "nowhere")
    assert (said.status_code, len(said.json()["value"]), said.json()["unknown"]) == (200, 2, ["nowhere"])
    assert people.ask("GET", "machines", robot).status_code == 403, "it allows nothing else"
    assert people.ask("POST", "machines/hold", robot, BODIES["machines/hold"]).status_code == 403


def test_the_operation_history_shows_caller_and_channel(people: People, two: dict[str, str], ground: Ground) -> None:
    with ground.client() as client:
        trail = client.get("/operations", params={"environment": two[MINE]}).json()["value"]
        assert (trail[-1]["requested_by"], trail[-1]["channel"]) == ("alice", "token")
        owner = client.get(f"/environments/{two[MINE]}").json()["owner"]
        assert owner == "alice"


def test_a_user_cannot_create_an_environment_for_another_owner(people: People) -> None:
    token = people.token("alice", "user")
    answer = people.ask("PUT", "environments/gift", token, {**WORKSTATION, "owner": "bob"})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/owner")


def test_a_user_cannot_cancel_an_operation_of_another_owner(people: People, azure: AzureSide, ground: Ground) -> None:
    azure.hold_up("PUT", "vm-slow")
    accepted = people.ask("PUT", "environments/slow1", people.token("bob", "user"), WORKSTATION)
    operation = accepted.json()["operation"]
    assert people.ask("POST", f"operations/{operation}/cancel", people.token("alice", "user")).status_code == 403
    assert people.ask("POST", f"operations/{operation}/cancel", people.token("bob", "user")).status_code == 202
    with ground.client() as client:
        assert ControlPlane(client).wait(operation)["outcome"] == "cancelled"


def test_an_invalid_token_is_rejected_even_with_a_valid_key(people: People) -> None:
    good = people.token("alice", "admin")
    claims = jwt.decode(good, options={"verify_signature": False})
    kid = jwt.get_unverified_header(good)["kid"]
    stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    secret = "whatever reads HS256 takes a public key for a secret"
    bad = {
        "unsigned": jwt.encode(claims, "", algorithm="none", headers={"kid": kid}),
        "another kind of signature": jwt.encode(claims, secret, algorithm="HS256", headers={"kid": kid}),
        "foreign key": jwt.encode(claims, stranger, algorithm="RS256", headers={"kid": kid}),
        "an unknown key": jwt.encode(claims, stranger, algorithm="RS256", headers={"kid": "other"}),
        "over": people.token("alice", "admin", expires_in=-600),
        "for another audience": people.token("alice", "admin", audience="https://management.azure.com"),
        "of another tenant": people.token("alice", "admin", claims={"iss": "https://sts.windows.net/other/"}),
        "not yet good": people.token("alice", "admin", claims={"nbf": claims["exp"] + 7200, "exp": claims["exp"] + 9000}),
        "without an object ID": people.token("alice", "admin", claims={"oid": ""}),
        "no token": "rubbish",
    }
    # The key sent along has no effect then: the token decides.
    answers = {what: people.ask("GET", "environments", token) for what, token in bad.items()}
    assert {what: answer.status_code for what, answer in answers.items() if answer.status_code != 401} == {}
    assert all(answer.headers["WWW-Authenticate"] == "Bearer" for answer in answers.values())
    assert people.ask("GET", "environments", good).status_code == 200


def test_with_http_auth_entra_a_function_key_is_not_accepted() -> None:
    with (
        temporary_ground(speed=200, timers=False, agents=False, settings={"HTTP_AUTH": "entra"}) as ground,
        ground.client() as client,
        ground.simulation() as simulation,
    ):
        refused = client.get("/environments")
        said = (refused.status_code, refused.headers.get("Content-Type"))
        assert said == (401, "application/problem+json"), ground.host.log.read_text()
        people = People(ground.api, "", simulation)
        assert people.ask("GET", "environments", people.token("alice", "viewer")).status_code == 200
        assert client.get("/health").status_code == 200


def test_a_function_key_has_the_configured_role() -> None:
    with (
        temporary_ground(speed=200, timers=False, agents=False, settings={"FUNCTION_KEY_ROLE": "viewer"}) as ground,
        ground.client() as client,
    ):
        assert client.get("/environments").status_code == 200
        assert client.put("/environments/ml1", json=WORKSTATION).status_code == 403


def test_a_caller_over_the_rate_limit_gets_429_with_retry_after() -> None:
    with (
        temporary_ground(speed=1, timers=False, agents=False, settings={"RATE_LIMIT": "2"}) as ground,
        ground.client() as client,
        ground.simulation() as simulation,
    ):
        answers = [client.get("/environments") for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 429]
        assert answers[2].json()["title"] == "Too many requests"
        assert 1 <= int(answers[2].headers["retry-after"]) <= 30
        assert client.get("/operations").status_code == 200, "what costs no call of Azure is not counted"
        people = People(ground.api, ground.key, simulation)
        assert people.ask("GET", "environments", people.token("alice", "viewer")).status_code == 200
        script = Script(ground, client)
        assert [script.say("status").json()["title"] for _ in range(3)][2] == "Too many requests"


def test_forced_cancel_and_purge_require_the_role_admin(people: People, ground: Ground, name: str) -> None:
    with ground.client() as client, ground.simulation() as simulation:
        plane, side = ControlPlane(client), AzureSide(simulation)
        admin, operator = people.token("root", "admin"), people.token("olga", "operator")
        side.hold_up("PUT", "/virtualMachines/")
        building = plane.put(name).json()["operation"]
        plane.until_step(building, "vm", "running")
        for who, status in ((operator, 403), (admin, 202), (admin, 409)):
            assert people.ask("POST", f"operations/{building}/cancel?force=true", who).status_code == status
        ended = plane.operation(building)
        assert (ended["outcome"], ended["reason"].startswith("root ended it by force")) == ("lost", True)
        side.behave()
        secret = side.secrets(name)[0]
        assert people.ask("DELETE", f"environments/{name}?purge=true", operator).status_code == 403
        gone = plane.follow(people.ask("DELETE", f"environments/{name}?purge=true", admin))
        assert gone["outcome"] == "succeeded", gone
        assert "purge" in {step["name"] for step in gone["steps"]}
        assert side.resources(name) == []
        assert secret not in side.deleted_secrets()


def test_a_purge_that_the_vault_forbids_is_reported(people: People, ground: Ground, name: str) -> None:
    with ground.client() as client, ground.simulation() as simulation:
        plane, side = ControlPlane(client), AzureSide(simulation)
        plane.up(name)
        side.spoil(method="DELETE", path="/deletedsecrets/", status=403, code="Forbidden")
        gone = plane.follow(people.ask("DELETE", f"environments/{name}?purge=true", people.token("root", "admin")))
        side.behave()
        assert (gone["outcome"], "can still be recovered" in gone["reason"]) == ("failed", True)
        assert side.resources(name) == []
        assert client.get(f"/environments/{name}").status_code == 404


def test_a_purge_waits_until_the_password_is_deleted(people: People, ground: Ground, name: str) -> None:
    with ground.client() as client, ground.simulation() as simulation:
        plane, side = ControlPlane(client), AzureSide(simulation)
        plane.up(name)
        (secret,) = side.secrets(name)
        admin = people.token("root", "admin")
        simulation.put("/durations", json={"share": 0.99}).raise_for_status()
        try:
            gone = plane.follow(people.ask("DELETE", f"environments/{name}?purge=true", admin))
        finally:
            simulation.delete("/durations").raise_for_status()
        assert gone["outcome"] == "succeeded", gone["reason"]
        assert secret not in side.deleted_secrets()


def test_a_purge_takes_the_passwords_of_users_too_removed_ones_included(people: People, ground: Ground, name: str) -> None:
    with ground.client() as client, ground.simulation() as simulation:
        plane, side, admin = ControlPlane(client), AzureSide(simulation), people.token("root", "admin")
        plane.up(name, {**DATA_SCIENCE, "users": [{"name": "ben"}, {"name": "eve"}]})
        secrets = side.secrets(name)
        assert len(secrets) == 3
        plane.up(name, {**DATA_SCIENCE, "users": [{"name": "eve"}]})
        assert len(set(secrets) & set(side.deleted_secrets())) == 1
        gone = plane.follow(people.ask("DELETE", f"environments/{name}?purge=true", admin))
        assert gone["outcome"] == "succeeded", gone["reason"]
        assert not set(secrets) & {*side.secrets(name), *side.deleted_secrets()}


def test_a_soft_deleted_password_can_be_purged_later(people: People, ground: Ground, name: str) -> None:
    with ground.client() as client, ground.simulation() as simulation:
        plane, side, admin = ControlPlane(client), AzureSide(simulation), people.token("root", "admin")
        assert people.ask("DELETE", f"environments/{name}?purge=true", admin).status_code == 404, "there never was one"
        assert people.ask("DELETE", f"environments/{name}?purge=banana", admin).status_code == 400
        plane.up(name)
        (secret,) = side.secrets(name)
        plane.down(name)
        assert secret in side.deleted_secrets()
        operator = people.token("olga", "operator")
        assert people.ask("DELETE", f"environments/{name}?purge=true", operator).status_code == 403
        assert people.ask("DELETE", f"environments/{name}", operator).status_code == 200
        assert plane.follow(people.ask("DELETE", f"environments/{name}?purge=true", admin))["outcome"] == "succeeded"
        assert secret not in side.deleted_secrets()


def test_an_application_owns_what_it_builds(people: People, ground: Ground, name: str) -> None:
    ours = "0d0e5e00-0000-4000-8000-00000000000a"
    claims = {"preferred_username": None, "appid": "0d0e5e00-0000-4000-8000-00000000000b", "oid": ours}
    token = people.token("robot", "user", claims=claims)
    with ground.client() as client:
        plane = ControlPlane(client)
        accepted = people.ask("PUT", f"environments/{name}", token, WORKSTATION)
        assert plane.wait(accepted.json()["operation"])["outcome"] == "succeeded"
        assert plane.follow(people.ask("DELETE", f"environments/{name}", token))["outcome"] == "succeeded"


def test_an_unknown_query_parameter_is_rejected(ground: Ground, control_plane: ControlPlane, name: str) -> None:
    slip = control_plane.client.put(f"/environments/{name}", json=WORKSTATION, params={"dryrun": "true"})
    assert (slip.status_code, "'dryrun'" in slip.json()["detail"]) == (400, True)
    with httpx.Client(base_url=ground.api, trust_env=False) as client:
        assert client.get("/blueprints", params={"code": ground.key}).status_code == 200, "the host's own parameter is known"


def test_cancel_supports_dry_run(control_plane: ControlPlane, azure: AzureSide, name: str) -> None:
    azure.hold_up("PUT", "/virtualMachines/")
    building = control_plane.put(name).json()["operation"]
    would = control_plane.client.post(f"/operations/{building}/cancel", params={"dry_run": "true"})
    assert would.json() == {"operation": building, "environment": name, "verb": "provision", "force": False}
    assert control_plane.operation(building)["outcome"] is None
    assert control_plane.follow(control_plane.cancel(building))["outcome"] == "cancelled"
