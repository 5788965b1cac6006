"""The command with the real control plane on a simulated Azure, as people and as scripts use it."""

import json
from pathlib import Path

from local.sandbox import Ground, temporary_ground
from tests.cli.support import Command, fake_server, simulation_proxy
from tests.support import ROOT, AzureSide, ControlPlane

SPEC = ROOT / "examples" / "workstation.json"
YAML = """
blueprint: workstation
region: polandcentral
allow_from: [203.0.113.0/24]
schedule: mon-fri 08:00-19:00 Europe/Berlin
"""


def test_an_environment_from_plan_to_deletion(logged_in: Command, azure: AzureSide, name: str, tmp_path: Path) -> None:
    spec = tmp_path / "spec.yaml"
    spec.write_text(YAML)
    assert "workstation" in logged_in("blueprints").out
    planned = logged_in("plan", name, "-f", str(spec))
    assert planned.code == 0, planned
    assert f"{name} (workstation in polandcentral) would be created:" in planned.out
    assert "Price: 0.5991 USD/h" in planned.out
    assert azure.resources(name) == []

    built = logged_in("up", name, "-f", str(spec), "--wait")
    assert built.code == 0, built
    assert built.out.startswith(f"provision {name}: succeeded.")
    assert f"dormouse password {name}" in built.out
    assert "health: done" in built.err
    assert logged_in("up", name, "-f", str(spec)).out == f"{name} already matches the spec (running); nothing was changed.\n"

    (line,) = [line for line in logged_in("ls").out.splitlines() if line.startswith(f"{name} ")]
    assert line.split()[:5] == [name, "running", "workstation", "polandcentral", "Standard_NV6ads_A10_v5"]
    shown = logged_in("show", name).out
    assert "ssh azureuser@" in shown
    assert "mon-fri 08:00-19:00 Europe/Berlin" in shown
    held = logged_in("hold", name, "2h", "--reason", "thesis").out
    assert held.startswith(f"{name} is kept awake until ")
    assert held.endswith("(set by function-key: thesis).\n")
    assert logged_in("hold", name, "1 hour").out.startswith(
        f"A longer hold is already in place: {name} is kept awake until "
    )
    refused = logged_in("hold", name, "2")
    assert (refused.code, "'2' has no unit" in refused.err) == (2, True), refused
    assert f"{name} will be stopped at" in logged_in("extend", name, "3d").out
    assert "hold" in logged_in("show", name).out
    assert logged_in("hold", name, "0").out == f"{name} has no hold.\n"

    assert logged_in("stop", name, "--dry-run").out == f"Would stop {name} (state: running). Nothing was changed.\n"
    assert logged_in("stop", name, "--wait").out.startswith(f"stop {name}: succeeded.")
    assert logged_in("restart", name).code == 6
    assert "its spec has no `hibernation`" in logged_in("hibernate", name).err
    looked = logged_in("resize", name, "Standard_NV12ads_A10_v5", "--dry-run")
    assert looked.out == f"Would resize {name} (state: stopped; size: Standard_NV12ads_A10_v5). Nothing was changed.\n"
    resized = logged_in("resize", name, "Standard_NV12ads_A10_v5", "--wait")
    assert resized.out.startswith(f"resize {name}: succeeded. {name} has the size Standard_NV12ads_A10_v5 now.")
    assert logged_in("resize", name, "Standard_NV12ads_A10_v5").out.endswith("(stopped); nothing was changed.\n")
    started = logged_in("start", name)
    assert started.out.startswith(f"Accepted: {name}-start-")
    assert logged_in("watch", name).out.startswith(f"start {name}: succeeded.")
    swept = logged_in("sweep", "--dry-run", "--wait")
    assert (swept.code, "(dry run)" in swept.out) == (0, True), swept
    assert f"{name} " in logged_in("idle").out

    trail = logged_in("operations", "-e", name, "-n", "2").out.splitlines()
    assert [line.split()[3] for line in trail[1:]] == ["start", "resize"]
    assert logged_in("stop", name, "--wait").code == 0
    opened = logged_in("open", name, "--print")
    assert (opened.code, [line.split()[0] for line in opened.out.splitlines()]) == (0, ["ssh", "mstsc"]), opened
    assert "health: done" in opened.err
    again = logged_in("open", name)
    assert again.out.startswith(f"{name} is ready: it runs, and every health check has passed.\n"), again
    assert json.loads(logged_in("open", name, "--json").out)["phase"] == "ready"
    assert logged_in("rm", name, "--yes", "--wait").out.startswith(f"delete {name}: succeeded.")
    assert azure.resources(name) == []
    assert logged_in("rm", name, "-y").out == f"{name} is already deleted; nothing was changed.\n"
    assert logged_in("show", name).code == 5
    assert logged_in("open", name).code == 5


