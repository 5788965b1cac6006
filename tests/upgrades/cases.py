"""An operation of every kind, held in its middle while the app is replaced by its next release; and its right end."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

from dormouse.lifecycle import Verb
from orchestrators.chat.command import answer_command
from orchestrators.environments.delete import delete_at_lease_end, delete_environment
from orchestrators.environments.execute_plan import build_resource
from orchestrators.environments.hibernate import hibernate_environment
from orchestrators.environments.power import change_power
from orchestrators.environments.promote_image import promote_image
from orchestrators.environments.provision import provision_environment
from orchestrators.environments.resize import resize_environment
from orchestrators.environments.rotate_password import rotate_password
from orchestrators.idle.execute import act_with_suspension
from orchestrators.idle.fallback import start_with_other_size
from orchestrators.idle.stages import stop_whole_environment
from orchestrators.idle.sweep import sweep, sweep_missing, sweep_page
from orchestrators.machines.adopt import adopt_machine, release_machine
from orchestrators.reconcile.reconcile import delete_orphans, reconcile
from tests.fleet import CPU_SIZE, QUIET_OUTSIDE, machine
from tests.integration.environments.test_build_agent import SPEC as BUILD_AGENT
from tests.integration.environments.test_hibernation import ABLE
from tests.support import SUBSCRIPTION, WORKSTATION
from tests.upgrades.scene import Scene

AT_ONCE = {"window": "5m", "grace": "0m", "lead": "0m"}
AGENT = {**BUILD_AGENT, "region": "swedencentral", "count": 1, "size": "Standard_D2s_v5", "idle": AT_ONCE}
LARGER = "Standard_NV12ads_A10_v5"
KEY = {"Idempotency-Key": "7c0f0f3e-0000-4000-8000-000000000001"}
# What exists before: environments by name, with their specs, and machines of others.
ENVIRONMENTS: dict[str, dict[str, Any]] = {
    **dict.fromkeys(("changed", "stopping", "starting", "restarting", "resizing", "rotating"), WORKSTATION),
    **dict.fromkeys(("deleting", "chatting"), WORKSTATION),
    "hibernating": ABLE,
    "leased": {**WORKSTATION, "idle": AT_ONCE},
    "agents": AGENT,
}
MACHINES = {
    "foundling": machine(idle=None, agent=False),
    "dismissed": machine(idle="off"),
    "warned": machine(idle="window=5m, grace=0m, lead=6h"),
    "held": machine(idle="window=5m, grace=0m, lead=6h"),
    "quiet": machine(idle="window=5m, grace=0m, lead=0m", agent=False, size=CPU_SIZE, host=QUIET_OUTSIDE),
}


@dataclass(frozen=True, slots=True)
class Case:
    """An operation in flight: the request of it that Azure leaves unanswered, how it begins, and how it must end.

    `runs` are the orchestrators that are in flight in its middle. `begin` returns the response that accepts it.
    """

    name: str
    runs: tuple[Callable[[Any], Any], ...]
    held: dict[str, str]
    begin: Callable[[Scene], httpx.Response]
    verb: Verb | None = None
    ended: Callable[[Scene], None] = field(default=lambda scene: None)


def vm_of(name: str) -> str:
    return f"/virtualmachines/vm-{name}"


def has_state(name: str, state: str) -> Callable[[Scene], None]:
    def check(scene: Scene) -> None:
        seen = scene.plane.get(name)
        assert (seen["state"], seen["operation"]) == (state, None), seen

    return check


def is_gone(name: str) -> Callable[[Scene], None]:
    def check(scene: Scene) -> None:
        assert scene.azure.resources(name) == []
        assert scene.azure.locks(name) == []
        assert scene.plane.client.get(f"/environments/{name}").status_code == 404

    return check


def machine_at(scene: Scene, name: str) -> dict[str, Any]:
    (found,) = scene.azure.client.get("/resources", params={"below": scene.fleet.id(name).lower()}).json()["value"]
    return dict(found)


def _is_adopted(scene: Scene) -> None:
    assert machine_at(scene, "foundling")["tags"]["dormouse-idle"] == "window=6h"


def _is_released(scene: Scene) -> None:
    assert "dormouse-idle" not in machine_at(scene, "dismissed").get("tags", {})


def _is_open_to_others(scene: Scene) -> None:
    (firewall,) = scene.azure.of_type("changed", "Microsoft.Network/networkSecurityGroups")
    assert "10.9.0.0/16" in str(firewall["properties"]["securityRules"])
    has_state("changed", "running")(scene)


def _is_larger(scene: Scene) -> None:
    (vm,) = scene.azure.of_type("resizing", "Microsoft.Compute/virtualMachines")
    assert vm["properties"]["hardwareProfile"]["vmSize"] == LARGER
    has_state("resizing", "running")(scene)


def _is_hibernated(scene: Scene) -> None:
    assert scene.plane.get("hibernating")["hibernated"] is True


def _is_kept_as_snapshot(scene: Scene) -> None:
    is_gone("deleting")(scene)
    kept = [one["id"] for one in scene.azure.everything() if one["type"] == "Microsoft.Compute/snapshots"]
    assert len(kept) == 1, kept


def _sweep_has_acted(scene: Scene) -> None:
    has_state("agents", "stopped")(scene)
    is_gone("leased")(scene)


def _post(path: str, **more: Any) -> Callable[[Scene], httpx.Response]:
    return lambda scene: scene.plane.client.post(path, **more)


def _say_stop(scene: Scene) -> httpx.Response:
    accepted, scene.replies = scene.slack.say("stop chatting")
    return accepted


def _is_told_in_the_chat(scene: Scene) -> None:
    has_state("chatting", "stopped")(scene)
    accepted, ended = scene.replies(2)
    assert "stop started" in accepted, accepted
    assert "is stopped" in ended, ended


# Two of its actions: a build agent that was suspended is being stopped, and a lease has ended.
SWEEP = Case(
    "sweep",
    (sweep, sweep_page, act_with_suspension, delete_at_lease_end),
    {"method": "GET", "path": f"{SUBSCRIPTION}/providers/microsoft.compute/virtualmachines"},
    _post("/sweeps", json={"dry_run": False}),
    ended=_sweep_has_acted,
)
# The second request of the sweep that Azure leaves unanswered.
HELD_BESIDE = {"method": "DELETE", "path": "/resourcegroups/rg-dormouse-leased"}
CASES = (
    SWEEP,
    Case(
        "provision",
        (provision_environment, build_resource),
        {"method": "PUT", "path": vm_of("new")},
        lambda scene: scene.plane.put("new"),
        Verb.PROVISION,
        has_state("new", "running"),
    ),
    Case(
        "change",
        (provision_environment,),
        {"method": "PUT", "path": "/resourcegroups/rg-dormouse-changed/providers/microsoft.network/networksecuritygroups"},
        lambda scene: scene.plane.put("changed", {**WORKSTATION, "allow_from": ["10.9.0.0/16"]}),
        Verb.PROVISION,
        _is_open_to_others,
    ),
    Case(
        "start",
        (change_power,),
        {"method": "POST", "path": f"{vm_of('starting')}/start"},
        _post("/environments/starting/start"),
        Verb.START,
        has_state("starting", "running"),
    ),
    Case(
        "stop",
        (change_power,),
        {"method": "POST", "path": f"{vm_of('stopping')}/deallocate"},
        _post("/environments/stopping/stop", headers=KEY),
        Verb.STOP,
        has_state("stopping", "stopped"),
    ),
    Case(
        "restart",
        (change_power,),
        {"method": "POST", "path": f"{vm_of('restarting')}/restart"},
        _post("/environments/restarting/restart"),
        Verb.RESTART,
        has_state("restarting", "running"),
    ),
    Case(
        "hibernate",
        (hibernate_environment,),
        {"method": "POST", "path": f"{vm_of('hibernating')}/deallocate"},
        _post("/environments/hibernating/hibernate"),
        Verb.HIBERNATE,
        _is_hibernated,
    ),
    Case(
        "resize",
        (resize_environment,),
        {"method": "PATCH", "path": vm_of("resizing")},
        _post("/environments/resizing/resize", json={"size": LARGER, "restart": True}),
        Verb.RESIZE,
        _is_larger,
    ),
    Case(
        "rotate-password",
        (rotate_password,),
        {"method": "POST", "path": f"{vm_of('rotating')}/runcommand"},
        _post("/environments/rotating/rotate-password"),
        Verb.ROTATE_PASSWORD,
        has_state("rotating", "running"),
    ),
    Case(
        "delete with a snapshot",
        (delete_environment,),
        {"method": "PUT", "kind": "Microsoft.Compute/snapshots"},
        lambda scene: scene.plane.delete("deleting", snapshot="true"),
        Verb.DELETE,
        _is_kept_as_snapshot,
    ),
    Case(
        "adopt",
        (adopt_machine,),
        {"method": "POST", "path": "/virtualmachines/foundling/runcommand"},
        lambda scene: scene.plane.client.post(
            "/machines/adopt", json={"machine": scene.fleet.id("foundling"), "idle": "window=6h"}
        ),
        Verb.ADOPT,
        _is_adopted,
    ),
    Case(
        "release",
        (release_machine,),
        {"method": "POST", "path": "/virtualmachines/dismissed/runcommand"},
        lambda scene: scene.plane.client.post("/machines/release", json={"machine": scene.fleet.id("dismissed")}),
        Verb.RELEASE,
        _is_released,
    ),
    # The last one: Slack takes replies for half an hour.
    Case(
        "chat",
        (answer_command, change_power),
        {"method": "POST", "path": f"{vm_of('chatting')}/deallocate"},
        _say_stop,
        ended=_is_told_in_the_chat,
    ),
)
# It runs after the pages of its sweep have ended, for one read: its recorded histories stand for it.
NEVER_HELD = (sweep_missing,)
# Gaps: no run has these in flight or records them; only the rule for orchestrators protects them. A sweep starts the first
# only if a schedule or a job wakes a machine whose size has no capacity, which no case brings about. The kept release has
# neither the second nor a blueprint with two registries, no runner cluster for the third, and no reconciliation: each gets a
# case when a release that has them is kept.
NEVER_RUN = (start_with_other_size, promote_image, stop_whole_environment, reconcile, delete_orphans)
NEVER_ASKED = (Verb.PROMOTE_IMAGE,)
