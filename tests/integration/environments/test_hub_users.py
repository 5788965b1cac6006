"""Named users of a data science machine: created, added, removed and rotated by their names, and nothing of them is left."""

import base64
import json
import sqlite3
from typing import Any

from dormouse.guest.password_change import hash_of
from local.sandbox import Ground
from tests.integration.environments.test_data_science import SPEC
from tests.integration.environments.test_secrets import everything_written, what_the_azure_side_remembers
from tests.support import AzureSide, ControlPlane


def with_users(*names: str, **more: Any) -> dict[str, Any]:
    return {**SPEC, "users": [{"name": name} for name in names], **more}


def versions_of(ground: Ground, secret: str) -> list[str]:
    """The passwords in a secret, the oldest first, from the state of the simulated vault."""
    database = sqlite3.connect(ground.home / "azure.sqlite")
    query = "SELECT json_extract(document, '$.versions') FROM documents WHERE shelf = 'secrets' AND key = ?"
    ((text,),) = database.execute(query, (secret,)).fetchall()
    database.close()
    return [str(version["value"]) for version in json.loads(text)]


def secret_of(control_plane: ControlPlane, name: str, user: str) -> str:
    """The name of the secret with the password of a user, as the command for it answers."""
    found = control_plane.client.get(f"/environments/{name}/password", params={"user": user})
    assert found.status_code == 200, found.text
    return str(found.json()["secret_uri"]).rpartition("/")[2]


def opens(azure: AzureSide, name: str, user: str, password: str) -> bool:
    """Whether a password opens the account of a named user, and the hub lets this user in."""
    inside = azure.inside(name)
    account = inside["accounts"][user]
    same = account["hash"] == hash_of(password, account["hash"].split("$")[2])
    return same and not account["locked"] and user in inside["hub_users"]


def rotate(control_plane: ControlPlane, name: str, **query: str) -> dict[str, Any]:
    return control_plane.follow(control_plane.client.post(f"/environments/{name}/rotate-password", params=query))


def states_in(operation: dict[str, Any]) -> dict[str, str]:
    return {step["name"]: step["state"] for step in operation["steps"]}


def test_users_come_and_go_in_place_with_passwords_of_their_own(
    control_plane: ControlPlane, azure: AzureSide, ground: Ground, name: str
) -> None:
    operation = control_plane.up(name, with_users("ben"))
    assert states_in(operation)["users"] == "done"
    seen = control_plane.get(name)
    ben = secret_of(control_plane, name, "ben")
    assert [(one["name"], one["username"]) for one in seen["secrets"]] == [("password", None), ("password-ben", "ben")]
    assert seen["secrets"][1]["uri"].endswith(f"/secrets/{ben}")
    administrator = secret_of(control_plane, name, "ana")
    assert seen["secrets"][0]["uri"].endswith(f"/secrets/{administrator}")
    assert control_plane.client.get(f"/environments/{name}/password").json()["secret_uri"] == seen["secrets"][0]["uri"]
    (bens,) = versions_of(ground, ben)
    assert opens(azure, name, "ben", bens)
    assert bens not in versions_of(ground, administrator)
    assert azure.inside(name)["hub_users"] == ["ana", "ben"]
    stranger = control_plane.client.get(f"/environments/{name}/password", params={"user": "eve"})
    assert (stranger.status_code, "its users are: ana, ben" in stranger.json()["detail"]) == (409, True), stranger.text
    assert control_plane.put(name, with_users("ben")).status_code == 200, "nothing would change"

    # Eve is added: the machine stays as it is, and Ben keeps his password.
    wanted = {**SPEC, "users": [{"name": "ben"}, {"name": "eve", "sudo": True}]}
    preview = control_plane.put(name, wanted, dry_run="true").json()
    actions = {one["name"]: one["action"] for one in preview["resources"] if one["action"] != "unchanged"}
    assert (preview["would"], actions) == ("change", {"password-eve": "create", "users": "update"})
    added = control_plane.up(name, wanted)
    assert (states_in(added)["vm"], states_in(added)["users"]) == ("unchanged", "done")
    eve = secret_of(control_plane, name, "eve")
    assert opens(azure, name, "eve", versions_of(ground, eve)[-1])
    assert opens(azure, name, "ben", bens)
    assert azure.inside(name)["accounts"]["eve"]["sudo"] is True

    # Ben is removed: his account is locked, and his secret is gone.
    removed = control_plane.up(name, with_users("eve"))
    assert states_in(removed)[f"delete key vault secret {ben}"] == "done"
    assert azure.inside(name)["hub_users"] == ["ana", "eve"]
    assert not opens(azure, name, "ben", bens)
    assert azure.inside(name)["accounts"]["eve"]["sudo"] is False
    assert sorted(azure.secrets(name)) == sorted([administrator, eve])
    assert [one["username"] for one in control_plane.get(name)["secrets"]] == [None, "eve"]

    # He comes back with another password.
    control_plane.up(name, with_users("ben", "eve"))
    again = secret_of(control_plane, name, "ben")
    assert again != ben
    assert opens(azure, name, "ben", versions_of(ground, again)[-1])
    assert versions_of(ground, again) != [bens]

    # The last ones go, and nothing is left after the deletion.
    control_plane.up(name, with_users())
    assert azure.inside(name)["hub_users"] == ["ana"]
    assert {user: one["locked"] for user, one in azure.inside(name)["accounts"].items()} == {"ben": True, "eve": True}
    control_plane.up(name, with_users("gus"))
    operation = control_plane.down(name)
    assert (operation["outcome"], operation["leftovers"]) == ("succeeded", [])
    assert azure.resources(name) == []
    assert azure.secrets(name) == []