def test_the_selftest_builds_stops_starts_and_deletes(logged_in: Command, azure: AzureSide) -> None:
    done = logged_in("selftest", "-r", "westeurope")
    assert done.code == 0, done
    assert done.out.splitlines() == [
        "passed: the API answers",
        "passed: planned, for 0.2482 USD/h",
        "passed: built, and healthy",
        "passed: stopped",
        "passed: started, and healthy again",
        "passed: deleted",
        "passed: nothing is left",
    ]
    assert [one for one in azure.everything() if "selftest-" in one["id"]] == []


def test_the_selftest_stops_at_a_fault_and_cleans_up(logged_in: Command, azure: AzureSide) -> None:
    dear = logged_in("selftest", "-r", "westeurope", "--max-hourly-cost", "0.01", "--json")
    assert (dear.code, json.loads(dear.out)["checks"]) == (1, ["the API answers"]), dear
    azure.spoil(method="POST", path="/start", status=409, code="OperationNotAllowed", message="Not today.")
    failed = logged_in("selftest", "-r", "westeurope")
    azure.behave()
    assert (failed.code, failed.out.splitlines()[-2:]) == (1, ["passed: stopped", "passed: deleted"]), failed
    assert "was not started, and healthy again: " in failed.err
    assert "Not today." in failed.err
    assert [one for one in azure.everything() if "selftest-" in one["id"]] == []


def test_the_selftest_does_not_take_for_gone_what_it_may_not_see(logged_in: Command, azure: AzureSide) -> None:
    azure.permit("*", without=["Microsoft.Storage/storageAccounts/read"])
    blind = logged_in("selftest", "-r", "westeurope")
    assert (blind.code, "passed: nothing is left" in blind.out) == (1, False), blind
    assert "It could not be verified that nothing is left: the control plane's identity may not read" in blind.err


def test_the_json_output_is_the_response_of_the_api(logged_in: Command, control_plane: ControlPlane, name: str) -> None:
    known = ["build-agent", "data-science", "ml-shared", "ml-workspace", "runner-cluster", "workstation"]
    assert [card["name"] for card in logged_in.json("blueprints")["value"]] == known
    card = logged_in.json("blueprints", "workstation", "-r", "polandcentral")
    assert card["price_per_hour"] == {"amount": 0.599123, "currency": "USD"}
    assert json.loads(logged_in("schema", "workstation").out) == card["parameters"]
    assert logged_in.json("plan", name, "-f", str(SPEC))["would"] == "create"
    built = logged_in.json("up", name, "-f", str(SPEC), "--wait")
    assert built == control_plane.operation(built["id"])
    assert (built["outcome"], built["verb"]) == ("succeeded", "provision")

    assert name in [row["name"] for row in logged_in.json("ls")["value"]]
    seen = logged_in.json("show", name)
    moving = {"observed_at": "", "costs": {}}  # they go on with time
    assert {**seen, **moving} == {**control_plane.get(name), **moving}
    assert logged_in.json("hold", name, "2h")["hold"]["by"] == "function-key"
    assert logged_in.json("extend", name, "8h")["lease"]["then"] == "stop"
    assert logged_in.json("stop", name, "--wait")["outcome"] == "succeeded"
    assert logged_in.json("stop", name)["state"] == "stopped"
    accepted = logged_in.json("start", name)
    assert accepted["operation"].startswith(f"{name}-start-")
    assert logged_in.json("watch", accepted["operation"])["outcome"] == "succeeded"
    assert logged_in.json("operations", accepted["operation"])["verb"] == "start"
    assert len(logged_in.json("operations", "-e", name)["value"]) == 3
    assert logged_in.json("machines")["next"] is None
    assert set(logged_in.json("idle")) >= {"sweep", "summary", "value"}
    assert logged_in("idle", "--csv").out.startswith("id,kind,name,environment")

    assert logged_in.json("rm", name, "--yes", "--wait")["outcome"] == "succeeded"
    assert logged_in.json("rm", name, "--yes")["state"] == "absent"


