"""The agents in simulated machines: they send heartbeats to the control plane over HTTP, and follow its responses."""

import asyncio
import heapq
import logging
import math
import re
from dataclasses import dataclass
from typing import Any

import aiohttp

from local.azure.core.store import Document
from local.azure.core.world import AGENTS, World
from local.azure.providers.kinds import MACHINE
from local.azure.services.tokens import Issuer
from local.azure.vms.agent_process import agent_of, begun
from local.azure.vms.heartbeats import Heartbeat, Memory, has_reader, heartbeat, memory_of
from local.azure.vms.timelines import MINUTE

log = logging.getLogger(__name__)

MOST_AT_A_TIME = 50
LEAST_REAL_PAUSE = 0.5
PATIENCE = 30.0
USUAL_PAUSE, PAUSE_WITHOUT_RIGHT, FIRST_BACK_OFF, LAST_BACK_OFF = 60.0, 300.0, 15.0, 600.0
NO_RIGHT, TOO_MUCH, NO_ANSWER = (401, 403, 404), (413, 422), 0
GROUPS = re.compile("/resourcegroups/", re.IGNORECASE)


@dataclass(slots=True)
class Agent:
    """One running agent: its memory, its token with its expiry, and the status of its last response."""

    memory: Memory
    token: str = ""
    expires: float = 0.0
    failures: int = 0
    caught_up: bool = False
    pause: float = USUAL_PAUSE


def claims_of(world: World, machine: Document) -> dict[str, Any]:
    """The claims in the tokens of a machine's managed identity."""
    principal = machine["identity"]["principalId"]
    client = world.guid("client", machine["id"])
    path = GROUPS.sub("/resourcegroups/", machine["id"])
    return {"oid": principal, "sub": principal, "appid": client, "idtyp": "app", "xms_mirid": path}


