"""Chat commands: signed, accepted once, carried out with the rights of their sender, and answered."""

import itertools
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from dormouse.access.signatures import hub_signature, slack_signature
from local.plain_http import NO_TLS
from local.sandbox import CHATOPS_SECRET, NOTIFY_SECRET, SLACK_SECRET, Ground, temporary_ground
from tests.integration.chat.chats import Script, Slack, Teams, card_of, text_of
from tests.support import AzureSide, ControlPlane, until

VIEWER = "USTRANGER"
SPEED = 60.0  # the five minutes for which a signature is valid must be enough for a busy computer
BOB, CAROL = ({"id": f"29:{n}", "aadObjectId": f"0d0e5e00-0000-4000-8000-0000000000{n}"} for n in ("b0", "ca"))
numbers = itertools.count(1)


@pytest.fixture(scope="module")
def ground() -> Iterator[Ground]:
    with temporary_ground(speed=SPEED, timers=False, agents=False) as running:
        yield running


@pytest.fixture
def slack(ground: Ground, azure: AzureSide) -> Iterator[Slack]:
    with httpx.Client(base_url=ground.api, timeout=30, trust_env=False, verify=NO_TLS) as client:
        yield Slack(ground, client, azure)


@pytest.fixture
def teams(ground: Ground) -> Iterator[Teams]:
    with httpx.Client(base_url=ground.api, timeout=30, trust_env=False, verify=NO_TLS) as client:
        yield Teams(ground, client)


@pytest.fixture
def script(ground: Ground) -> Iterator[Script]:
    with httpx.Client(base_url=ground.api, timeout=30, trust_env=False, verify=NO_TLS) as client:
        yield Script(ground, client)


@pytest.fixture(scope="module")
def machine(ground: Ground) -> Iterator[str]:
    """A running environment of another owner."""
    with ground.client() as client:
        ControlPlane(client).up("chat0")
        yield "chat0"


@pytest.fixture
def own() -> str:
    return f"chat-own{next(numbers)}"


def test_chat_texts_are_decoded_once_and_formatting_is_ignored(
    slack: Slack, teams: Teams, script: Script, machine: str, own: str, control_plane: ControlPlane
) -> None:
    for said in (f"status *{machine}*", f"`status {machine}`", f"status \u200b{machine}"):
        answer, later = slack.say(said)
        assert f"Accepted: status {machine}" in text_of(answer.json())
        assert f"{machine} is running" in later(1)[0]
        assert script.say(said).json()["title"] == f"{machine} is running"
        assert card_of(teams.say(said))["body"][0]["text"] == f"{machine} is running"
    spec = f"up {own} python_packages=numpy>=1.24,torch region=nowhere-1"
    answer, _ = slack.say(spec, "UUSER")
    assert f"Accepted: up {own} python_packages=numpy&gt;=1.24,torch" in text_of(answer.json()), "Slack wants it encoded"
    _, later = slack.click(f"hold {machine} 2h a <b> & c")
    later(1)
    assert control_plane.get(machine)["hold"]["reason"] == "a <b> & c"
    assert "&lt;" in script.say(f"status {machine} &lt;").json()["title"], "the generic door decodes nothing"
    for mention in (f"status <@U1|{machine}>", f"status <http://{machine}|{machine}>"):
        answer, later = slack.raw(mention)
        assert f"Accepted: status {machine}" in text_of(answer.json())