def test_versions_that_look_like_numbers_arrive_as_text(logged_in: Command, name: str, tmp_path: Path) -> None:
    settings = ("--set", "driver_version=535.10", "--set", "container=123", "--set", "owner=007")
    by_options = logged_in("plan", name, "-f", str(SPEC), *settings)
    assert (by_options.code, by_options.err) == (0, ""), by_options
    spec = tmp_path / "spec.yaml"
    spec.write_bytes(f"{YAML}\ndriver_version: 535.10\ndisk: {{size_gib: 64}}\n".encode("utf-16"))
    by_file = logged_in("plan", name, "-f", str(spec))
    assert (by_file.code, by_file.err) == (0, ""), by_file


def test_passwords_and_tokens_need_the_rights_of_the_caller(
    logged_in: Command, control_plane: ControlPlane, name: str, ground: Ground
) -> None:
    control_plane.until_step(control_plane.put(name).json()["operation"], "password", "done")
    (secret,) = control_plane.get(name)["secrets"]
    address = secret["uri"]
    assert logged_in.json("password", name) == {"secret_uri": address}
    assert logged_in("password", name, "--where").out == f"{address}\n"
    # The caller is the managed identity that may read secrets in the simulated vault.
    identity = identity_on(ground)
    with simulation_proxy() as proxy, fake_server() as front:
        way = {"REQUESTS_CA_BUNDLE": identity["SSL_CERT_FILE"], "HTTPS_PROXY": proxy}
        read = logged_in("password", name, **identity, **way)
        entered = logged_in("login", front.url, "--entra", "--audience", "https://vault.azure.net", **identity, **way)
        nobody = logged_in("password", name, **way, AZURE_TOKEN_CREDENTIALS="EnvironmentCredential")
    assert (read.code, len(read.out.strip()) >= 20, read.err) == (0, True, ""), read.err
    assert entered.code == 0, entered
    assert front.requests[0].headers["Authorization"].startswith("Bearer ey")
    assert "x-functions-key" not in front.requests[0].headers
    assert json.loads(logged_in.config.read_text())["entra"] == {"audience": "https://vault.azure.net", "tenant": ""}
    assert (nobody.code, nobody.out, "az login" in nobody.err) == (4, "", True), nobody.err


def identity_on(ground: Ground) -> dict[str, str]:
    """The variables with which azure-identity finds the managed identity."""
    needed = ("IDENTITY_ENDPOINT", "IDENTITY_HEADER", "AZURE_TOKEN_CREDENTIALS", "SSL_CERT_FILE")
    return {variable: ground.app_environment[variable] for variable in needed}


