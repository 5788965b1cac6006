"""Second thoughts: nothing is done because of a verdict that is no longer true."""

from dataclasses import replace
from typing import Any

import pytest

from environments.decisions import Step
from environments.evidence import Case, Evidence, Track
from environments.fleet import FleetMachine
from environments.lifecycle import State
from environments.memory import Ending, Hold, Lease, MachineMemory, Reason, observed
from environments.moments import MINUTE
from environments.policy import IdlePolicy
from environments.second_thoughts import VERDICT_LIVES, is_on_its_way, second_thoughts
from environments.sweeps import Planned

NOW = 1_800_000_000.0
ID = "/subscriptions/0d0e5e00-0000-4000-8000-000000000001/resourceGroups/lab/providers/Microsoft.Compute/virtualMachines/vm"


def machine(state: State = State.RUNNING, **more: Any) -> FleetMachine:
    return FleetMachine(ID, "vm", "0d0e", "lab", "westeurope", "Standard_D4s_v5", state, **more)


def planned(step: Step = Step.STOP, reason: Reason = Reason.IDLE, age: float = 10.0) -> Planned:
    return Planned(
        step=step,
        reason=reason,
        subject="lab:vm",
        machine=machine(),
        sentence="",
        then="",
        at=NOW,
        policy=IdlePolicy(),
        judged_at=NOW - age,
    )


def case(state: State = State.RUNNING, **more: Any) -> Case:
    memory = more.pop("memory", MachineMemory(ID, 0.0, state, 0.0))
    tags = more.pop("tags", {})
    return Case(machine(state, tags=tags), memory, IdlePolicy(), NOW, **more)


def test_what_is_still_as_it_was_is_done() -> None:
    assert second_thoughts(planned(), case()) == ""
    assert second_thoughts(planned(Step.START, Reason.SCHEDULE), case(State.STOPPED)) == ""
    assert second_thoughts(planned(reason=Reason.BILLED), case(State.STOPPED_BILLED)) == ""


@pytest.mark.parametrize("reason", list(Reason))
@pytest.mark.parametrize("step", [Step.STOP, Step.START, Step.DELETE])
def test_a_verdict_ends(step: Step, reason: Reason) -> None:
    assert "judges anew" in second_thoughts(planned(step, reason, VERDICT_LIVES + 1), case())


@pytest.mark.parametrize(
    ("plan", "seen"),
    [
        (planned(), case(State.STOPPED_BILLED)),
        (planned(reason=Reason.BILLED), case(State.RUNNING)),
        (planned(Step.START, Reason.SCHEDULE), case(State.STOPPING)),
        (planned(), case(tags={"dormouse-keep": "yes"})),
        (planned(reason=Reason.LEASE), case(hold=Hold("alice", "", NOW, NOW + 60))),
        (planned(), case(evidence=Evidence(inside={}, heard_at=NOW - 11 * MINUTE))),
        (planned(reason=Reason.SCHEDULE), case(evidence=Evidence(inside={}, heard_at=NOW - 11 * MINUTE))),
        (planned(), case(evidence=Evidence(inside={"jobs": Track((0.0,) * 30, (1.0,))}, heard_at=NOW))),
    ],
)
def test_what_has_changed_meanwhile_stops_it(plan: Planned, seen: Case) -> None:
    assert second_thoughts(plan, seen)


def test_a_lease_is_read_again() -> None:
    over = MachineMemory(ID, 0.0, State.RUNNING, 0.0, lease=Lease(NOW - 1, Ending.STOP, "alice"))
    plan = planned(reason=Reason.LEASE)
    assert second_thoughts(plan, case(memory=over)) == ""
    for changed in (None, Lease(NOW + 1, Ending.STOP, "alice"), Lease(NOW - 1, Ending.DELETE, "alice")):
        assert "changed meanwhile" in second_thoughts(plan, case(memory=replace(over, lease=changed)))


def test_what_has_begun_before_is_not_called_a_change() -> None:
    assert is_on_its_way(planned(), case(State.STOPPING))
    assert is_on_its_way(planned(Step.START, Reason.SCHEDULE), case(State.RUNNING))
    assert not is_on_its_way(planned(), case(State.RUNNING))


def test_a_machine_that_was_made_anew_is_a_stranger() -> None:
    old = MachineMemory(ID, NOW - 900, State.RUNNING, NOW - 900, refused_until=NOW + 900)
    old = replace(old, lease=Lease(NOW - 60, Ending.DELETE, "alice", NOW - 800), hold=Hold("bob", "", NOW - 30, NOW + 60))
    new = observed(old, machine(created=NOW - 100), "", NOW)
    assert (new.first_seen, new.lease, new.refused_until) == (NOW, None, 0.0)
    assert new.hold == old.hold, "what was wished since it was made is for the new one"
    assert observed(old, machine(created=NOW - 5000), "", NOW).lease == old.lease


def test_a_lease_that_has_stopped_a_machine_stops_it_no_more() -> None:
    lease = Lease(NOW - 60, Ending.STOP, "alice", NOW - 800)
    asleep = MachineMemory(ID, 0.0, State.STOPPED, NOW - 30, lease=lease)
    assert observed(asleep, machine(), "", NOW).lease is None
    running = replace(asleep, state=State.RUNNING)
    assert observed(running, machine(), "", NOW).lease == lease