def test_passwords_are_rotated_one_by_one_or_all_together(
    control_plane: ControlPlane, azure: AzureSide, ground: Ground, name: str
) -> None:
    control_plane.up(name, with_users("ben", "eve"))
    secrets = {user: secret_of(control_plane, name, user) for user in ("ana", "ben", "eve")}
    before = {user: versions_of(ground, secret) for user, secret in secrets.items()}
    ended = rotate(control_plane, name, user="ben")
    assert ended["outcome"] == "succeeded", ended["reason"]
    assert "Sessions that are open stay open." in ended["reason"]
    assert list(states_in(ended)) == ["preflight", "renew password-ben", "set password-ben on users"]
    after = {user: versions_of(ground, secret) for user, secret in secrets.items()}
    assert {user: len(versions) for user, versions in after.items()} == {"ana": 1, "ben": 2, "eve": 1}
    assert opens(azure, name, "ben", after["ben"][-1])
    assert not opens(azure, name, "ben", before["ben"][0])
    assert opens(azure, name, "eve", before["eve"][0])

    refused = control_plane.client.post(f"/environments/{name}/rotate-password", params={"user": "gus"})
    assert refused.status_code == 409, refused.text
    malformed = control_plane.client.post(f"/environments/{name}/rotate-password", params={"user": ""})
    assert malformed.status_code == 400, "an empty name is not everyone"

    azure.spoil(method="POST", path=f"vm-{name}/runCommand", status=403, code="AuthorizationFailed", times=1)
    failed = rotate(control_plane, name, user="eve")
    assert (failed["outcome"], "is the one that works" in failed["reason"]) == ("failed", True), failed["reason"]
    assert opens(azure, name, "eve", versions_of(ground, secrets["eve"])[-1])
    assert versions_of(ground, secrets["eve"])[-1] == before["eve"][0]

    azure.spoil(method="PUT", path=f"/secrets/{secrets['ben']}", code="Forbidden", status=403, times=1)
    failed = rotate(control_plane, name)
    said = f"Before that, {secrets['ana']} got new versions, which work." in failed["reason"]
    assert (failed["outcome"], said) == ("failed", True), failed["reason"]

    ended = rotate(control_plane, name)
    assert ended["outcome"] == "succeeded", ended["reason"]
    newest = {user: versions_of(ground, secret)[-1] for user, secret in secrets.items()}
    assert opens(azure, name, "ben", newest["ben"])
    assert opens(azure, name, "eve", newest["eve"])
    assert azure.shadow(name) == f"ana:{hash_of(newest['ana'], azure.shadow(name).split('$')[2])}"
    assert len(set(newest.values())) == 3


def test_users_change_only_while_the_machine_runs(control_plane: ControlPlane, azure: AzureSide, name: str) -> None:
    control_plane.up(name, with_users("ben"))
    control_plane.follow(control_plane.post(name, "stop"))
    refused = control_plane.put(name, with_users("ben", "eve", sudo=False))
    assert refused.status_code == 422, refused.text
    faults = {fault["pointer"]: fault["detail"] for fault in refused.json()["errors"]}
    assert set(faults) == {"/sudo", "/users"}
    assert faults["/users"] == "can change only while vm is running, and it is stopped; start the environment first"
    other = control_plane.provision(name, with_users("ben", allow_from=["198.51.100.0/24"]))
    assert (other["outcome"], control_plane.get(name)["ready"]) == ("succeeded", True)
    control_plane.follow(control_plane.post(name, "start"))
    assert control_plane.up(name, with_users("ben", "eve", allow_from=["198.51.100.0/24"]))["outcome"] == "succeeded"
    assert azure.inside(name)["hub_users"] == ["ana", "ben", "eve"]