class Agents:
    """All running agents of the simulated machines."""

    def __init__(self, world: World, issuer: Issuer, control_plane: str, audience: str) -> None:
        """`control_plane` and `audience` are for agents without their own configuration; without both, they are silent."""
        self._world, self._issuer = world, issuer
        self._usual = {"control_plane": control_plane, "audience": audience}
        self._running: dict[str, Agent] = {}
        self._due: list[tuple[float, str]] = []
        self._under_way: set[asyncio.Task[None]] = set()
        world.changed.update(machine["id"].lower() for machine in world.resources(MACHINE))

    def pending(self) -> int:
        """How many agents have unreported minutes."""
        self._schedule_new(math.inf)
        over, late = (
            int(self._world.seconds() // MINUTE) - 1,
            1 + math.ceil(LEAST_REAL_PAUSE * self._world.clock.speed / MINUTE),
        )
        return sum(
            not agent.caught_up or over - agent.memory.told > late + math.ceil(agent.pause / MINUTE)
            for key, agent in self._running.items()
            if self._machine(key) is not None
        )

    async def run(self) -> None:
        """Let agents send whenever they are due, until cancelled."""
        connector = aiohttp.TCPConnector(limit=MOST_AT_A_TIME)
        async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=PATIENCE)) as session:
            try:
                while True:
                    now = asyncio.get_running_loop().time()
                    self._schedule_new(now)
                    while self._due and self._due[0][0] <= now and len(self._under_way) < MOST_AT_A_TIME:
                        _, key = heapq.heappop(self._due)
                        task = asyncio.create_task(self._turn(session, key))
                        self._under_way.add(task)
                        task.add_done_callback(self._under_way.discard)
                    await asyncio.sleep(0.02)
            finally:
                for task in self._under_way:
                    task.cancel()

    def _schedule_new(self, now: float) -> None:
        """Schedule agents that have appeared since the last call; `now` is in real seconds."""
        changed, self._world.changed = self._world.changed, set()
        for key in changed:
            machine = self._machine(key)
            if machine is None or key in self._running:
                continue
            self._running[key] = Agent(memory_of(self._world, machine))
            up = max(begun(machine), machine["_guest"].get("resumed", 0.0)) + MINUTE
            pause = max(up - self._world.seconds(), 0.0) / self._world.clock.speed
            heapq.heappush(self._due, (0.0 if math.isinf(now) else now + pause, key))

    def _machine(self, key: str) -> Document | None:
        """The machine, if its agent has a control plane to report to, and an identity."""
        machine = self._world.resource(key)
        agent = agent_of(machine)
        if machine is None or agent is None or not {**self._usual, **agent}["control_plane"]:
            return None
        return machine if machine.get("identity", {}).get("principalId") else None

    async def _turn(self, session: aiohttp.ClientSession, key: str) -> None:
        pause = USUAL_PAUSE
        machine = self._machine(key)
        if machine is None:  # the machine or its agent has stopped
            del self._running[key]
            return
        try:
            pause = await self._send(session, machine, self._running[key])
        except Exception:  # one failing agent must not stop the others
            log.exception("An agent failed: %s", key)
        # What an agent that catches up has left is sent at once; a refusal always asks for a pause.
        real = max(pause / self._world.clock.speed, LEAST_REAL_PAUSE) if pause else 0.0
        heapq.heappush(self._due, (asyncio.get_running_loop().time() + real, key))

    async def _send(self, session: aiohttp.ClientSession, machine: Document, agent: Agent) -> float:
        """Send the unreported minutes, and return the simulated seconds until the next heartbeat."""
        if agent.memory.begun != begun(machine):
            agent.memory, agent.token, agent.caught_up = memory_of(self._world, machine), "", False
        memory = agent.memory
        beat = heartbeat(self._world, machine, memory)
        if not beat.body:
            memory.told, agent.caught_up = max(beat.over, memory.told), True
            return USUAL_PAUSE
        memory.status, answer, retry_after = await self._posted(session, machine, agent, beat.body)
        if memory.status == 200 and answer.get("confirmed"):
            pause = self._accepted(agent, beat, answer, has_reader=has_reader(self._world, machine))
        else:
            pause = self._refused(agent, beat, retry_after)
        self._world.store.put(AGENTS, machine["id"], memory.document)
        return pause

    async def _posted(
        self, session: aiohttp.ClientSession, machine: Document, agent: Agent, body: bytes
    ) -> tuple[int, dict[str, Any], float]:
        """The status of the response, its content, and the requested delay."""
        configured = {**self._usual, **(agent_of(machine) or {})}
        if agent.expires < self._world.seconds() + 5 * MINUTE or not agent.token:
            agent.token, agent.expires = self._issuer.token(configured["audience"], **claims_of(self._world, machine))
        headers = {"Authorization": f"Bearer {agent.token}", "Content-Type": "application/json"}
        try:
            async with session.post(f"{configured['control_plane']}/heartbeats", data=body, headers=headers) as answer:
                said = await answer.json(content_type=None) if answer.status == 200 else {}
                after = answer.headers.get("Retry-After", "")
                return answer.status, said if isinstance(said, dict) else {}, float(after) if after.isdigit() else 0.0
        except (aiohttp.ClientError, TimeoutError, ValueError):
            return NO_ANSWER, {}, 0.0

    def _accepted(self, agent: Agent, beat: Heartbeat, answer: dict[str, Any], *, has_reader: bool) -> float:
        memory, warning = agent.memory, answer.get("warning")
        memory.told, memory.hold, agent.failures = beat.until, answer.get("hold"), 0
        memory.to_report = [item for item in memory.to_report if item not in beat.reported]
        if warning and has_reader and warning["id"] not in [shown["id"] for shown in memory.warnings]:
            memory.warnings.append({**warning, "at": self._world.text()})
            memory.to_report.append(warning["id"])
        agent.caught_up = beat.until >= beat.over
        agent.pause = float(answer.get("next_in_seconds", USUAL_PAUSE))
        return agent.pause if agent.caught_up else 0.0

    def _refused(self, agent: Agent, beat: Heartbeat, retry_after: float) -> float:
        memory, agent.caught_up = agent.memory, False
        if memory.status in NO_RIGHT:
            agent.token = ""
            return PAUSE_WITHOUT_RIGHT
        if memory.status in TOO_MUCH:
            memory.told = (memory.told + beat.over + 1) // 2
            return USUAL_PAUSE
        agent.failures += 1
        return max(retry_after, min(FIRST_BACK_OFF * math.pow(2, agent.failures - 1), LAST_BACK_OFF))
