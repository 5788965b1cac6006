"""A year of sweeps, heartbeats, operations and receipts at simulated times: every table stays as large as it was."""

import asyncio
import json
from dataclasses import dataclass, field, replace
from functools import partial

import azure.functions as func

from activities.idle.complete import finish_sweep
from activities.idle.evaluate import Known, case_of, evaluated, store_page
from dormouse.clock import DAY, HOUR, MINUTE
from dormouse.cloud.clients import Cloud
from dormouse.environments.operations import OperationRecord
from dormouse.environments.results import Outcome, OutcomeStatus
from dormouse.idle.evaluation import EvaluationRules
from dormouse.idle.heartbeats.agent_record import merge_heartbeat
from dormouse.idle.heartbeats.heartbeat import Heartbeat, Minute
from dormouse.idle.policy import IdlePolicy
from dormouse.idle.report import SweepSummary
from dormouse.idle.sweep import SWEEP_LOCK, PageRequest, SweepEnd, SweepRequest
from dormouse.ids import first_ulid
from dormouse.lifecycle import State, Verb
from dormouse.reconcile.passes import FormerEnvironment
from dormouse.records.deduplication import ANSWERS, CHAT
from dormouse.records.environments import Lock
from dormouse.resources.compute.machines import VirtualMachine, machine_id
from dormouse.resources.sizes.price_rows import Price
from dormouse.services.dependencies import Dependencies
from dormouse.services.durable_client import DurableClient
from dormouse.timers import receipts_timer, retention_timer
from tests.infra.bicep import read
from tests.support import ROOT
from tests.unit.builders import environment_record
from tests.unit.twins import SETTINGS, MemoryTables, Orchestrations, reads_of, stopped_clock

BEGIN = 1_800_000_000.0
STEP, MEASURED_EVERY = 12 * HOUR, 5
MACHINES, REPORTING = 6, 2
SHORT = replace(SETTINGS, trail_kept_days=60, machines_kept_days=20)
# From here on nothing may grow: everything that is kept has been kept for long enough once.
SETTLED = 150 * DAY
ROOM = 1.10
ROWS, BYTES = 1, 2
TABLES = set(read(ROOT / "infra" / "modules" / "storage.bicep").of("variable")["tables"].value)


@dataclass(slots=True)
class Year:
    """What happens in a control plane, twice a day, and the size of each table afterwards: rows and bytes."""

    tables: MemoryTables = field(default_factory=MemoryTables)
    sizes: dict[str, list[tuple[float, int, int]]] = field(default_factory=dict)
    sweeps: int = 0

    async def pass_by(self, days: int) -> None:
        """Let so many days pass."""
        for number in range(int(days * DAY / STEP)):
            now = BEGIN + number * STEP
            self.tables.now = now
            known = reads_of(self.tables, now=now, settings=SHORT)
            await self.happen(number, now, known)
            client, timer = DurableClient(Orchestrations()), func.timer.TimerRequest(past_due=False)
            await retention_timer(timer, client, known)
            await receipts_timer(timer, client, known)
            if number % MEASURED_EVERY:
                continue
            for name in TABLES:
                rows = self.tables.get_table_client(name).rows.values()
                size = sum(len(json.dumps(dict(row))) for row in rows)
                self.sizes.setdefault(name, []).append((now - BEGIN, len(rows), size))

    async def happen(self, number: int, now: float, known: Dependencies) -> None:
        """One sweep, an operation, heartbeats, receipts; every tenth time an environment comes and an old one goes."""
        machines = [_machine(place, number, now) for place in range(MACHINES)]
        await self._sweep(machines, number, now, known)
        for machine in machines[:REPORTING]:
            beat = Heartbeat(version=1, machine=machine.id, boot="0" * 32, uptime_seconds=now - BEGIN, gpu="ok", minutes=(
                Minute(sequence=int((now - BEGIN) / MINUTE), age_seconds=1.0, signals={}),
            ))  # fmt: skip
            await known.machines.change_heard(machine.key, partial(merge_heartbeat, beat=beat, now=now), now)
        ulid = first_ulid(int(now * 1000))
        outcome = Outcome(OutcomeStatus.SUCCEEDED, "It is deallocated.")
        await known.records.remember_operation(
            OperationRecord(f"e-stop-{ulid}", "e", Verb.STOP, "alice", known.clock.text(), outcome=outcome)
        )
        for kind in (CHAT, ANSWERS):
            await known.receipts.take(kind, f"message-{number}", "{}", now)
        if number % 10 == 0:
            await known.records.remember_environment(environment_record(f"e{number}"))
            old = environment_record(f"e{number - 50}")
            ended = FormerEnvironment(old.name, old.region, f"{old.name}-delete-{ulid}", now, tuple(old.resources))
            await known.reconciled.remember_former(ended)
            await known.records.forget_environment(old.name)
            price = Price(1 + number, "USD", "", known.clock.text())
            await known.price_records.keep("westeurope", "standard_d4s_v5", price, now)

    async def _sweep(self, machines: list[VirtualMachine], number: int, now: float, known: Dependencies) -> None:
        cloud = Cloud(SHORT, stopped_clock(now))
        cloud.tables = self.tables
        sweep = f"sweep-{first_ulid(int(now * 1000))}"
        assert await known.records.take_lock(SWEEP_LOCK, Lock(sweep, now)), "an earlier sweep has left its lock"
        keys = sorted(machine.key for machine in machines)
        remembered = await known.machines.tracked_between(keys[0], keys[-1])
        seen = Known(EvaluationRules(IdlePolicy()), remembered=remembered)
        found = [evaluated(case_of(machine, seen, now)) for machine in machines]
        page = await store_page(PageRequest(sweep, 0, 1, dry_run=False, now=now), found, seen, set(), cloud)
        end = SweepEnd(SweepRequest(sweep), now, now, 1, page.summary if page.summary.machines else SweepSummary())
        await finish_sweep(end, cloud)
        await cloud.close()
        self.sweeps += 1


def _machine(place: int, number: int, now: float) -> VirtualMachine:
    """A machine that runs by day and is deallocated by night, and that another one replaces every ten days."""
    name = f"vm{place}-{(number + 7 * place) // 20}"
    state = State.RUNNING if number % 2 else State.STOPPED
    tags = {"dormouse-idle": "on"}
    identifier = machine_id("s", "lab", name)
    return VirtualMachine(identifier, name, "s", "lab", "westeurope", "Standard_D4s_v5", state, now - 40 * DAY, tags)


def growth(year: Year, name: str, column: int) -> float:
    """How much larger a table is at its largest in the last part of the year than in the part before it."""
    settled = [size for size in year.sizes[name] if size[0] >= SETTLED]
    half = len(settled) // 2
    before, after = (max(size[column] for size in part) for part in (settled[:half], settled[half:]))
    return after / max(before, 1)


def test_in_a_year_no_table_grows() -> None:
    year = Year()
    asyncio.run(year.pass_by(365))
    written = {name for name in TABLES if max(rows for _, rows, _ in year.sizes[name])}
    # Locks are released within each step.
    assert TABLES - written == {"locks"}, "a table that this year does not write, and whose size it therefore cannot prove"
    grown = {
        name: round(growth(year, name, 2), 2)
        for name in TABLES
        if growth(year, name, 1) > ROOM or growth(year, name, 2) > ROOM
    }
    assert grown == {}
    assert not year.tables.get_table_client("locks").rows
