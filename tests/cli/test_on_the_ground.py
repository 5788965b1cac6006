"""The whole story on the real control plane, told by the command alone; and with --json as scripts hear it."""

import json
from pathlib import Path

from local.sandbox import Ground, temporary_ground
from tests.cli.support import Command, fake_server, names_of_the_simulation
from tests.support import ROOT, AzureSide, ControlPlane

SPEC = ROOT / "examples" / "workstation.json"
YAML = """
blueprint: workstation
region: polandcentral
allow_from: [203.0.113.0/24]
schedule: mon-fri 08:00-19:00 Europe/Berlin
"""


def test_the_story_as_people_read_it(at_home: Command, azure: AzureSide, name: str, tmp_path: Path) -> None:
    spec = tmp_path / "spec.yaml"
    spec.write_text(YAML)
    assert "workstation" in at_home("blueprints").out
    planned = at_home("plan", name, "-f", str(spec))
    assert planned.code == 0, planned
    assert f"{name}, a workstation in polandcentral, would be built:" in planned.out
    assert "Price: 0.59 USD/h" in planned.out
    assert azure.resources(name) == []

    built = at_home("up", name, "-f", str(spec), "--wait")
    assert built.code == 0, built
    assert built.out.startswith(f"provision {name}: succeeded.")
    assert f"dormouse password {name}" in built.out
    assert "health: done" in built.err
    assert at_home("up", name, "-f", str(spec)).out == f"{name} is as the spec wants it (running); nothing was done.\n"

    (line,) = [line for line in at_home("ls").out.splitlines() if line.startswith(f"{name} ")]
    assert line.split()[:3] == [name, "running", "polandcentral"]
    shown = at_home("show", name).out
    assert "ssh azureuser@" in shown
    assert "mon-fri 08:00-19:00 Europe/Berlin" in shown
    held = at_home("hold", name, "2h", "--reason", "thesis").out
    assert held.startswith(f"{name} is kept awake until ")
    assert held.endswith("by function-key: thesis.\n")
    assert at_home("hold", name, "1 hour").out.startswith(f"A longer hold stays: {name} is kept awake until ")
    refused = at_home("hold", name, "2")
    assert (refused.code, "'2' has no unit; write 2h for hours" in refused.err) == (2, True), refused
    assert f"{name} will be stopped at" in at_home("extend", name, "3d").out
    assert "hold" in at_home("show", name).out
    assert at_home("hold", name, "0").out == f"Nobody keeps {name} awake any more.\n"

    assert at_home("stop", name, "--dry-run").out == f"Would stop {name} (it is running). Nothing was done.\n"
    assert at_home("stop", name, "--wait").out.startswith(f"stop {name}: succeeded.")
    assert at_home("restart", name).code == 6
    started = at_home("start", name)
    assert started.out.startswith(f"Accepted: {name}-start-")
    assert at_home("watch", name).out.startswith(f"start {name}: succeeded.")
    swept = at_home("sweep", "--dry-run", "--wait")
    assert (swept.code, "(only looked)" in swept.out) == (0, True), swept
    assert f"{name} " in at_home("idle").out

    trail = at_home("operations", "-e", name, "-n", "2").out.splitlines()
    assert [line.split()[3] for line in trail[1:]] == ["start", "stop"]
    assert at_home("rm", name, "--yes", "--wait").out.startswith(f"delete {name}: succeeded.")
    assert azure.resources(name) == []
    assert at_home("rm", name, "-y").out == f"{name} is gone already; nothing was done.\n"
    assert at_home("show", name).code == 5


def test_the_story_as_scripts_hear_it(at_home: Command, control_plane: ControlPlane, name: str) -> None:
    assert [card["name"] for card in at_home.json("blueprints")["value"]] == ["workstation"]
    card = at_home.json("blueprints", "workstation", "-r", "polandcentral")
    assert card["price"]["per_hour"] == 0.59
    assert json.loads(at_home("schema", "workstation").out) == card["parameters"]
    assert at_home.json("plan", name, "-f", str(SPEC))["would"] == "create"
    built = at_home.json("up", name, "-f", str(SPEC), "--wait")
    assert built == control_plane.operation(built["id"])
    assert (built["state"], built["verb"]) == ("succeeded", "provision")

    assert name in [row["name"] for row in at_home.json("ls")["value"]]
    seen = at_home.json("show", name)
    assert {**seen, "observed_at": ""} == {**control_plane.get(name), "observed_at": ""}
    assert at_home.json("hold", name, "2h")["hold"]["by"] == "function-key"
    assert at_home.json("extend", name, "8h")["lease"]["then"] == "stop"
    assert at_home.json("stop", name, "--wait")["state"] == "succeeded"
    assert at_home.json("stop", name)["state"] == "stopped"
    accepted = at_home.json("start", name)
    assert accepted["operation"].startswith(f"{name}-start-")
    assert at_home.json("watch", accepted["operation"])["state"] == "succeeded"
    assert at_home.json("operations", accepted["operation"])["verb"] == "start"
    assert len(at_home.json("operations", "-e", name)["value"]) == 3
    assert at_home.json("machines")["next"] is None
    assert set(at_home.json("idle")) >= {"sweep", "tally", "value"}
    assert at_home("idle", "--csv").out.startswith("id,name,environment")

    assert at_home.json("rm", name, "--yes", "--wait")["state"] == "succeeded"
    assert at_home.json("rm", name, "--yes")["state"] == "absent"


