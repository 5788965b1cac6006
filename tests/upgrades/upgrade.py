"""One run of an upgrade: operations of every kind begin on a kept release, and end on today's."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local.clock import timestamp
from local.host.durable.rows import Instance
from local.sandbox import temporary_ground
from tests.fleet import FleetSide, caught_up, lines_of_the_report
from tests.integration.chat.chats import Slack
from tests.integration.environments.test_build_agent import Pipelines
from tests.support import AzureSide, ControlPlane, until
from tests.upgrades.cases import CASES, ENVIRONMENTS, HELD_BESIDE, KEY, MACHINES, SWEEP
from tests.upgrades.histories import History, histories_of
from tests.upgrades.scene import App, Scene, kept, todays

# Everything that exists before is built, and comes to its end, at the first speed; Slack takes replies for 28 minutes, which
# are a real minute then. What is in flight is slow, because the product has shorter limits that a busy computer must keep: a
# decision of a sweep holds for five minutes, and a build agent has three of them to end its work.
SPEED, SLOW = 30.0, 3.0
# Of Azure's durations in the slow part: the tenth of them that is shortest.
QUICK = {"share": 0.1}
# The environments whose lease ends, and what a sweep does then.
LEASED = {"leased": "delete", "agents": "stop"}
# What must be as before: when the warned machine stops, and until when the held one is kept awake.
SHOWN = {"warned": ("verdict", "next_action", "next_action_at", "next_action_text"), "held": ("verdict", "hold")}


@dataclass
class Story:
    """What was seen on the way."""

    older: App
    newer: App
    offered: set[str] = field(default_factory=set)
    in_flight: list[Instance] = field(default_factory=list)
    histories: list[History] = field(default_factory=list)
    said: dict[str, Any] = field(default_factory=dict)
    ended: dict[str, dict[str, Any]] = field(default_factory=dict)


def upgraded(archive: Path, folder: Path) -> Iterator[tuple[Scene, Story]]:
    """The control plane after the upgrade from a kept release, with all that was in flight ended."""
    older = kept(archive, folder / "older")
    story = Story(older, todays(folder / "newer", older))
    with (
        temporary_ground(speed=SPEED, timers=False, app=older.folder) as ground,
        ground.client() as client,
        ground.simulation() as simulation,
    ):
        azure = AzureSide(simulation)
        fleet = FleetSide(client, simulation, group="fleet")
        scene = Scene(ground, ControlPlane(client), azure, fleet, Slack(ground, client, azure))
        _prepare(scene)
        _begin(scene, story)
        _replace(scene, story)
        yield scene, story


def _prepare(scene: Scene) -> None:
    """Everything that exists before the operations begin."""
    for quota in ("cores", "StandardNVADSA10v5Family", "StandardDSv5Family"):
        for region in ("polandcentral", "swedencentral"):
            body = {"region": region, "name": quota, "limit": 10_000}
            scene.azure.client.put("/limits", json=body).raise_for_status()
    Pipelines(scene.azure)
    # Before there are environments: a busy computer builds them so slowly that this sweep would find the first ones idle.
    scene.fleet.load(**MACHINES)
    until(lambda: scene.fleet.sweep() and scene.fleet.notices("warned"), "it is not warned")
    accepted = {name: scene.plane.put(name, spec).json()["operation"] for name, spec in ENVIRONMENTS.items()}
    for operation in accepted.values():
        ended = scene.plane.wait(operation)
        assert ended["outcome"] == "succeeded", ended
    assert scene.plane.follow(scene.plane.post("starting", "stop"))["outcome"] == "succeeded"
    held = {"machine": scene.fleet.id("held"), "for": "8h", "reason": "demo"}
    scene.plane.client.post("/machines/hold", json=held).raise_for_status()
    for name, then in LEASED.items():
        scene.plane.client.post(f"/environments/{name}/extend", json={"for": "1m", "then": then}).raise_for_status()


def _begin(scene: Scene, story: Story) -> None:
    """Begin an operation of every kind that this release has, and bring it into its middle; then the host is killed."""
    story.offered = scene.orchestrators()
    cases = [case for case in CASES if {one.__name__ for one in case.runs} <= story.offered]
    until(lambda: _would_act(scene), lambda: f"the sweep would not act: {_said(scene)}")
    story.said["lines"] = _lines(scene)
    scene.azure.client.put("/durations", json=QUICK).raise_for_status()
    scene.deploy(story.older, SLOW)
    _sweep_until_held(scene)
    for case in cases:
        if case is SWEEP:
            continue
        scene.hold(**case.held)
        accepted = case.begin(scene)
        assert accepted.is_success, (case.name, accepted.text)
        if case.verb:
            scene.operations[case.name] = accepted.json()["operation"]
    scene.until_held()
    scene.ground.host.kill()
    story.in_flight = scene.in_flight()
    with scene.store() as store:
        story.histories = histories_of(store)


def _sweep_until_held(scene: Scene) -> None:
    """Sweep, alone, until a sweep is held in its middle; one that finds data missing after the restart does not act."""
    for request in (SWEEP.held, HELD_BESIDE):
        scene.hold(**request)
    begun = [SWEEP.begin(scene)]

    def is_held() -> bool:
        place = begun[-1].raise_for_status().headers["Location"]
        if scene.plane.client.get(place).raise_for_status().json()["state"] == "ended":
            begun.append(SWEEP.begin(scene))
        return not scene.missing()

    until(is_held, lambda: f"Azure has not received {scene.missing()}; {_said(scene)}")


def _would_act(scene: Scene) -> bool:
    """Whether a sweep would act on both environments whose lease has ended: not as long as their agents are late."""
    scene.fleet.sweep(dry_run=True)
    return {line["environment"]: line["next_action"] for line in _leased(scene)} == LEASED


def _leased(scene: Scene) -> list[dict[str, Any]]:
    return [line for line in lines_of_the_report(scene.plane.client) if line["environment"] in LEASED]


def _said(scene: Scene) -> str:
    """What the last sweep said of these environments, and what it did to them."""
    lines = [(line["name"], line["verdict"], line["reason"], line["next_action_text"]) for line in _leased(scene)]
    trails = [scene.plane.client.get("/operations", params={"environment": name}).json()["value"] for name in LEASED]
    done = [(one["id"], one["outcome"], one["reason"]) for trail in trails for one in trail[:-1]]
    return f"the last sweep said {lines}, and began {done}"


def _replace(scene: Scene, story: Story) -> None:
    """Today's release takes over: first Azure still does not answer, then it does, and everything comes to its end."""
    deployed = timestamp(scene.ground.clock.now())
    scene.deploy(story.newer)
    unfinished = {"runtimeStatus": "Running,Pending,Suspended", "createdTimeTo": deployed, "showInput": "false"}
    story.said["older"] = {one["instanceId"] for one in scene.instances(**unfinished)}
    again = scene.plane.client.post("/environments/stopping/stop", headers=KEY)
    story.said["repeated"] = (again.json()["operation"], again.headers.get("idempotency-replayed"))
    story.said["locked"] = scene.plane.client.post("/environments/restarting/stop")
    scene.until_held()
    scene.azure.client.delete("/durations").raise_for_status()
    scene.let_go(story.newer, SPEED)
    for case in CASES:
        if case.name in scene.operations:
            story.ended[case.name] = scene.plane.wait(scene.operations[case.name])
    until(lambda: not scene.in_flight(), "not everything has ended")
    story.said["older at the end"] = scene.instances(**unfinished)
    caught_up(scene.fleet.simulation)
    scene.fleet.sweep()
    story.said["lines after"] = _lines(scene)


def _lines(scene: Scene) -> dict[str, dict[str, Any]]:
    lines = scene.fleet.lines()
    return {name: {key: lines[name].get(key) for key in keys} for name, keys in SHOWN.items()}