def test_a_change_that_fails_is_completed_by_the_same_spec(
    control_plane: ControlPlane, azure: AzureSide, ground: Ground, name: str
) -> None:
    control_plane.up(name, with_users("ben"))
    ben = secret_of(control_plane, name, "ben")
    azure.spoil(method="POST", path=f"vm-{name}/runCommand", status=403, code="AuthorizationFailed", times=1)
    failed = control_plane.provision(name, with_users("eve"))
    assert (failed["outcome"], control_plane.get(name)["ready"]) == ("failed", False), failed["reason"]
    assert ben in azure.secrets(name), "his account still takes it"
    assert azure.inside(name)["hub_users"] == ["ana", "ben"]
    control_plane.up(name, with_users("eve"))
    assert ben not in azure.secrets(name)
    eve = secret_of(control_plane, name, "eve")
    assert opens(azure, name, "eve", versions_of(ground, eve)[-1])
    # A vault that refuses to make the secret, and then does.
    azure.spoil(method="PUT", path=f"/secrets/dormouse-{name}-password-gus", code="Forbidden", status=403, times=1)
    assert control_plane.provision(name, with_users("eve", "gus"))["outcome"] == "failed"
    control_plane.up(name, with_users("eve", "gus"))
    gus = secret_of(control_plane, name, "gus")
    assert opens(azure, name, "gus", versions_of(ground, gus)[-1])
    # A secret that was purged by hand is replaced, together with the password on the machine.
    azure.delete_secret(gus)
    azure.purge_secret(gus)
    control_plane.up(name, with_users("eve", "gus"))
    assert opens(azure, name, "gus", versions_of(ground, gus)[-1])
    # One that was only deleted is recovered.
    old = versions_of(ground, eve)
    azure.delete_secret(eve)
    control_plane.up(name, with_users("eve", "gus"))
    assert versions_of(ground, eve) == old


def test_a_secret_that_cannot_be_deleted_is_named_and_tried_again(
    control_plane: ControlPlane, azure: AzureSide, name: str
) -> None:
    control_plane.up(name, with_users("ben"))
    ben = secret_of(control_plane, name, "ben")
    azure.spoil(method="DELETE", path=f"/secrets/{ben}", code="Forbidden", status=403, times=1)
    removed = control_plane.provision(name, with_users())
    assert (removed["outcome"], f"not deleted: key vault secret {ben}" in removed["reason"]) == ("succeeded", True)
    assert ben in azure.secrets(name)
    assert [one["username"] for one in control_plane.get(name)["secrets"]] == [None]
    assert rotate(control_plane, name)["outcome"] == "succeeded"
    control_plane.up(name, with_users("eve"))
    assert ben not in azure.secrets(name)


def test_passwords_of_users_are_in_no_history_log_record_custom_data_or_response(
    control_plane: ControlPlane, azure: AzureSide, ground: Ground, name: str
) -> None:
    answers = [str(control_plane.up(name, with_users("ben")))]
    answers.append(str(rotate(control_plane, name, user="ben")))
    answers.append(str(control_plane.up(name, with_users("ben", "eve"))))
    paths = (f"/environments/{name}", "/environments", "/operations", f"/environments/{name}/password?user=ben")
    answers.extend(control_plane.client.get(path).text for path in paths)
    secrets = [secret_of(control_plane, name, user) for user in ("ben", "eve")]
    passwords = [password for secret in secrets for password in versions_of(ground, secret)]
    assert [len(password) for password in passwords] == [24, 24, 24]
    written = everything_written(ground.home)
    places = {**written, "answers": "\n".join(answers).encode(), "azure": what_the_azure_side_remembers(ground)}
    for password in passwords:
        for text in (password.encode(), base64.b64encode(password.encode()).rstrip(b"=")):
            assert [place for place, content in places.items() if text in content] == []
    hashes = [one["hash"] for one in azure.inside(name)["accounts"].values()]
    assert len(hashes) == 2
    for text in hashes:
        ours = {place: content for place, content in places.items() if place != "azure"}
        assert [place for place, content in ours.items() if text.encode() in content] == [], "not even the hashes"