def test_with_entra_the_role_in_the_token_decides(logged_out: Command) -> None:
    with (
        temporary_ground(speed=200, timers=False, agents=False, settings={"HTTP_AUTH": "entra"}) as ground,
        simulation_proxy() as proxy,
        ground.simulation() as simulation,
    ):
        way = identity_on(ground) | {"REQUESTS_CA_BUNDLE": str(ground.home / "azure" / "ca.pem"), "HTTPS_PROXY": proxy}
        login = ("login", ground.api, "--entra", "--audience", "api://dormouse")
        nobody = logged_out(*login, **way)
        assert (nobody.code, "role viewer" in nobody.err) == (4, True), nobody
        simulation.put("/identity/roles", json={"roles": ["user"]}).raise_for_status()
        entered = logged_out(*login, **way)
        assert entered.code == 0, entered
        assert "key" not in json.loads(logged_out.config.read_text())
        built = json.loads(logged_out("up", "mine", "-f", str(SPEC), "--wait", "--json", **way).out)
        assert (built["outcome"], built["channel"]) == ("succeeded", "token")
        refused = logged_out("sweep", "--dry-run", **way)
        assert (refused.code, "role operator" in refused.err) == (4, True), refused
        assert logged_out("rm", "mine", "--yes", "--wait", **way).code == 0


def test_failures_have_an_exit_code_and_list_every_error(
    logged_in: Command, azure: AzureSide, name: str, ground: Ground
) -> None:
    wrong = logged_in(
        "plan", name, "-f", str(SPEC), "--set", "size=Standard_X", "--set", "disk.size_gib=1", "--set", "colour=red"
    )
    assert wrong.code == 2
    assert [line.split()[0] for line in wrong.err.splitlines()[1:]] == ["/size", "/disk/size_gib", "/colour"]

    azure.spoil(method="PUT", kind="Microsoft.Compute/virtualMachines", code="SkuNotAvailable", times=1)
    failed = logged_in("up", name, "-f", str(SPEC), "--wait")
    assert (failed.code, f"provision {name}: failed." in failed.out) == (1, True), failed
    assert azure.resources(name) == []

    logged_out = logged_in("ls", DORMOUSE_KEY="wrong")
    assert (logged_out.code, "did not accept the key" in logged_out.err) == (4, True)
    lost = logged_in("ls", DORMOUSE_URL=f"{ground.api}/elsewhere", DORMOUSE_KEY="wrong")
    assert (lost.code, "has nothing at" in lost.err) == (3, True)
    assert logged_in("watch", "nobody").code == 5
    assert logged_in("adopt", "nowhere/nobody").code == 5
    assert logged_in("sweep", "--every", "0").code == 2


def test_an_operation_that_is_no_longer_watched_blocks_others_until_it_is_cancelled(
    logged_in: Command, azure: AzureSide, control_plane: ControlPlane, name: str
) -> None:
    azure.hold_up("PUT", f"virtualMachines/vm-{name}", times=20)  # until it is cancelled
    running = logged_in.start("up", name, "-f", str(SPEC), "--wait")
    assert running.stderr
    first = running.stderr.readline()
    result = logged_in.interrupt(running)
    operation = first.split()[1].rstrip(".")
    assert (result.code, "the operation continues" in result.err, f"dormouse cancel {operation}" in result.err) == (
        130,
        True,
        True,
    )
    assert control_plane.operation(operation)["outcome"] is None
    busy = logged_in("up", name, "-f", str(SPEC))
    assert (busy.code, f"dormouse watch {operation}" in busy.err) == (6, True)
    cancelled = logged_in("cancel", operation, "--wait")
    assert (cancelled.code, "cancelled" in cancelled.out) == (0, True), cancelled
    assert azure.resources(name) == []


def test_environment_names_are_completed(logged_in: Command, control_plane: ControlPlane, name: str) -> None:
    assert control_plane.put(name).status_code == 202
    words = {"_DORMOUSE_COMPLETE": "complete_bash", "COMP_WORDS": f"dormouse show {name}", "COMP_CWORD": "2"}
    assert name in logged_in(**words).out.split()
    assert logged_in("logout").code == 0
    assert logged_in(**words).out.strip() == ""
