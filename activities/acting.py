"""What a sweep does about one machine: warn, claim, look again, close. Its power is the business of `machine`."""

import asyncio
import secrets
from dataclasses import replace

from activities.machine import begin_power_change
from activities.records import close_operation
from cloud.connection import Cloud
from cloud.fleet import Fleet
from cloud.hooks import Hooks
from cloud.inventory import Inventory
from environments.decisions import Step
from environments.errors import CloudUnavailable
from environments.evidence import Case, Evidence, with_agent
from environments.leases import longest_hold
from environments.lifecycle import State
from environments.memory import MachineMemory, Nap, Warned, asleep, refused
from environments.moments import iso_text
from environments.notices import Delivery, Notice, Telling
from environments.operations import Closing, OperationRecord
from environments.outcomes import Progress, Verdict
from environments.reports import ReportHead
from environments.second_thoughts import is_on_its_way, second_thoughts
from environments.snoozing import snooze_link
from environments.sweeps import SWEEP_LOCK, Begun, Claim, Planned, SweepClosing, SweepEnd
from records.fleet import FleetRecords
from records.store import Lock, Records


async def warn_machine(request: Planned, cloud: Cloud) -> Delivery:
    """Write the warning down, where the agent finds it, and tell it wherever people are told; again, if nobody heard it."""
    records, now = FleetRecords(cloud.tables), cloud.now()
    warned = await _written(request, records, now)
    link = snooze_link(cloud.settings.control_plane_url, request.machine.key, warned.token)
    notice = Notice("warned", request.machine.id, request.machine.name, warned.text, now)
    told = Delivery() if warned.delivered_at else await Hooks(cloud).tell(notice, link=link)
    why = "; ".join(told.failed) or "no webhook is set, and the agent has not shown it yet"

    def noted(memory: MachineMemory | None) -> MachineMemory:
        assert memory is not None
        if memory.warned is None or memory.warned.id != warned.id or memory.warned.delivered_at:
            return memory
        heard = replace(memory.warned, delivered_at=now) if told.delivered else replace(memory.warned, undelivered=why)
        return replace(memory, warned=heard)

    await records.change_memory(request.machine.key, noted)
    return told


async def _written(request: Planned, records: FleetRecords, now: float) -> Warned:
    """The warning on record: the same as before if it is for the same reason, with a new end if nobody has heard it."""
    fresh = Warned(
        id=secrets.token_hex(8),
        reason=request.reason,
        text=f"{request.machine.name}: {request.sentence} {request.then}",
        given_at=now,
        stop_at=request.at,
        token=secrets.token_urlsafe(16),
    )

    def warned(memory: MachineMemory | None) -> MachineMemory:
        assert memory is not None
        known = memory.warned
        same = known is not None and known.reason is request.reason
        if known is not None and same and known.stop_at == request.at:
            return memory  # this very activity has run before
        if known is not None and same and not known.delivered_at:
            return replace(memory, warned=replace(known, text=fresh.text, stop_at=request.at))
        return replace(memory, warned=fresh)

    written = (await records.change_memory(request.machine.key, warned)).warned
    assert written is not None
    return written


async def claim_machine(request: Claim, cloud: Cloud) -> str:
    """Take the machine and write the operation into the trail; the operation that holds the machine now, whoever's it is."""
    records, planned = Records(cloud.tables), request.planned
    lock = Lock(request.operation, request.accepted_at, carrier=request.carrier)
    if not await records.take_lock(planned.subject, lock):
        held = await records.lock(planned.subject)
        if held is None:
            raise CloudUnavailable("The machine changed hands in this moment.")
        if held.operation != request.operation:
            return held.operation
    verb, by = planned.verb, f"sweep ({planned.reason})"
    at = iso_text(request.accepted_at)
    record = OperationRecord(request.operation, planned.subject, verb, by, at, carrier=request.carrier)
    await records.remember_operation(record)
    return request.operation


async def begin_if_still_right(request: Claim, cloud: Cloud) -> Begun:
    """Look again at a machine, and begin what was planned if it is still right: every try looks anew."""
    planned = request.planned
    case = await _seen_again(planned, cloud)
    if case is None:
        return Begun(why="Nothing is known of it any more.")
    if is_on_its_way(planned, case):
        return Begun(Progress.done())
    why = second_thoughts(planned, case)
    if why or planned.step is Step.DELETE:
        return Begun(None if why else Progress.done(), why)
    return Begun(await begin_power_change(request.power, cloud))


async def _seen_again(planned: Planned, cloud: Cloud) -> Case | None:
    """The machine as it is now: its instance view, its newest heartbeat, what people wish; None if nothing is known."""
    records, machine, now = FleetRecords(cloud.tables), planned.machine, cloud.now()
    view, memory, record = await asyncio.gather(
        Inventory(cloud).look(machine.group, machine.name, machine.subscription),
        records.memory(machine.key),
        records.heard(machine.key),
    )
    if memory is None:
        return None
    longest = cloud.settings.longest_hold_minutes
    hold = longest_hold(memory.hold, record.holds if record else (), machine.name, now, longest)
    evidence = with_agent(Evidence(), record, planned.policy.window, now) if record else Evidence()
    machine = replace(machine, state=view.state, tags=view.tags)
    return Case(machine, memory, planned.policy, now, hold=hold, evidence=evidence)


async def confirm_states(request: list, cloud: Cloud) -> dict[str, State]:  # type: ignore[type-arg]
    """The states of some machines, from one question to Resource Graph; may be some seconds old."""
    return await Fleet(cloud).states(request)


async def close_sweep_operation(request: SweepClosing, cloud: Cloud) -> bool:
    """Remember what became of the machine, write it into the trail, release the machine; whether people should be told."""
    planned, outcome, fleet = request.planned, request.outcome, FleetRecords(cloud.tables)
    tell = outcome.verdict is not Verdict.CANCELLED
    if outcome.verdict is Verdict.SUCCEEDED and planned.step is Step.STOP:
        nap = await _nap(planned, request.ended_at, cloud)
        await fleet.change_memory(planned.machine.key, lambda memory: asleep(_known(memory), nap))
    elif outcome.verdict is Verdict.FAILED:
        memory = await fleet.change_memory(planned.machine.key, lambda memory: refused(_known(memory), request.ended_at))
        tell = memory.alarmed_at == request.ended_at
    began, ended = iso_text(request.began_at), iso_text(request.ended_at)
    await close_operation(Closing(request.operation, planned.subject, outcome, began, ended), cloud)
    return tell


def _known(memory: MachineMemory | None) -> MachineMemory:
    assert memory is not None
    return memory


async def _nap(planned: Planned, now: float, cloud: Cloud) -> Nap:
    try:
        price = await cloud.prices.of_machine(planned.machine.region, planned.machine.size)
    except CloudUnavailable:
        price = None  # the hours count all the same
    return Nap(now, price.per_hour if price else 0.0, price.currency if price else "USD")


async def tell_people(request: Telling, cloud: Cloud) -> Delivery:
    """Tell people what happened, wherever the settings say; what was not reached is in the answer."""
    return await Hooks(cloud).tell(request.notice, places=request.places)


async def finish_sweep(request: SweepEnd, cloud: Cloud) -> str:
    """Make what was found the report, and let the next sweep begin."""
    asked = request.request
    head = ReportHead(asked.id, asked.dry_run, request.began_at, request.ended_at, request.pages, request.tally)
    await FleetRecords(cloud.tables).finish_report(head)
    if not asked.dry_run:
        await Records(cloud.tables).release_lock(SWEEP_LOCK, asked.id)
    return asked.id