def test_passwords_and_tokens_come_with_the_callers_own_rights(
    at_home: Command, control_plane: ControlPlane, name: str, ground: Ground
) -> None:
    control_plane.until_step(control_plane.put(name).json()["operation"], "password", "done")
    address = control_plane.get(name)["password_secret"]
    assert at_home.json("password", name) == {"secret_uri": address}
    assert at_home("password", name, "--where").out == f"{address}\n"
    # Whoever asks is the managed identity that the simulated vault knows.
    identity = identity_on(ground)
    with names_of_the_simulation() as proxy, fake_server() as front:
        way = {"REQUESTS_CA_BUNDLE": identity["SSL_CERT_FILE"], "HTTPS_PROXY": proxy}
        read = at_home("password", name, **identity, **way)
        entered = at_home("login", front.url, "--entra", "--audience", "https://vault.azure.net", **identity, **way)
        nobody = at_home("password", name, **way, AZURE_TOKEN_CREDENTIALS="EnvironmentCredential")
    assert (read.code, len(read.out.strip()) >= 20, read.err) == (0, True, ""), read.err
    assert entered.code == 0, entered
    assert front.asked[0].headers["Authorization"].startswith("Bearer ey")
    assert "x-functions-key" not in front.asked[0].headers
    assert json.loads(at_home.config.read_text())["entra"] == {"audience": "https://vault.azure.net", "tenant": ""}
    assert (nobody.code, nobody.out, "az login" in nobody.err) == (4, "", True), nobody.err


def identity_on(ground: Ground) -> dict[str, str]:
    """What tells azure-identity where it is."""
    needed = ("IDENTITY_ENDPOINT", "IDENTITY_HEADER", "AZURE_TOKEN_CREDENTIALS", "SSL_CERT_FILE")
    return {variable: ground.app_environment[variable] for variable in needed}


def test_with_entra_there_is_no_key_and_the_role_in_the_token_counts(stranger: Command) -> None:
    with (
        temporary_ground(speed=200, timers=False, agents=False, settings={"HTTP_AUTH": "entra"}) as ground,
        names_of_the_simulation() as proxy,
        ground.simulation() as simulation,
    ):
        way = identity_on(ground) | {"REQUESTS_CA_BUNDLE": str(ground.home / "azure" / "ca.pem"), "HTTPS_PROXY": proxy}
        login = ("login", ground.api, "--entra", "--audience", "api://dormouse")
        nobody = stranger(*login, **way)
        assert (nobody.code, "requires the role viewer" in nobody.err) == (4, True), nobody
        simulation.put("/identity/roles", json={"roles": ["user"]}).raise_for_status()
        entered = stranger(*login, **way)
        assert entered.code == 0, entered
        assert "key" not in json.loads(stranger.config.read_text())
        built = json.loads(stranger("up", "mine", "-f", str(SPEC), "--wait", "--json", **way).out)
        assert (built["state"], built["door"]) == ("succeeded", "token")
        refused = stranger("sweep", "--dry-run", **way)
        assert (refused.code, "requires the role operator" in refused.err) == (4, True), refused
        assert stranger("rm", "mine", "--yes", "--wait", **way).code == 0


def test_what_is_wrong_has_an_exit_code_and_every_fault(
    at_home: Command, azure: AzureSide, name: str, ground: Ground
) -> None:
    wrong = at_home(
        "plan", name, "-f", str(SPEC), "--set", "size=Standard_X", "--set", "disk.size_gib=1", "--set", "colour=red"
    )
    assert wrong.code == 2
    assert [line.split()[0] for line in wrong.err.splitlines()[1:]] == ["/size", "/disk/size_gib", "/colour"]

    azure.spoil(method="PUT", kind="Microsoft.Compute/virtualMachines", code="SkuNotAvailable", times=1)
    failed = at_home("up", name, "-f", str(SPEC), "--wait")
    assert (failed.code, f"provision {name}: failed." in failed.out, "no capacity" in failed.out) == (1, True, True)
    assert azure.resources(name) == []

    stranger = at_home("ls", DORMOUSE_KEY="wrong")
    assert (stranger.code, "does not accept the key" in stranger.err) == (4, True)
    lost = at_home("ls", DORMOUSE_URL=f"{ground.api}/elsewhere", DORMOUSE_KEY="wrong")
    assert (lost.code, "has nothing at" in lost.err) == (3, True)
    assert at_home("watch", "nobody").code == 5
    assert at_home("adopt", "nowhere/nobody").code == 5
    assert at_home("sweep", "--every", "0").code == 2


def test_ctrl_c_leaves_the_operation_running_which_is_busy_until_it_is_cancelled(
    at_home: Command, azure: AzureSide, control_plane: ControlPlane, name: str
) -> None:
    azure.hold_up("PUT", f"virtualMachines/vm-{name}", times=20)  # until it is cancelled
    running = at_home.begun("up", name, "-f", str(SPEC), "--wait")
    assert running.stderr
    first = running.stderr.readline()
    ended = at_home.interrupted(running)
    operation = first.split()[1].rstrip(";")
    assert (ended.code, "the operation goes on" in ended.err, f"dormouse cancel {operation}" in ended.err) == (
        130,
        True,
        True,
    )
    assert control_plane.operation(operation)["state"] in ("pending", "running")
    busy = at_home("up", name, "-f", str(SPEC))
    assert (busy.code, f"dormouse watch {operation}" in busy.err) == (6, True)
    cancelled = at_home("cancel", operation, "--wait")
    assert (cancelled.code, "cancelled" in cancelled.out) == (0, True), cancelled
    assert azure.resources(name) == []


def test_names_are_completed_by_asking(at_home: Command, control_plane: ControlPlane, name: str) -> None:
    assert control_plane.put(name).status_code == 202
    words = {"_DORMOUSE_COMPLETE": "complete_bash", "COMP_WORDS": f"dormouse show {name}", "COMP_CWORD": "2"}
    assert name in at_home(**words).out.split()
    assert at_home("logout").code == 0
    assert at_home(**words).out.strip() == ""
