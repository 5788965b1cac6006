"""Everything that leaves instances in the task hub, once: what ends well, what fails, and what never ends."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta

import httpx

import orchestrators
from dormouse.ids import page_id
from dormouse.reconcile.passes import RECONCILE
from local.clock import timestamp
from local.host.durable.rows import ENDED
from local.leaps import HubSize, hub_of
from local.sandbox import Ground
from tests.fleet import CPU_SIZE, FleetSide, machine
from tests.integration.chat.chats import Script
from tests.support import AzureSide, ControlPlane, until

# What instances are that wait forever: for their first message, for another one, for someone to resume them.
STUCK = ("Pending", "Running", "Suspended")
SETTINGS = {"FUNCTION_KEY_ROLE": "admin"}  # only admins end operations by force


@dataclass(slots=True)
class Load:
    """Life in a sandbox; `machines` are swept. Needs SETTINGS, and no timers and no agents."""

    ground: Ground
    machines: int = 2
    group: str = "fleet"
    months: Iterator[int] = field(default_factory=itertools.count)
    stuck: set[str] = field(default_factory=set)

    def begin(self) -> None:
        """Create the machines; to be called once."""
        with self.ground.client() as client, self.ground.simulation() as simulation:
            small = {"size": CPU_SIZE, "tags": {"dormouse-idle": "on"}}
            box = {**small, "id": f"{self.group}/box", "repeat": self.machines, "power": "deallocated"}
            spare = machine(idle=None, size=CPU_SIZE, agent=False)
            simulation.post("/estate", json={"machines": [box]}, timeout=120).raise_for_status()
            FleetSide(client, simulation, self.group).load(spare=spare)

    def live(self, sweeps: int = 2) -> None:
        """Leave instances of every orchestrator, in every state in which one can be."""
        number = next(self.months)
        with self.ground.client() as client, self.ground.simulation() as simulation:
            plane, azure = ControlPlane(client), AzureSide(simulation)
            fleet = FleetSide(client, simulation, self.group)
            self._operations(plane, f"e{number}")
            self._ended_by_force(plane, azure, f"f{number}")
            self._adopt_and_release(plane, fleet)
            assert Script(self.ground, client).say("list").status_code == httpx.codes.OK
            for _ in range(sweeps):
                fleet.sweep()
            dry = [fleet.sweep(dry_run=True)["id"] for _ in STUCK]
        self._reconcile()
        self._fail(number)
        self._until_nothing_runs()
        for identifier, status in zip(dry, STUCK, strict=True):
            self._lose_messages(identifier, status)
        self._outlive(page_id(dry[0], 0))

    def retain(self) -> None:
        """Run the timer of retention twice, as in two hours: what the first run ends, the second one deletes."""
        border = timestamp(self.ground.clock.now() - timedelta(days=30))
        self._fire("retention_timer")
        until(lambda: not self._ids("created < ? AND status IN (?, ?, ?)", border, *STUCK), "what never ends has not ended")
        self._fire("retention_timer")
        until(lambda: not self._ids("created < ?", border), "old instances are left")

    def _operations(self, plane: ControlPlane, name: str) -> None:
        plane.up(name)
        for verb in ("stop", "start"):
            plane.follow(plane.post(name, verb))
        assert plane.down(name)["outcome"] == "succeeded"

    def _ended_by_force(self, plane: ControlPlane, azure: AzureSide, name: str) -> None:
        """An operation and the one step that runs, for nothing else can begin before it has ended, are terminated."""
        azure.hold_up("PUT", "/virtualMachines/", times=9)
        building = plane.put(name).json()["operation"]
        until(lambda: self._running_steps(plane, building) == ["vm"], "the machine is not the only step that runs")
        plane.client.post(f"/operations/{building}/cancel", params={"force": "true"}).raise_for_status()
        azure.behave()
        assert plane.down(name)["outcome"] == "succeeded"

    def _running_steps(self, plane: ControlPlane, operation: str) -> list[str]:
        return [step["name"] for step in plane.operation(operation)["steps"] if step["state"] == "running"]

    def _adopt_and_release(self, plane: ControlPlane, fleet: FleetSide) -> None:
        for verb, more in (("adopt", {"agent": False}), ("release", {})):
            done = plane.follow(plane.client.post(f"/machines/{verb}", json={"machine": fleet.id("spare"), **more}))
            assert done["outcome"] == "succeeded", done

    def _reconcile(self) -> None:
        """A pass: its instance has always the same ID, and another execution."""
        before = self._executions(RECONCILE)
        self._fire("reconcile_timer")
        until(lambda: self._executions(RECONCILE) not in (before, []), "no pass has begun")

    def _fail(self, number: int) -> None:
        """Every orchestrator fails once, because of an input that it cannot read."""
        for orchestrator in orchestrators.ALL:
            name = orchestrator.__name__
            where = f"http://127.0.0.1:{self.ground.port}/runtime/webhooks/durabletask/orchestrators/{name}/failed-{number}-{name}"
            httpx.post(where, json={"unreadable": True}, headers=self._master).raise_for_status()

    def _lose_messages(self, identifier: str, status: str) -> None:
        """An instance waits forever, as one does in Azure if a message to it is lost."""
        with hub_of(self.ground) as hub:
            hub.execute("UPDATE instances SET status = ?, output = NULL WHERE id = ?", (status, identifier))
            kept = 0 if status == "Pending" else 4
            hub.execute("DELETE FROM history WHERE instance = ? AND number >= ?", (identifier, kept))
        self.stuck.add(identifier)

    def _outlive(self, child: str) -> None:
        """A sub-orchestration is ten days younger than its parent, which can therefore be deleted before it."""
        later = timestamp(self.ground.clock.now() + timedelta(days=10))
        with hub_of(self.ground) as hub:
            changed = hub.execute("UPDATE instances SET created = ? WHERE id = ?", (later, child)).rowcount
        assert changed == 1, f"there is no {child}"

    def _until_nothing_runs(self) -> None:
        ended = ", ".join("?" * len(ENDED))
        until(
            lambda: HubSize.of(self.ground).waiting == 0 and self._ids(f"status NOT IN ({ended})", *ENDED) <= self.stuck,
            "something runs",
        )

    def _ids(self, condition: str, *values: str) -> set[str]:
        with hub_of(self.ground) as hub:
            return {row[0] for row in hub.execute(f"SELECT id FROM instances WHERE {condition}", values)}

    def _executions(self, identifier: str) -> list[str]:
        with hub_of(self.ground) as hub:
            return [row[0] for row in hub.execute("SELECT execution FROM instances WHERE id = ?", (identifier,))]

    def _fire(self, timer: str) -> None:
        where = f"http://127.0.0.1:{self.ground.port}/admin/functions/{timer}"
        httpx.post(where, json={}, headers=self._master).raise_for_status()

    @property
    def _master(self) -> dict[str, str]:
        return {"x-functions-key": self.ground.keys["master"]}