def trail(control_plane: ControlPlane, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = control_plane.client.get("/operations", params={"environment": name}).json()["value"]
    return found


def test_a_slash_command_builds_a_machine_and_returns_a_card(slack: Slack, control_plane: ControlPlane, own: str) -> None:
    first, later = slack.say(f"up {own}", "UUSER")
    assert (first.status_code, first.json()["response_type"]) == (200, "ephemeral")
    assert f"Accepted: up {own}" in text_of(first.json())
    begun, done = later(2)
    assert "up started" in begun
    assert "10 to 20 minutes" in begun
    assert "every health check passed" in done
    assert "*Price*\n0.60 USD per hour" in done
    assert f"[Stop: stop {own}]" in done
    assert f"[Keep awake for 2 hours: hold {own} 2h]" in done
    (operation,) = trail(control_plane, own)
    assert (operation["requested_by"], operation["channel"], operation["outcome"]) == ("slack:UUSER", "slack", "succeeded")
    stopped, later = slack.click(f"stop {own}", "UUSER")
    assert stopped.json() == {}
    assert "is stopped, as confirmed by Azure" in later(2)[1]
    assert control_plane.get(own)["state"] == "stopped"
    _, later = slack.say(f"delete {own}", "UUSER")
    (sure,) = later(1)
    assert f"[Delete {own}: delete {own} yes]" in sure
    assert control_plane.get(own)["state"] == "stopped", "nothing is deleted without confirmation"
    _, later = slack.click(f"delete {own} yes", "UUSER")
    assert "nothing is left" in later(2)[1]


def test_every_chat_command_gets_its_reply(slack: Slack, machine: str) -> None:
    for said, answered in (
        (f"status {machine}", f"{machine} is running"),
        ("status", f"{machine}: running"),
        (f"hold {machine} 2h a long run", "stays awake"),
        (f"status {machine}", "*Hold*\nuntil"),
        (f"hold {machine} 4 hours for training", "stays awake"),
        (f"hold {machine} 2 hours", "A longer hold by slack:UOPERATOR until"),
        (f"hold {machine} off", "was removed"),
        (f"extend {machine} 8h", "will be stopped at"),
        (f"extend {machine} off", "has no lease"),
        (f"password {machine}", "/secrets/dormouse-chat0-"),
        (f"start {machine}", f"{machine} is running"),
        ("idle", "No sweep has ended yet"),
        ("costs", "All environments have cost "),
        (f"costs {machine}", f"{machine} has cost "),
        ("sizes polandcentral gpu=a10", "Standard_NV6ads_A10_v5: 6 vCPUs, 55 GiB, 1 x NVIDIA A10, 0.59 USD/h"),
        ("sizes polandcentral gpu=a11", "There are no such sizes in polandcentral"),
        ("sizes polandcentral max_price=cheap", "`max_price` must be an amount above 0"),
        (f"up {machine} size=Standard_NC4as_T4_v3", "/size: cannot change from"),
        (f"hibernate {machine}", "its spec has no `hibernation`"),
        (f"resize {machine} Standard_NV12ads_A10_v5", "takes effect only while it is stopped"),
        (f"resize {machine} Standard_NC4as_T4_v3 restart", "different GPU drivers"),
        (f"resize {machine} Standard_NV6ads_A10_v5", f"{machine} is running"),
    ):
        _, later = slack.say(said)
        assert answered in later(1)[0], said
    first, _ = slack.say("make coffee")
    assert "I do not know the word 'make'" in text_of(first.json())
    assert "hold NAME 2h" in text_of(first.json())
    first, _ = slack.say(f"hold {machine} 2")
    assert "'2' has no unit" in text_of(first.json())
    first, later = slack.say(f"hold {machine} off")
    first, later = slack.say(f"hold {machine} 1 day for training")
    assert f"Accepted: hold {machine} 1d for training" in text_of(first.json())
    later(1)


def test_password_and_size_are_changed_from_chat(slack: Slack, control_plane: ControlPlane, own: str) -> None:
    control_plane.up(own)
    _, later = slack.say(f"rotate-password {own}")
    begun, done = later(2)
    assert f"{own}: rotate-password started" in begun
    assert f"{own} has a new password: the newest version of the secret dormouse-{own}-" in done
    _, later = slack.say(f"resize {own} Standard_NV12ads_A10_v5 restart")
    begun, done = later(2)
    assert f"{own}: resize started" in begun
    assert f"{own} has the size Standard_NV12ads_A10_v5 now and is running, and every health check passed." in done
    assert [(one["verb"], one["channel"]) for one in trail(control_plane, own)[:2]] == [
        ("resize", "slack"),
        ("rotate-password", "slack"),
    ]
    control_plane.down(own)  # the vCPUs of this subscription are few


def test_an_unknown_name_is_answered_with_suggestions(slack: Slack, control_plane: ControlPlane, machine: str) -> None:
    _, later = slack.say("stop cha")
    (answer,) = later(1)
    assert "There is no 'cha'" in answer
    assert f"[{machine}: stop {machine}]" in answer
    _, later = slack.say("stop zzz")
    assert "There is no environment like 'zzz'" in later(1)[0]
    _, later = slack.say("restart")
    assert "Restart which one?" in later(1)[0]
    assert control_plane.get(machine)["state"] == "running"


@pytest.mark.parametrize(
    "words",
    [
        "stop",
        "restart",
        "resize {} Standard_D4s_v5 restart",
        "hold {} 2h",
        "extend {} 8h",
        "delete",
        "delete {} yes",
        "password",
    ],
)
@pytest.mark.parametrize("who", [VIEWER, "UUSER"])
def test_a_command_without_permission_is_refused_and_changes_nothing(
    slack: Slack, control_plane: ControlPlane, machine: str, words: str, who: str
) -> None:
    said = words.format(machine) if "{}" in words else f"{words} {machine}"
    _, later = slack.say(said, who)
    (answer,) = later(1)
    assert "Not allowed" in answer
    assert ("your role is viewer" in answer) is (who == VIEWER)
    assert control_plane.get(machine)["state"] == "running"
    assert [each["verb"] for each in trail(control_plane, machine)] == ["provision"]


def test_an_unmapped_user_may_read(slack: Slack, machine: str) -> None:
    _, later = slack.say(f"status {machine}", VIEWER)
    assert f"{machine} is running" in later(1)[0]


@pytest.mark.parametrize(
    "spoilt",
    [
        {"secret": "another"},
        {"age": 301},
        {"age": -301},
    ],
)
def test_a_message_without_a_current_slack_signature_is_rejected(slack: Slack, machine: str, spoilt: dict[str, Any]) -> None:
    fields = {"command": "/gpu", "text": f"stop {machine}", "user_id": "UOPERATOR", "trigger_id": "t", "response_url": "x"}
    # Simulated time advances while the request is in flight: a future timestamp must be further away than that.
    age = spoilt.get("age", 0.0)
    given = {**spoilt, "age": age - 600 if age < 0 else age}
    answer = slack.post("slack", fields, **given)
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_changed_body_or_a_missing_signature_is_rejected(slack: Slack) -> None:
    assert slack.client.post("/chatops/slack", content=b"text=help").status_code == 401
    now = str(int(slack.ground.clock.seconds()))
    headers = {b"X-Slack-Request-Timestamp": now.encode(), b"X-Slack-Signature": "v0=ü".encode()}
    assert slack.client.post("/chatops/slack", content=b"text=help", headers=headers).status_code == 401
    for door in ("slack/interactions", "teams", "generic"):
        assert slack.client.post(f"/chatops/{door}", content=b"{}").status_code == 401


def test_a_repeated_message_has_no_second_effect(slack: Slack, control_plane: ControlPlane, own: str) -> None:
    reply_to = f"{slack.ground.app_environment['SLACK_HOOKS_URL']}/again/{own}"
    fields = {"text": f"up {own} region=nowhere1", "user_id": "UOPERATOR", "trigger_id": own, "response_url": reply_to}
    answers = [slack.post("slack", fields) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200] * 3
    assert "Accepted" in text_of(answers[0].json())
    assert all("already accepted" in text_of(answer.json()) for answer in answers[1:])
    assert len(slack.answers(f"/again/{own}", 2)) == 2
    until(lambda: not [row for row in slack.azure.rows("receipts") if reply_to in str(row)], "it is not forgotten")
    assert "already accepted" in text_of(slack.post("slack", fields).json()), "nor after everything has been said"
    assert len(slack.answers(f"/again/{own}", 2)) == 2


def test_replies_are_sent_only_to_slack_addresses(slack: Slack, azure: AzureSide, machine: str) -> None:
    for elsewhere in ("https://evil.example/x", "http://hooks.slack.com/x", "https://hooks.slack.com.evil.example/x", ""):
        answer, _ = slack.say(f"status {machine}", response_url=elsewhere)
        assert answer.status_code == 400
    path = "/dormouse"  # a webhook of our own that is not a reply address
    assert not [message for message in azure.messages(path) if "blocks" in str(message["body"])]


def test_the_response_url_is_in_no_history_and_is_deleted_at_the_end(
    slack: Slack, ground: Ground, azure: AzureSide, own: str
) -> None:
    secret = f"{own}-only-slack-may-know"
    reply_to = f"{ground.app_environment['SLACK_HOOKS_URL']}/{secret}"
    slack.say("status", response_url=reply_to)
    slack.answers(f"/{secret}", 1)
    until(lambda: not [row for row in azure.rows("receipts") if secret in str(row)], "the response_url is not deleted")
    files = [path for path in (ground.home / "host").rglob("*") if path.is_file()]
    assert files
    assert not [path.name for path in files if secret.encode() in path.read_bytes()]


def test_a_command_is_carried_out_even_if_slack_cannot_be_reached(
    slack: Slack, azure: AzureSide, control_plane: ControlPlane, own: str
) -> None:
    azure.spoil(kind="hooks.localhost", status=500)
    slack.say(f"up {own}")
    until(lambda: bool(trail(control_plane, own)), "nothing was started")
    azure.behave()
    assert control_plane.wait(trail(control_plane, own)[0]["id"])["outcome"] == "succeeded"


def test_transient_azure_errors_are_retried_before_the_reply(slack: Slack, azure: AzureSide, machine: str) -> None:
    azure.spoil(path="/virtualMachines/", status=503, code="ServerTimeout", times=2)
    _, later = slack.say(f"status {machine}")
    assert f"{machine} is running" in later(1)[0]
    assert [fault["spoilt"] for fault in azure.faults()] == [2]


def test_a_refusal_of_azure_is_reported_at_once_with_the_permission(slack: Slack, azure: AzureSide, machine: str) -> None:
    message = "The client does not have authorization to perform action 'Microsoft.Compute/virtualMachines/read' over scope"
    azure.spoil(path="/virtualMachines/", status=403, code="AuthorizationFailed", message=message)
    _, later = slack.say(f"status {machine}")
    (answer,) = later(1)
    assert "needs a role with the permission Microsoft.Compute/virtualMachines/read" in answer
    assert [fault["spoilt"] for fault in azure.faults()] == [1]


def test_a_teams_command_is_answered_with_a_card(teams: Teams, machine: str) -> None:
    card = card_of(teams.say(f"status {machine}"))
    assert card["body"][0]["text"] == f"{machine} is running"
    assert {"title": "State", "value": "running"} in next(
        part["facts"] for part in card["body"] if part["type"] == "FactSet"
    )
    assert "Say" not in card["body"][0]["text"]
    help_card = card_of(teams.say("help"))
    assert any("stop NAME" in part["text"] for part in help_card["body"])
    refused = card_of(teams.say(f"stop {machine}"))
    assert refused["body"][0]["text"] == "Not allowed"


def test_an_environment_created_from_teams_belongs_to_the_entra_user(
    teams: Teams, control_plane: ControlPlane, own: str
) -> None:
    assert card_of(teams.say(f"up {own}", sender=BOB))["body"][0]["text"] == f"{own}: up started"
    assert control_plane.wait(trail(control_plane, own)[0]["id"])["outcome"] == "succeeded"
    assert card_of(teams.say(f"stop {own}", sender=CAROL))["body"][0]["text"] == "Not allowed"
    assert card_of(teams.say(f"stop {own}", sender=BOB))["body"][0]["text"] == f"{own}: stop started"


@pytest.mark.parametrize(
    "spoilt", [{"secret": "YW5vdGhlcg=="}, {"age": 301}, {"timestamp": "now"}, {"timestamp": "2026-01-01T00:00:00Z"}]
)
def test_a_message_without_a_current_teams_signature_is_rejected(teams: Teams, machine: str, spoilt: dict[str, Any]) -> None:
    assert teams.say(f"stop {machine}", **spoilt).status_code == 401


def test_a_repeated_teams_activity_has_no_second_effect(teams: Teams, azure: AzureSide, machine: str) -> None:
    first = card_of(teams.say(f"status {machine}", id="the-same"))
    before = len(azure.rows("receipts"))
    assert card_of(teams.say(f"status {machine}", id="the-same")) == first
    assert len(azure.rows("receipts")) == before
    assert teams.say("status", sender={}).status_code == 400


def test_a_script_sends_the_same_commands_as_json(script: Script, machine: str) -> None:
    answer = script.say(f"hold {machine} 1h nightly").json()
    assert answer["title"] == f"{machine} stays awake"
    assert answer["next"] == [{"title": "Remove hold", "say": f"hold {machine} off", "url": None}]
    assert script.say(f"hold {machine} off").json()["title"] == f"The hold on {machine} was removed"
    assert script.say("status").json()["lines"]
    assert script.say(f"stop {machine}", "somebody").json()["title"] == "Not allowed"


def test_a_script_request_needs_a_signature_and_all_fields(script: Script) -> None:
    assert script.say("status", secret="another").status_code == 401
    assert script.say("status", age=301).status_code == 401
    assert script.send(b"not json").status_code == 400
    faults = script.say("status", id="short", extra=1, user="a b").json()["errors"]
    assert {fault["pointer"] for fault in faults} == {"/id", "/extra", "/user"}
    assert script.send(b"x" * (64 * 1024 + 1)).status_code == 413


def test_slack_ssl_checks_and_closed_views_are_acknowledged(slack: Slack) -> None:
    assert slack.post("slack", {"ssl_check": "1"}).status_code == 200
    assert slack.post("slack/interactions", {"payload": '{"type": "view_closed"}'}).json() == {}
    assert slack.post("slack/interactions", {"payload": "no json"}).status_code == 400
    assert slack.post("slack", {"text": "status"}).status_code == 400
    assert SLACK_SECRET not in slack.post("slack", {"text": "status"}).text


def test_a_chat_endpoint_without_a_secret_is_disabled() -> None:
    shut = {"SLACK_SIGNING_SECRET": "", "TEAMS_WEBHOOK_SECRET": "", "CHATOPS_SECRET": ""}
    with (
        temporary_ground(
            speed=SPEED,
            timers=False,
            agents=False,
            settings=shut,
        ) as ground,
        httpx.Client(base_url=ground.api, timeout=30, trust_env=False, verify=NO_TLS) as client,
    ):
        now = str(int(ground.clock.seconds()))
        signed = {"X-Slack-Request-Timestamp": now, "X-Slack-Signature": slack_signature("", now, b"text=status")}
        assert client.post("/chatops/slack", content=b"text=status", headers=signed).status_code == 401
        assert Teams(ground, client).say("status", secret="").status_code == 401
        assert Script(ground, client).say("status", secret="").status_code == 401


def test_webhook_notifications_are_signed(slack: Slack, azure: AzureSide, own: str) -> None:
    _, later = slack.say(f"up {own}")
    later(2)
    until(lambda: any(told["body"]["name"] == own for told in azure.messages("/dormouse")), "no notification was sent")
    (told,) = [told for told in azure.messages("/dormouse") if told["body"]["name"] == own]
    assert told["body"]["event"] == "provision done"
    sent = json.dumps(told["body"]).encode()
    assert told["headers"]["x-hub-signature-256"] == hub_signature(NOTIFY_SECRET, sent)


def test_a_timestamp_without_a_time_zone_is_rejected(teams: Teams) -> None:
    assert teams.say("help", timestamp=f"{teams.ground.clock.now():%Y-%m-%dT%H:%M:%S}").status_code == 401


def test_the_same_activity_id_in_another_conversation_is_another_message(teams: Teams, machine: str) -> None:
    here = card_of(teams.say(f"status {machine}", id="twin", conversation={"id": "19:here"}))
    there = card_of(teams.say("status nobody-like-this", id="twin", conversation={"id": "19:there"}))
    assert here["body"][0]["text"] != there["body"][0]["text"]


def test_a_machine_cannot_be_started_while_it_is_being_stopped(
    slack: Slack, azure: AzureSide, control_plane: ControlPlane, own: str
) -> None:
    control_plane.up(own)
    azure.hold_up("POST", "/deallocate", times=1)
    stop = control_plane.post(own, "stop").json()["operation"]
    _, later = slack.say(f"start {own}")
    assert f"The environment is busy*\nOperation {stop} is running on environment {own}" in later(1)[0]
    _, later = slack.say(f"up {own} allow_from=198.51.100.0/24")
    assert "The environment is busy" in later(1)[0], "the request is answered"
    assert "is stopped" in str(control_plane.wait(stop)["reason"])


def test_a_failed_reply_to_slack_is_retried(slack: Slack, azure: AzureSide, machine: str) -> None:
    azure.spoil(kind="hooks.localhost", status=500, times=2)
    _, later = slack.say(f"restart {machine}")
    assert "was restarted" in later(2)[1]


def test_the_final_reply_is_sent_even_if_the_first_reply_failed(slack: Slack, azure: AzureSide, machine: str) -> None:
    azure.spoil(kind="hooks.localhost", status=500, times=3)  # as often as the first reply is attempted
    _, later = slack.say(f"restart {machine}")
    (end,) = later(1)
    assert "was restarted" in end
    until(lambda: not [row for row in azure.rows("receipts") if "/commands/" in str(row)], "the response_url is not deleted")


def test_failed_notifications_are_retried_per_channel(slack: Slack, azure: AzureSide, own: str) -> None:
    azure.spoil(kind="hooks.localhost", path="/dormouse", status=500, times=2)
    _, later = slack.say(f"up {own}")
    later(2)
    until(
        lambda: bool([told for told in azure.messages("/dormouse") if told["body"]["name"] == own]),
        "no notification was sent",
    )
    assert len([told for told in azure.messages("/dormouse") if told["body"]["name"] == own]) == 1


def test_the_reply_reports_a_lasting_azure_outage(slack: Slack, azure: AzureSide, machine: str) -> None:
    azure.spoil(path="/virtualMachines/", status=503, code="ServerTimeout")
    _, later = slack.say(f"status {machine}")
    (answer,) = later(1)
    assert "The command failed" in answer
    assert "CloudUnavailable" not in answer


def test_the_idempotency_key_of_an_earlier_message_does_not_replace_a_signature(
    script: Script, azure: AzureSide, machine: str
) -> None:
    body = json.dumps(
        {"id": "once-and-never-again", "at": script.now, "user": "operator", "text": f"status {machine}"}
    ).encode()
    key = {"Idempotency-Key": "somebody-has-read-it"}
    signed = {"X-Hub-Signature-256": hub_signature(CHATOPS_SECRET, body), **key}
    assert script.client.post("/chatops/generic", content=body, headers=signed).status_code == 200
    assert script.client.post("/chatops/generic", content=body, headers=key).status_code == 401
    before = len(azure.rows("receipts"))
    for number in range(5):
        script.client.post("/snooze/nothing", headers={"Idempotency-Key": f"nobody-{number}"})
    assert len(azure.rows("receipts")) == before


def test_a_button_click_with_a_foreign_response_url_is_rejected(
    slack: Slack, control_plane: ControlPlane, machine: str
) -> None:
    click: dict[str, Any] = {"type": "block_actions", "user": {"id": "UOPERATOR"}, "trigger_id": "t9"}
    payload = {**click, "response_url": "https://evil.example/x", "actions": [{"value": f"hold {machine} 2h"}]}
    assert slack.post("slack/interactions", {"payload": json.dumps(payload)}).status_code == 400
    assert control_plane.get(machine)["hold"] is None


def test_an_owner_can_change_an_environment_from_chat_and_http(
    ground: Ground, teams: Teams, control_plane: ControlPlane, own: str
) -> None:
    assert card_of(teams.say(f"up {own}", sender=BOB))["body"][0]["text"] == f"{own}: up started"
    built = control_plane.wait(trail(control_plane, own)[0]["id"])
    assert built["outcome"] == "succeeded", built["reason"]
    with ground.simulation() as simulation:
        asked = {"name": "bob", "roles": ["user"], "claims": {"oid": BOB["aadObjectId"]}}
        token = simulation.post("/people/token", json=asked).json()["access_token"]
    headers = {"x-functions-key": ground.key, "Authorization": f"Bearer {token}"}
    spec = {key: value for key, value in control_plane.get(own)["spec"].items() if key != "owner" and value is not None}
    changed = httpx.put(
        f"{ground.api}/environments/{own}", json={**spec, "allow_from": ["198.51.100.0/24"]}, headers=headers, timeout=30
    )
    assert changed.status_code == 202, changed.text
    assert control_plane.wait(changed.json()["operation"])["outcome"] == "succeeded"
    assert control_plane.get(own)["owner"] == f"teams:{BOB['aadObjectId']}"
    assert card_of(teams.say(f"up {own} allow_from=198.51.100.0/25", sender=BOB))["body"][0]["text"] == f"{own}: up started"
